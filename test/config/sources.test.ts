import { describe, expect, it } from 'vitest';
import { problemsOf, SETTINGS_FILE, settingsOf } from './sources.ts';

describe('precedence', () => {
  const file = { [SETTINGS_FILE]: 'PAYRECON_MAX_ATTEMPTS=7\n' };

  it('is flag, environment, file, default', () => {
    const env = { PAYRECON_MAX_ATTEMPTS: '8' };
    const flags = { 'max-attempts': '9' };
    const seen = [{}, { files: file }, { files: file, env }, { files: file, env, flags }].map(
      (given) => {
        const { maxAttempts, origins } = settingsOf(given);
        return [maxAttempts, origins.get('PAYRECON_MAX_ATTEMPTS')];
      },
    );
    expect(seen).toEqual([
      [5, undefined],
      [7, `file ${SETTINGS_FILE}`],
      [8, 'environment'],
      [9, 'flag'],
    ]);
  });

  it('does not judge a value that another one hides', () => {
    expect(
      settingsOf({
        files: { [SETTINGS_FILE]: 'PAYRECON_MAX_ATTEMPTS=wrong' },
        env: { PAYRECON_MAX_ATTEMPTS: '8' },
      }).maxAttempts,
    ).toBe(8);
  });
});

describe('the settings file', () => {
  it('is read with its quotes, comments and byte order mark', () => {
    const text =
      '\ufeff# payrecon\r\nexport PAYRECON_SCHEDULE="*/5 * * * *"  # often\r\n\r\nPAYRECON_OPERATOR=\'Ada L.\'\r\nDATABASE_URL=sqlite:/var/lib/ledger.db\r\n';
    expect(settingsOf({ files: { [SETTINGS_FILE]: text } })).toMatchObject({
      schedule: '*/5 * * * *',
      operator: 'Ada L.',
      database: { kind: 'sqlite', path: '/var/lib/ledger.db' },
      configFile: SETTINGS_FILE,
    });
  });

  it('is another one when named, by the flag before the variable, from the current directory', () => {
    const files = {
      '/srv/shop/a.env': 'PAYRECON_MAX_ATTEMPTS=6',
      '/etc/b.env': 'PAYRECON_MAX_ATTEMPTS=7',
      [SETTINGS_FILE]: 'PAYRECON_MAX_ATTEMPTS=8',
    };
    expect(
      settingsOf({ files, flags: { config: 'a.env' }, env: { PAYRECON_CONFIG: '/etc/b.env' } }),
    ).toMatchObject({ maxAttempts: 6, configFile: '/srv/shop/a.env' });
    expect(settingsOf({ files, env: { PAYRECON_CONFIG: '/etc/b.env' } })).toMatchObject({
      maxAttempts: 7,
      configFile: '/etc/b.env',
    });
  });

  it('may be missing only where nobody named it', () => {
    expect(settingsOf({}).configFile).toBeNull();
    expect(problemsOf({ flags: { config: 'a.env' } })).toEqual([
      '--config: there is no file /srv/shop/a.env',
    ]);
    expect(problemsOf({ env: { PAYRECON_CONFIG: '/etc/b.env' } })).toEqual([
      'PAYRECON_CONFIG: there is no file /etc/b.env',
    ]);
    expect(problemsOf({ flags: { config: '' } })).toEqual(['--config: it is empty: name a file']);
    expect(problemsOf({ unreadable: [SETTINGS_FILE] })).toEqual([
      `PAYRECON_CONFIG: ${SETTINGS_FILE} cannot be read: EACCES: permission denied`,
    ]);
  });

  it.each<[string, string, string]>([
    [
      'a line without =',
      'PAYRECON_MAX_ATTEMPTS 5\nPAYRECON_OPERATOR=ada',
      `line 1 of ${SETTINGS_FILE}: it is not of the form NAME=value`,
    ],
    [
      'a name that is unknown',
      '\nPAYRECON_MAXATTEMPTS=5',
      `line 2 of ${SETTINGS_FILE}: there is no setting "PAYRECON_MAXATTEMPTS"; did you mean PAYRECON_MAX_ATTEMPTS?`,
    ],
    [
      "another program's name",
      'NO_COLOR=1',
      `line 1 of ${SETTINGS_FILE}: there is no setting "NO_COLOR"`,
    ],
    [
      'its own name',
      'PAYRECON_CONFIG=/x',
      `line 1 of ${SETTINGS_FILE}: PAYRECON_CONFIG names this file`,
    ],
    [
      'a name twice',
      'PAYRECON_OPERATOR=a\nPAYRECON_OPERATOR=b',
      `line 2 of ${SETTINGS_FILE}: PAYRECON_OPERATOR was already set above`,
    ],
    [
      'a value that is wrong',
      'PAYRECON_MAX_ATTEMPTS=0',
      `PAYRECON_MAX_ATTEMPTS in ${SETTINGS_FILE}: it must be a whole number`,
    ],
    [
      'a key',
      'STRIPE_SECRET_KEY=sk_test_hidden',
      'put it into a file of its own and name that in STRIPE_SECRET_KEY_FILE',
    ],
    [
      'the other key',
      'SENDGRID_API_KEY=SG.hidden',
      'put it into a file of its own and name that in SENDGRID_API_KEY_FILE',
    ],
    [
      'a password in the URL',
      'DATABASE_URL=postgres://ada:hidden@db/pay',
      'name that in DATABASE_URL_FILE',
    ],
    [
      'a password in a parameter',
      'DATABASE_URL=postgres://ada@db/pay?password=hidden',
      'name that in DATABASE_URL_FILE',
    ],
  ])('refuses %s', (_, text, sentence) => {
    const found = problemsOf({ files: { [SETTINGS_FILE]: text } });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(sentence);
    expect(found[0]).not.toContain('hidden');
  });

  it('refuses a secret even where the environment hides it', () => {
    expect(
      problemsOf({
        files: { [SETTINGS_FILE]: 'STRIPE_SECRET_KEY=sk_test_a' },
        env: { STRIPE_SECRET_KEY: 'sk_test_b' },
      }),
    ).toHaveLength(1);
  });

  it('may say where the ledger is, and where the secrets are, from its own folder', () => {
    const files = {
      '/etc/pay/s.env': 'DATABASE_URL=postgres://ada@db/pay\nSTRIPE_SECRET_KEY_FILE=stripe.key\n',
      '/etc/pay/stripe.key': 'sk_test_abc\n',
    };
    expect(settingsOf({ files, flags: { config: '/etc/pay/s.env' } })).toMatchObject({
      stripeSecretKey: 'sk_test_abc',
      database: { kind: 'postgres', url: 'postgres://ada@db/pay' },
    });
  });
});

describe('secrets', () => {
  it.each([
    ['STRIPE_SECRET_KEY', 'sk_test_abc', 'stripeSecretKey', 'sk_test_abc'],
    ['SENDGRID_API_KEY', 'SG.abc', 'sendgridApiKey', 'SG.abc'],
    [
      'DATABASE_URL',
      'postgres://a:b@h/d',
      'database',
      { kind: 'postgres', url: 'postgres://a:b@h/d', shown: 'postgres://a@h/d' },
    ],
  ])(
    '%s comes from a file, or from the credentials folder under either name',
    (name, text, property, value) => {
      const credentials = { CREDENTIALS_DIRECTORY: '/run/credentials/payrecon' };
      const upper = `/run/credentials/payrecon/${name}`;
      const lower = `/run/credentials/payrecon/${name.toLowerCase()}`;
      const seen = [
        settingsOf({
          env: { [`${name}_FILE`]: 'secret' },
          files: { '/srv/shop/secret': `\n${text}\n` },
        }),
        settingsOf({ env: credentials, files: { [upper]: { text: `${text}\n`, mode: 0o444 } } }),
        settingsOf({ env: credentials, files: { [lower]: text } }),
      ];
      for (const settings of seen) {
        expect(settings).toHaveProperty(property, value);
        expect(settings.warnings).toEqual([]);
      }
      expect(seen.map(({ origins }) => origins.get(name))).toEqual([
        'secret file /srv/shop/secret',
        `credential ${upper}`,
        `credential ${lower}`,
      ]);
    },
  );

  it('come from what was said here before what the service manager has', () => {
    const files = { '/run/c/STRIPE_SECRET_KEY': 'sk_test_credential', '/f': 'sk_test_file' };
    const env = { CREDENTIALS_DIRECTORY: '/run/c' };
    expect(
      settingsOf({ files, env: { ...env, STRIPE_SECRET_KEY: 'sk_test_env' } }).stripeSecretKey,
    ).toBe('sk_test_env');
    expect(
      settingsOf({ files, env: { ...env, STRIPE_SECRET_KEY_FILE: '/f' } }).stripeSecretKey,
    ).toBe('sk_test_file');
    expect(settingsOf({ files, env }).stripeSecretKey).toBe('sk_test_credential');
  });

  it('are refused when given in two ways', () => {
    const found = problemsOf({
      env: { STRIPE_SECRET_KEY: 'sk_test_a', STRIPE_SECRET_KEY_FILE: '/f' },
      files: { '/f': 'sk_test_b' },
    });
    expect(found).toEqual([
      'STRIPE_SECRET_KEY: both STRIPE_SECRET_KEY and STRIPE_SECRET_KEY_FILE are set: keep one of them',
    ]);
  });

  it.each<[string, Parameters<typeof problemsOf>[0], string]>([
    ['missing', {}, 'STRIPE_SECRET_KEY_FILE: there is no file /f'],
    ['empty', { files: { '/f': ' \n' } }, 'STRIPE_SECRET_KEY_FILE: the file /f is empty'],
    ['unreadable', { unreadable: ['/f'] }, 'STRIPE_SECRET_KEY_FILE: /f cannot be read: EACCES'],
    [
      'something else',
      { files: { '/f': 'hello' } },
      "STRIPE_SECRET_KEY_FILE: it is not one of Stripe's secret keys",
    ],
  ])('are named by their file when it is %s', (_, given, sentence) => {
    const found = problemsOf({ ...given, env: { STRIPE_SECRET_KEY_FILE: '/f' } });
    expect(found[0]).toContain(sentence);
  });

  it.each([
    [0o600, 0],
    [0o400, 0],
    [0o640, 1],
    [0o644, 1],
    [0o604, 1],
  ])('warn when others may read the file (%o)', (mode, count) => {
    const { warnings } = settingsOf({
      env: { STRIPE_SECRET_KEY_FILE: '/f' },
      files: { '/f': { text: 'sk_test_a', mode } },
    });
    expect(warnings).toHaveLength(count);
    if (count > 0)
      expect(warnings[0]).toBe(
        '/f (STRIPE_SECRET_KEY_FILE) can be read by other users of this machine: chmod 600 it',
      );
  });
});

import { describe, expect, it } from 'vitest';
import { describeSettings } from '../../src/config/describe.ts';
import { requireStripe } from '../../src/config/settings.ts';
import { PayreconError } from '../../src/domain/errors.ts';
import { problemsOf, refusalOf, SETTINGS_FILE, settingsOf } from './sources.ts';

const TEST_KEY = 'sk_test_51NabcDEF';
const LIVE_KEY = 'sk_live_51NabcDEF';

describe('loadSettings', () => {
  it.each([
    ['PAYRECON_OPERATOR', 'J\ufffdrg'],
    ['PAYRECON_MAIL_FROM', 'caf\ufffd@example.com'],
    ['DATABASE_URL', 'sqlite:/var/lib/caf\ufffd/ledger.db'],
    ['DATABASE_URL', 'postgres://payrecon@db/caf\ufffd'],
  ])('refuses %s in bytes that are no UTF-8: %j', (name, value) => {
    expect(problemsOf({ env: { [name]: value } })).toEqual([
      expect.stringContaining(`${name}: it was written in bytes that are no UTF-8 (U+FFFD at`),
    ]);
  });

  it('needs nothing: every setting has a default or may be missing', () => {
    const { origins, warnings, ...values } = settingsOf({});
    expect(values).toEqual({
      database: {
        kind: 'sqlite',
        path: '/home/ada/.local/share/payrecon/ledger.db',
        shown: 'sqlite:/home/ada/.local/share/payrecon/ledger.db',
      },
      stripeSecretKey: null,
      stripeMode: 'none',
      live: false,
      namespace: '',
      newLedger: false,
      stripeApiBase: null,
      stripeDeadlineMs: 20_000,
      stripeRps: 100,
      stripeProxy: null,
      sendgridProxy: null,
      stripeEndpointRps: 25,
      sendgridApiKey: null,
      sendgridApiBase: null,
      mailFrom: null,
      mailReplyTo: null,
      operatorEmail: null,
      pendingAfterMs: 300_000,
      maxAttempts: 5,
      backoffBaseMs: 60_000,
      backoffCapMs: 3_600_000,
      stuckAfterMs: 86_400_000,
      schedule: '* * * * *',
      timeZone: 'UTC',
      duplicateWindowMs: 600_000,
      operator: null,
      configFile: null,
    });
    expect([...origins]).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it.each<[string, string, string, unknown]>([
    ['STRIPE_SECRET_KEY', 'rk_test_abc', 'stripeSecretKey', 'rk_test_abc'],
    ['STRIPE_API_BASE', 'http://127.0.0.1:12111/', 'stripeApiBase', 'http://127.0.0.1:12111'],
    ['SENDGRID_API_KEY', 'SG.abc', 'sendgridApiKey', 'SG.abc'],
    [
      'SENDGRID_API_BASE',
      'https://mail.example.com',
      'sendgridApiBase',
      'https://mail.example.com',
    ],
    ['PAYRECON_MAIL_FROM', 'shop@example.com', 'mailFrom', 'shop@example.com'],
    [
      'PAYRECON_MAIL_FROM',
      "Ada's Shop <pay@example.com>",
      'mailFrom',
      "Ada's Shop <pay@example.com>",
    ],
    ['PAYRECON_MAIL_REPLY_TO', 'Help <help@example.com>', 'mailReplyTo', 'Help <help@example.com>'],
    ['PAYRECON_OPERATOR_EMAIL', 'ops@example.com', 'operatorEmail', 'ops@example.com'],
    ['PAYRECON_PENDING_AFTER', '0', 'pendingAfterMs', 0],
    ['PAYRECON_MAX_ATTEMPTS', '100', 'maxAttempts', 100],
    ['PAYRECON_BACKOFF_BASE', '100ms', 'backoffBaseMs', 100],
    ['PAYRECON_BACKOFF_CAP', '2h', 'backoffCapMs', 7_200_000],
    ['PAYRECON_STUCK_AFTER', '7d', 'stuckAfterMs', 604_800_000],
    ['PAYRECON_STRIPE_DEADLINE', '100ms', 'stripeDeadlineMs', 100],
    ['PAYRECON_STRIPE_RPS', '0.5', 'stripeRps', 0.5],
    ['PAYRECON_STRIPE_ENDPOINT_RPS', '10', 'stripeEndpointRps', 10],
    ['PAYRECON_TIMEZONE', 'Europe/Berlin', 'timeZone', 'Europe/Berlin'],
    ['PAYRECON_SCHEDULE', '*/5 9-17 * * Mon,Tue', 'schedule', '*/5 9-17 * * Mon,Tue'],
    ['PAYRECON_OPERATOR', 'Ada Lovelace', 'operator', 'Ada Lovelace'],
    ['PAYRECON_DUPLICATE_WINDOW', '0', 'duplicateWindowMs', 0],
    ['PAYRECON_LIVE', '1', 'live', true],
    ['PAYRECON_NAMESPACE', 'Shop-2.eu_west', 'namespace', 'Shop-2.eu_west'],
    ['PAYRECON_NAMESPACE', 'n'.repeat(40), 'namespace', 'n'.repeat(40)],
    ['PAYRECON_NEW_LEDGER', '1', 'newLedger', true],
    ['PAYRECON_NEW_LEDGER', '0', 'newLedger', false],
  ])('reads %s=%s', (name, text, property, value) => {
    const settings = settingsOf({ env: { [name]: text } });
    expect(settings).toHaveProperty(property, value);
    expect(settings.origins.get(name)).toBe('environment');
  });

  it('reports every problem at once, each under the name to fix', () => {
    const refusal = refusalOf({
      flags: { 'max-attempts': '0' },
      env: {
        DATABASE_URL: 'mysql://u:p@h/d',
        STRIPE_SECRET_KEY: 'pk_test_1',
        PAYRECON_PENDING_AFTER: '5',
        PAYRECON_PENDNG_AFTER: '5m',
        PAYRECON_BACKOFF_BASE: '2h',
      },
    });
    expect(refusal).toMatchObject({
      kind: 'configuration',
      code: 'bad_settings',
      message: '6 settings are wrong',
    });
    expect(refusal.problems.map(({ field }) => field).sort()).toEqual([
      '--max-attempts',
      'DATABASE_URL',
      'PAYRECON_BACKOFF_BASE',
      'PAYRECON_PENDING_AFTER',
      'PAYRECON_PENDNG_AFTER',
      'STRIPE_SECRET_KEY',
    ]);
  });

  it.each<[Record<string, string>, string]>([
    [{ PAYRECON_PENDING_AFTER: '5' }, 'such as 500ms, 30s, 5m, 2h or 7d'],
    [{ PAYRECON_PENDING_AFTER: '-5m' }, 'such as 500ms'],
    [{ PAYRECON_PENDING_AFTER: '366d' }, 'from 0s to 365d'],
    [{ PAYRECON_STRIPE_DEADLINE: '99ms' }, 'from 100ms to 2m'],
    [{ PAYRECON_STRIPE_DEADLINE: '121s' }, 'from 100ms to 2m'],
    [{ PAYRECON_MAX_ATTEMPTS: '0' }, 'a whole number from 1 to 100'],
    [{ PAYRECON_MAX_ATTEMPTS: '101' }, 'a whole number from 1 to 100'],
    [{ PAYRECON_MAX_ATTEMPTS: '5.5' }, 'a whole number from 1 to 100'],
    [{ PAYRECON_MAX_ATTEMPTS: '0x5' }, 'a whole number from 1 to 100'],
    [{ PAYRECON_STRIPE_RPS: '0' }, 'a number from 0.1 to 10000'],
    [{ PAYRECON_STRIPE_RPS: '1e2' }, 'a number from 0.1 to 10000'],
    [{ PAYRECON_STRIPE_ENDPOINT_RPS: '10001' }, 'a number from 0.1 to 10000'],
    [{ PAYRECON_TIMEZONE: 'Mars/Olympus' }, 'the name of a time zone'],
    [{ PAYRECON_TIMEZONE: '+02:00' }, 'the name of a time zone'],
    [{ PAYRECON_SCHEDULE: '* * * *' }, 'a cron expression of 5 fields'],
    [{ PAYRECON_SCHEDULE: '* * * * * * *' }, 'a cron expression of 5 fields'],
    [{ PAYRECON_SCHEDULE: '* * * * $x' }, 'a cron expression of 5 fields'],
    [{ PAYRECON_MAIL_FROM: 'shop' }, 'not an e-mail address'],
    [{ PAYRECON_OPERATOR_EMAIL: 'a@b.cd\nBcc: x@y.zz' }, 'control character'],
    [{ PAYRECON_OPERATOR: 'a\u001b[2J' }, 'control character'],
    [{ PAYRECON_LIVE: 'yes' }, 'write 1 for yes'],
    [{ PAYRECON_NEW_LEDGER: 'true' }, 'write 1 for yes'],
    [{ PAYRECON_NAMESPACE: ' ' }, '1 to 40 characters of A-Z a-z 0-9 . _ -'],
    [{ PAYRECON_NAMESPACE: 'a/b' }, '1 to 40 characters'],
    [{ PAYRECON_NAMESPACE: 'a\nb' }, '1 to 40 characters'],
    [{ PAYRECON_NAMESPACE: 'shöp' }, '1 to 40 characters'],
    [{ PAYRECON_NAMESPACE: 'n'.repeat(41) }, '1 to 40 characters'],
    [{ STRIPE_API_BASE: 'http://192.168.0.7:12111' }, 'use https, or http to this machine'],
    [{ STRIPE_API_BASE: 'http://localhost.example.com' }, 'use https, or http to this machine'],
    [{ STRIPE_API_BASE: 'http://127.0.0.1.example.com' }, 'use https, or http to this machine'],
    [{ STRIPE_API_BASE: 'ftp://localhost' }, 'a URL such as'],
    [{ STRIPE_API_BASE: 'localhost:12111' }, 'a URL such as'],
    [
      { STRIPE_API_BASE: 'https://localhost/v1' },
      'must end after the host and port, as in https://localhost',
    ],
    [{ STRIPE_API_BASE: 'https://u:p@localhost' }, 'must not hold a user name or a password'],
    [{ SENDGRID_API_BASE: 'http://mail.example.com' }, 'use https, or http to this machine'],
    [{ SENDGRID_API_KEY: 'SG.a b' }, 'a space or another character'],
    [{ STRIPE_SECRET_KEY: 'sk_test_' }, 'not one of Stripe'],
    [{ STRIPE_SECRET_KEY: 'sk_test_abc\r\nX: y' }, 'not one of Stripe'],
    [{ STRIPE_SECRET_KEY: 'pk_live_abc' }, 'it is the publishable key'],
    [{ PAYRECON_BACKOFF_BASE: '2h' }, 'must not be longer than PAYRECON_BACKOFF_CAP'],
    [
      { PAYRECON_MAX_ATTEMPT: '5' },
      'there is no setting "PAYRECON_MAX_ATTEMPT"; did you mean PAYRECON_MAX_ATTEMPTS?',
    ],
    [
      { PAYRECON_WINDOW_SIZE_OF_THE_HOUSE: '5' },
      'there is no setting "PAYRECON_WINDOW_SIZE_OF_THE_HOUSE"',
    ],
    [{ PAYRECON_OPERATOR_FILE: '/x' }, 'there is no setting "PAYRECON_OPERATOR_FILE"'],
  ])('refuses %j', (env, sentence) => {
    const found = problemsOf({ env });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`${Object.keys(env)[0] ?? ''}: `);
    expect(found[0]).toContain(sentence);
  });

  it('never repeats a secret in a refusal', () => {
    const secret = 'hunter2hunter2';
    const refusal = refusalOf({
      env: {
        STRIPE_SECRET_KEY: `pk_${secret}`,
        SENDGRID_API_KEY: `${secret} `,
        DATABASE_URL: `postgres://u:${secret}#@h/d`,
      },
    });
    expect(refusal.problems).toHaveLength(3);
    expect(JSON.stringify([refusal.message, refusal.problems])).not.toContain(secret);
  });

  it('refuses a relative folder only where its default is needed', () => {
    const data = {
      ok: false,
      problem: { field: 'XDG_DATA_HOME', message: 'it must be an absolute path' },
    } as const;
    const config = {
      ok: false,
      problem: { field: 'XDG_CONFIG_HOME', message: 'it must be an absolute path' },
    } as const;
    expect(problemsOf({ folders: { config, data } })).toEqual([
      'XDG_CONFIG_HOME: it must be an absolute path',
      'XDG_DATA_HOME: it must be an absolute path',
    ]);
    expect(
      settingsOf({ folders: { data }, env: { DATABASE_URL: 'sqlite:/l.db' } }).database,
    ).toMatchObject({ path: '/l.db' });
  });

  it('needs no home where nothing is taken from there', () => {
    const none = { ok: false, problem: { field: 'HOME', message: 'it is not set' } } as const;
    expect(
      settingsOf({ folders: { config: none, data: none }, env: { DATABASE_URL: 'sqlite:/l.db' } }),
    ).toMatchObject({ database: { path: '/l.db' }, configFile: null });
    expect(problemsOf({ folders: { config: none, data: none } })).toEqual(['HOME: it is not set']);
  });

  it('slows down for a test key, unless told otherwise', () => {
    expect(settingsOf({ env: { STRIPE_SECRET_KEY: TEST_KEY } })).toMatchObject({
      stripeMode: 'test',
      stripeRps: 25,
    });
    expect(
      settingsOf({ env: { STRIPE_SECRET_KEY: TEST_KEY, PAYRECON_STRIPE_RPS: '60' } }),
    ).toMatchObject({ stripeRps: 60 });
    expect(settingsOf({ env: { STRIPE_SECRET_KEY: LIVE_KEY, PAYRECON_LIVE: '1' } })).toMatchObject({
      stripeMode: 'live',
      stripeRps: 100,
    });
  });
});

describe('a variable that is set but empty', () => {
  const KEY_FILE = '/run/stripe.key';
  const files = {
    [KEY_FILE]: TEST_KEY,
    [SETTINGS_FILE]: `DATABASE_URL=sqlite:/file.db\nSTRIPE_SECRET_KEY_FILE=${KEY_FILE}\nSTRIPE_API_BASE=https://localhost:1\nPAYRECON_LIVE=1\nPAYRECON_NEW_LEDGER=1\nPAYRECON_NAMESPACE=shop\nPAYRECON_MAX_ATTEMPTS=7\n`,
  };

  it.each([
    'DATABASE_URL',
    'DATABASE_URL_FILE',
    'STRIPE_API_BASE',
    'SENDGRID_API_BASE',
    'PAYRECON_CONFIG',
  ])('is refused where it decides whose ledger it is or who is asked: %s', (name) => {
    const said = [`${name}: it is set but empty: give it a value, or unset it`];
    expect(problemsOf({ env: { [name]: '' } })).toEqual(said);
    expect(
      problemsOf({ env: { [name]: '' }, ...(name === 'PAYRECON_CONFIG' ? {} : { files }) }),
    ).toEqual(said);
  });

  it('is refused in the settings file too', () => {
    for (const name of ['DATABASE_URL', 'DATABASE_URL_FILE', 'STRIPE_API_BASE']) {
      expect(problemsOf({ files: { [SETTINGS_FILE]: `${name}=\n` } })).toEqual([
        `${name} in ${SETTINGS_FILE}: it is set but empty: give it a value, or unset it`,
      ]);
      expect(problemsOf({ files: { [SETTINGS_FILE]: `${name}=""\n` } })).toHaveLength(1);
    }
  });

  it('stands for nothing where another place could put a key or a permission', () => {
    const env = {
      STRIPE_SECRET_KEY: '',
      SENDGRID_API_KEY: '',
      PAYRECON_LIVE: '',
      PAYRECON_NEW_LEDGER: '',
      PAYRECON_NAMESPACE: '',
    };
    expect(settingsOf({ env, files })).toMatchObject({
      stripeSecretKey: null,
      stripeMode: 'none',
      sendgridApiKey: null,
      live: false,
      newLedger: false,
      namespace: '',
    });
    expect(settingsOf({ files })).toMatchObject({
      stripeSecretKey: TEST_KEY,
      live: true,
      newLedger: true,
      namespace: 'shop',
    });
    expect(() => requireStripe(settingsOf({ env, files }))).toThrow(
      expect.objectContaining({
        code: 'stripe_key_missing',
        problems: [
          { field: 'STRIPE_SECRET_KEY', message: 'it is missing: the variable is set but empty' },
        ],
      }),
    );
    expect(() => requireStripe(settingsOf({ env: { STRIPE_SECRET_KEY_FILE: '' }, files }))).toThrow(
      /a secret key of Stripe is needed/,
    );
  });

  it.each([
    ['', KEY_FILE],
    [TEST_KEY, ''],
    ['', ''],
  ])('is one of two that are set (%j and %j)', (key, file) => {
    const found = problemsOf({
      env: { STRIPE_SECRET_KEY: key, STRIPE_SECRET_KEY_FILE: file },
      files,
    });
    expect(found).toEqual([
      'STRIPE_SECRET_KEY: both STRIPE_SECRET_KEY and STRIPE_SECRET_KEY_FILE are set: keep one of them',
    ]);
  });

  it('counts as not set everywhere else, as in the files of service managers', () => {
    expect(
      settingsOf({ env: { PAYRECON_MAX_ATTEMPTS: '', PAYRECON_MAIL_FROM: '' }, files }),
    ).toMatchObject({ maxAttempts: 7, mailFrom: null });
  });

  it('is refused as a file of the credentials folder', () => {
    const env = { CREDENTIALS_DIRECTORY: '/run/c' };
    expect(problemsOf({ env, files: { '/run/c/DATABASE_URL': ' \n' } })).toEqual([
      'DATABASE_URL (/run/c/DATABASE_URL): the file is empty',
    ]);
    expect(problemsOf({ env: { CREDENTIALS_DIRECTORY: 'run/c' } })).toEqual([
      'CREDENTIALS_DIRECTORY: it must be an absolute path',
    ]);
  });
});

describe('a live key', () => {
  it.each([LIVE_KEY, 'rk_live_abc'])('is refused with a code of its own (%s)', (key) => {
    const refusal = refusalOf({ env: { STRIPE_SECRET_KEY: key } });
    expect(refusal).toMatchObject({ kind: 'configuration', code: 'live_key_refused' });
    expect(refusal.problems).toEqual([
      {
        field: 'STRIPE_SECRET_KEY',
        message: expect.stringContaining('--live or PAYRECON_LIVE=1') as string,
      },
    ]);
  });

  it('is allowed by the flag or by the variable', () => {
    expect(
      settingsOf({ flags: { live: true }, env: { STRIPE_SECRET_KEY: LIVE_KEY } }).stripeMode,
    ).toBe('live');
    expect(
      settingsOf({ env: { STRIPE_SECRET_KEY: LIVE_KEY, PAYRECON_LIVE: '1' } }).stripeMode,
    ).toBe('live');
    expect(refusalOf({ env: { STRIPE_SECRET_KEY: LIVE_KEY, PAYRECON_LIVE: '0' } }).code).toBe(
      'live_key_refused',
    );
    expect(
      refusalOf({ env: { STRIPE_SECRET_KEY: LIVE_KEY, PAYRECON_LIVE: 'true' } }).problems,
    ).toHaveLength(2);
  });

  it('is said to go elsewhere than to Stripe', () => {
    const env = { STRIPE_SECRET_KEY: LIVE_KEY, PAYRECON_LIVE: '1' };
    const said = [expect.stringContaining('the live key is sent to')];
    expect(
      settingsOf({ env: { ...env, STRIPE_API_BASE: 'http://127.0.0.1:12111' } }).warnings,
    ).toEqual(said);
    expect(
      settingsOf({ env: { ...env, STRIPE_API_BASE: 'https://api.stripe.com.example.com' } })
        .warnings,
    ).toEqual(said);
    expect(
      settingsOf({ env: { ...env, STRIPE_API_BASE: 'https://api.stripe.com' } }).warnings,
    ).toEqual([]);
  });
});

describe('a new ledger beside another one', () => {
  it('is allowed by the flag or by the variable, and by nothing else', () => {
    expect(settingsOf({ flags: { 'new-ledger': true } })).toMatchObject({ newLedger: true });
    expect(settingsOf({ flags: { 'new-ledger': true } }).origins.get('PAYRECON_NEW_LEDGER')).toBe(
      'flag',
    );
    expect(settingsOf({ env: { PAYRECON_NEW_LEDGER: '1' } })).toMatchObject({ newLedger: true });
    expect(settingsOf({})).toMatchObject({ newLedger: false });
  });
});

describe('requireStripe', () => {
  it('gives the key and its mode', () => {
    expect(requireStripe(settingsOf({ env: { STRIPE_SECRET_KEY: TEST_KEY } }))).toEqual({
      secretKey: TEST_KEY,
      mode: 'test',
    });
  });

  it('says both ways to give the key that is missing', () => {
    expect(() => requireStripe(settingsOf({}))).toThrow(PayreconError);
    expect(() => requireStripe(settingsOf({}))).toThrow(
      /STRIPE_SECRET_KEY, .*STRIPE_SECRET_KEY_FILE/,
    );
  });
});

describe('describeSettings', () => {
  it('shows each setting and where it is from, and no secret', () => {
    const settings = settingsOf({
      flags: { 'pending-after': '90s' },
      env: {
        STRIPE_SECRET_KEY: TEST_KEY,
        SENDGRID_API_KEY: 'SG.hidden',
        DATABASE_URL: 'postgres://ada:pass%40word@db.example.com:6432/pay?sslkey=x',
        PAYRECON_OPERATOR: 'ada',
      },
    });
    const shown = describeSettings(settings);
    const rows = Object.fromEntries(
      shown.map(({ name, value, source }) => [name, `${value} | ${source}`]),
    );
    expect(rows).toMatchObject({
      DATABASE_URL: 'postgres://ada@db.example.com:6432/pay | environment',
      STRIPE_SECRET_KEY: 'set (hidden) | environment',
      SENDGRID_API_KEY: 'set (hidden) | environment',
      PAYRECON_PENDING_AFTER: '90s | flag',
      PAYRECON_STRIPE_RPS: '25 | default',
      PAYRECON_MAIL_FROM: 'not set | default',
      PAYRECON_LIVE: '0 | default',
      PAYRECON_NAMESPACE: 'not set | default',
      PAYRECON_NEW_LEDGER: '0 | default',
      PAYRECON_OPERATOR: 'ada | environment',
    });
    expect(shown).toHaveLength(24);
    expect(JSON.stringify(shown)).not.toMatch(/51Nabc|SG\.hidden|pass|sslkey/);
  });
});

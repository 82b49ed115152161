import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSettings } from '../../src/config/settings.ts';
import { systemSources } from '../../src/config/system.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { problemsOf, refusalOf, SETTINGS_FILE, settingsOf, type Given } from './sources.ts';

const TEST_KEY = 'sk_test_51Nabc';
const LIVE_KEY = ['sk', 'live', '51Nabc'].join('_');
const LIVE = { STRIPE_SECRET_KEY: LIVE_KEY, PAYRECON_LIVE: '1' };
const OWN = 0o600;

const warningsOf = (given: Given): readonly string[] => settingsOf(given).warnings;

describe('a file that decides about money', () => {
  const secret = (mode: number): Given => ({
    env: { STRIPE_SECRET_KEY_FILE: '/f' },
    files: { '/f': { text: TEST_KEY, mode } },
  });
  const settings = (mode: number): Given => ({
    files: { [SETTINGS_FILE]: { text: 'PAYRECON_MAX_ATTEMPTS=3', mode } },
  });
  const ledger = (mode: number): Given => ({
    env: { DATABASE_URL: 'sqlite:/l/ledger.db' },
    permissions: { '/l/ledger.db': mode },
  });

  it.each([0o600, 0o400, 0o700])('with permissions %o is right', (mode) => {
    for (const given of [secret(mode), settings(mode), ledger(mode)])
      expect(warningsOf(given)).toEqual([]);
  });

  it.each([0o622, 0o620, 0o602])('with permissions %o can be changed by others', (mode) => {
    const said = (path: string, about: string) => [
      `${path} (${about}) can be changed by other users of this machine: chmod 600 it`,
    ];
    expect(warningsOf(secret(mode))).toEqual(said('/f', 'STRIPE_SECRET_KEY_FILE'));
    expect(warningsOf(settings(mode))).toEqual(said(SETTINGS_FILE, 'the settings file'));
    expect(warningsOf(ledger(mode))).toEqual(said('/l/ledger.db', 'the ledger'));
  });

  it.each([0o640, 0o604, 0o644])(
    'with permissions %o can be read by others, which matters where it holds more than settings',
    (mode) => {
      expect(warningsOf(secret(mode))).toEqual([
        '/f (STRIPE_SECRET_KEY_FILE) can be read by other users of this machine: chmod 600 it',
      ]);
      expect(warningsOf(settings(mode))).toEqual([]);
      expect(warningsOf(ledger(mode))).toEqual([
        '/l/ledger.db (the ledger) can be read by other users of this machine: chmod 600 it',
      ]);
    },
  );

  it('with permissions 666 is told once, with both', () => {
    expect(warningsOf(ledger(0o666))).toEqual([
      '/l/ledger.db (the ledger) can be read and changed by other users of this machine: chmod 600 it',
    ]);
  });

  it.each([0o777, 0o707, 0o1777, 0o755, 0o775])('in a folder with permissions %o', (folder) => {
    const replaceable = folder === 0o777 || folder === 0o707;
    const said = (path: string, about: string) =>
      replaceable
        ? [
            `${path} (the folder of ${about}) can be written by every user of this machine, who can put another file in its place: chmod go-w it`,
          ]
        : [];
    const at = (path: string) => ({ permissions: { [path]: folder } });
    expect(
      warningsOf({
        ...secret(OWN),
        env: { STRIPE_SECRET_KEY_FILE: '/s/f' },
        files: { '/s/f': TEST_KEY },
        ...at('/s'),
      }),
    ).toEqual(said('/s', 'STRIPE_SECRET_KEY_FILE'));
    expect(warningsOf({ ...settings(OWN), ...at('/home/ada/.config/payrecon') })).toEqual(
      said('/home/ada/.config/payrecon', 'the settings file'),
    );
    expect(warningsOf({ env: { DATABASE_URL: 'sqlite:/l/ledger.db' }, ...at('/l') })).toEqual(
      said('/l', 'the ledger'),
    );
  });

  it('is looked at as it is on the disk', async () => {
    const folder = join(await temporaryFolder(), 'open');
    await mkdir(folder);
    const paths = {
      key: join(folder, 'key'),
      settings: join(folder, 'settings.env'),
      ledger: join(folder, 'ledger.db'),
    };
    await writeFile(paths.key, TEST_KEY);
    await writeFile(
      paths.settings,
      `STRIPE_SECRET_KEY_FILE=key\nDATABASE_URL=sqlite:${paths.ledger}\n`,
    );
    await writeFile(paths.ledger, '');
    const load = () => loadSettings(systemSources({ config: paths.settings }, {})).warnings;
    for (const path of Object.values(paths)) await chmod(path, 0o600);
    await chmod(folder, 0o700);
    expect(load()).toEqual([]);
    await chmod(folder, 0o1777);
    expect(load()).toEqual([]);
    await chmod(folder, 0o777);
    expect(load()).toHaveLength(3);
    for (const path of Object.values(paths)) await chmod(path, 0o666);
    expect(load()).toHaveLength(6);
  });
});

describe('a key that goes elsewhere', () => {
  it.each<[Record<string, string>, readonly string[]]>([
    [
      { STRIPE_SECRET_KEY: TEST_KEY, STRIPE_API_BASE: 'https://stripe.example.com' },
      ['STRIPE_API_BASE: the test key is sent to https://stripe.example.com, not to Stripe itself'],
    ],
    [{ STRIPE_SECRET_KEY: TEST_KEY, STRIPE_API_BASE: 'https://api.stripe.com' }, []],
    [{ STRIPE_SECRET_KEY: TEST_KEY, STRIPE_API_BASE: 'http://127.0.0.1:12111' }, []],
    [{ STRIPE_SECRET_KEY: TEST_KEY, STRIPE_API_BASE: 'https://localhost:12111' }, []],
    [{ STRIPE_API_BASE: 'https://stripe.example.com' }, []],
    [
      { ...LIVE, STRIPE_API_BASE: 'http://127.0.0.1:12111' },
      ['STRIPE_API_BASE: the live key is sent to http://127.0.0.1:12111, not to Stripe itself'],
    ],
    [
      { SENDGRID_API_KEY: 'SG.a', SENDGRID_API_BASE: 'https://mail.example.com' },
      [
        'SENDGRID_API_BASE: the key and the e-mails are sent to https://mail.example.com, not to SendGrid itself',
      ],
    ],
    [{ SENDGRID_API_KEY: 'SG.a', SENDGRID_API_BASE: 'https://api.sendgrid.com' }, []],
    [{ SENDGRID_API_KEY: 'SG.a', SENDGRID_API_BASE: 'https://api.eu.sendgrid.com' }, []],
    [{ SENDGRID_API_KEY: 'SG.a', SENDGRID_API_BASE: 'http://[::1]:1' }, []],
    [{ SENDGRID_API_BASE: 'https://mail.example.com' }, []],
  ])('%j', (env, said) => {
    expect(warningsOf({ env })).toEqual(said);
  });
});

describe('a connection whose other end is not checked', () => {
  const off = { NODE_TLS_REJECT_UNAUTHORIZED: '0' };
  const found = 'NODE_TLS_REJECT_UNAUTHORIZED';

  it.each([LIVE_KEY, ['rk', 'live', '51Nabc'].join('_')])(
    'is refused with a live key (%#)',
    (key) => {
      const given = { env: { ...LIVE, STRIPE_SECRET_KEY: key, ...off } };
      expect(refusalOf(given)).toMatchObject({ kind: 'configuration', code: 'bad_settings' });
      expect(problemsOf(given)).toEqual([
        expect.stringMatching(/^NODE_TLS_REJECT_UNAUTHORIZED: .*unset it.*NODE_EXTRA_CA_CERTS/),
      ]);
    },
  );

  it('is refused beside a live key that is not allowed', () => {
    expect(
      refusalOf({ env: { STRIPE_SECRET_KEY: LIVE_KEY, ...off } }).problems.map(
        ({ field }) => field,
      ),
    ).toEqual([found, 'STRIPE_SECRET_KEY']);
  });

  it('is told with any other key', () => {
    for (const env of [{ STRIPE_SECRET_KEY: TEST_KEY }, {}])
      expect(warningsOf({ env: { ...env, ...off } })).toEqual([expect.stringContaining(found)]);
  });

  it('is found in the process too, which may have another environment than the settings', () => {
    expect(problemsOf({ env: LIVE, unverifiedTls: true })).toHaveLength(1);
  });

  it.each(['', '1', 'false'])("is none with %j, or with certificates of one's own", (value) => {
    expect(
      warningsOf({
        env: { ...LIVE, NODE_TLS_REJECT_UNAUTHORIZED: value, NODE_EXTRA_CA_CERTS: '/ca.pem' },
      }),
    ).toEqual([]);
  });
});

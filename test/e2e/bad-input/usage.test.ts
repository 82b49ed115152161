import { expect, test } from 'vitest';
import { sqlite } from '../../storage/targets.ts';
import { aSteadyWorld, errorOf, expectDecent, expectNothingSent, runHere } from './command-line.ts';
import { chargeLine } from './lines.ts';

/** Mistakes in the command line itself, with what it must say. */
const MISTYPED: readonly (readonly [readonly string[], RegExp])[] = [
  [['chrage', '--key', 'k'], /'chrage' \(Did you mean charge\?\)/],
  [['reconcil'], /Did you mean reconcile\?/],
  [['stuck', 'resolv', 'x'], /Did you mean resolve\?/],
  [['notifications', 'snd'], /Did you mean send\?/],
  [['audit', 'verfy'], /Did you mean verify\?/],
  [['frobnicate'], /Unknown command 'frobnicate'/],
  [[...chargeLine({}), '--kye', 'x'], /'--kye' \(Did you mean --key\?\)/],
  [[...chargeLine({}), '--amout', '3'], /'--amout' \(Did you mean --amount\?\)/],
  [[...chargeLine({}), '--yes'], /Unknown option '--yes'/],
  [[...chargeLine({}), 'extra'], /Too many arguments/],
  [[...chargeLine({}), '--key', 'other'], /--key.*more than once/],
  [[...chargeLine({}), '--amount', '1.00'], /--amount.*more than once/],
  [[...chargeLine({}), '--json=1'], /Unknown option '--json=1'/],
  [
    [...chargeLine({}), '--stripe-deadline', '20'],
    /PAYRECON_STRIPE_DEADLINE|--stripe-deadline: write a whole number and a unit/,
  ],
  [
    [...chargeLine({}), '--duplicate-window', '10'],
    /--duplicate-window: write a whole number and a unit/,
  ],
  [[...chargeLine({ '--key': null }), '--key', '--json'], /--key has no value.*write --key=--json/],
  [[...chargeLine({}), '--reference', '--json'], /--reference has no value/],
  [[...chargeLine({}), '--description', '--live'], /--description has no value/],
  [['show', ''], /An argument is empty/],
  [['list', '--limit', '0'], /--limit: write a whole number from 1 to 1000/],
  [['list', '--status', 'succeded'], /did you mean succeeded\?/],
  [['list', '--limt', '3'], /Did you mean --limit\?/],
  [['list', '--since', 'tomorrow'], /--since: write a day/],
  [['show'], /Missing required argument/],
  [['reconcile', '--limit', '-1'], /--limit: write a whole number/],
  [['reconcile', '--dryrun'], /Did you mean --dry-run\?/],
  [['migrate', 'sideways'], /Allowed choices are up, down, status/],
  [['notifications', 'list', '--state', 'snt'], /did you mean sent\?/],
  [
    ['stuck', 'resolve', 'x', '--as', 'suceeded', '--reason', 'y', '--yes'],
    /did you mean succeeded\?/,
  ],
];

/** Settings that are wrong, each with the name that must be changed; `hidden` must not be repeated. */
const SETTINGS: readonly {
  readonly env: Readonly<Record<string, string>>;
  readonly names: readonly string[];
  readonly says: RegExp;
  readonly hidden?: string;
}[] = [
  {
    env: { PAYRECON_MAX_ATEMPTS: '3' },
    names: ['PAYRECON_MAX_ATEMPTS'],
    says: /did you mean PAYRECON_MAX_ATTEMPTS\?/,
  },
  {
    env: { PAYRECON_STRIPE_DEADLIN: '3s' },
    names: ['PAYRECON_STRIPE_DEADLIN'],
    says: /did you mean PAYRECON_STRIPE_DEADLINE\?/,
  },
  {
    env: { PAYRECON_STRIPE_DEADLINE: '20' },
    names: ['PAYRECON_STRIPE_DEADLINE'],
    says: /such as 500ms/,
  },
  { env: { PAYRECON_MAX_ATTEMPTS: '0' }, names: ['PAYRECON_MAX_ATTEMPTS'], says: /from 1 to 100/ },
  {
    env: { PAYRECON_BACKOFF_BASE: '2h', PAYRECON_BACKOFF_CAP: '1h' },
    names: ['PAYRECON_BACKOFF_BASE'],
    says: /longer than PAYRECON_BACKOFF_CAP/,
  },
  {
    env: { PAYRECON_DUPLICATE_WINDOW: '-1m' },
    names: ['PAYRECON_DUPLICATE_WINDOW'],
    says: /such as 500ms/,
  },
  { env: { PAYRECON_LIVE: 'yes' }, names: ['PAYRECON_LIVE'], says: /write 1/ },
  {
    env: { PAYRECON_OPERATOR_EMAIL: 'nobody' },
    names: ['PAYRECON_OPERATOR_EMAIL'],
    says: /not an e-mail address/,
  },
  {
    env: { STRIPE_API_BASE: 'http://example.com' },
    names: ['STRIPE_API_BASE'],
    says: /plain http would show the key/,
  },
  {
    env: { STRIPE_API_BASE: 'https://localhost/v1' },
    names: ['STRIPE_API_BASE'],
    says: /must end after the host and port/,
  },
  {
    env: { STRIPE_API_BASE: 'https://user:hunter2@localhost' },
    names: ['STRIPE_API_BASE'],
    says: /password/,
    hidden: 'hunter2',
  },
  {
    env: { SENDGRID_API_BASE: 'http://mail.example.com' },
    names: ['SENDGRID_API_BASE'],
    says: /plain http/,
  },
  {
    env: { SENDGRID_API_KEY: 'SG.hunter2 x' },
    names: ['SENDGRID_API_KEY'],
    says: /a space/,
    hidden: 'hunter2',
  },
  {
    env: { DATABASE_URL: 'mysql://root:hunter2@db/x' },
    names: ['DATABASE_URL'],
    says: /postgres:\/\/.* or sqlite:\/PATH/,
    hidden: 'hunter2',
  },
  {
    env: { DATABASE_URL: 'postgres://u:hunter2@db' },
    names: ['DATABASE_URL'],
    says: /the name of the database is missing/,
    hidden: 'hunter2',
  },
  {
    env: { DATABASE_URL: 'postgres://u:hunter2 @db/x' },
    names: ['DATABASE_URL'],
    says: /percent-encoded/,
    hidden: 'hunter2',
  },
  {
    env: { DATABASE_URL: 'sqlite://ledger.db' },
    names: ['DATABASE_URL'],
    says: /straight after sqlite:/,
  },
  { env: { DATABASE_URL: 'sqlite::memory:' }, names: ['DATABASE_URL'], says: /name a file/ },
  {
    env: { DATABASE_URL: '' },
    names: ['DATABASE_URL'],
    says: /it is set but empty: give it a value, or unset it/,
  },
  { env: { DATABASE_URL: ' ' }, names: ['DATABASE_URL'], says: /sqlite:\/PATH/ },
  {
    env: { DATABASE_URL: 'sqlite:ledger.db' },
    names: ['DATABASE_URL'],
    says: /the path must be absolute.*write sqlite:\/.*\/ledger\.db/,
  },
  { env: { STRIPE_API_BASE: '' }, names: ['STRIPE_API_BASE'], says: /it is set but empty/ },
  { env: { PAYRECON_CONFIG: '' }, names: ['PAYRECON_CONFIG'], says: /it is set but empty/ },
  { env: { PAYRECON_NAMESPACE: 'a b' }, names: ['PAYRECON_NAMESPACE'], says: /1 to 40 characters/ },
  { env: { STRIPE_SECRET_KEY: '' }, names: ['STRIPE_SECRET_KEY'], says: /it is missing/ },
  {
    env: { STRIPE_SECRET_KEY: 'pk_test_hunter2hunter2' },
    names: ['STRIPE_SECRET_KEY'],
    says: /publishable key.*take the secret key/,
    hidden: 'hunter2',
  },
  {
    env: { STRIPE_SECRET_KEY: 'sk_test_hunter2-hunter2' },
    names: ['STRIPE_SECRET_KEY'],
    says: /not one of Stripe's secret keys/,
    hidden: 'hunter2',
  },
  {
    env: { STRIPE_SECRET_KEY: 'whsec_hunter2hunter2' },
    names: ['STRIPE_SECRET_KEY'],
    says: /not one of Stripe's secret keys/,
    hidden: 'hunter2',
  },
  {
    env: { STRIPE_SECRET_KEY: `sk_live_${'hunter2'.repeat(2)}` },
    names: ['STRIPE_SECRET_KEY'],
    says: /real money: allow it with --live/,
    hidden: 'hunter2',
  },
  {
    env: { STRIPE_SECRET_KEY: 'rk_live_hunter2hunter2' },
    names: ['STRIPE_SECRET_KEY'],
    says: /real money: allow it with --live/,
    hidden: 'hunter2',
  },
  {
    env: { STRIPE_SECRET_KEY: '', STRIPE_SECRET_KEY_FILE: '/nonexistent/key' },
    names: ['STRIPE_SECRET_KEY'],
    says: /keep one of them/,
  },
  {
    env: { PAYRECON_CONFIG: '/nonexistent/payrecon.env' },
    names: ['PAYRECON_CONFIG'],
    says: /there is no file/,
  },
  {
    env: { PAYRECON_MAX_ATTEMPTS: 'x', STRIPE_SECRET_KEY: 'x', DATABASE_URL: 'x' },
    names: ['DATABASE_URL', 'PAYRECON_MAX_ATTEMPTS', 'STRIPE_SECRET_KEY'],
    says: /3 settings are wrong/,
  },
];

/** Every so many are given to the real binary as well. */
const SAMPLE_EVERY = 6;

test(
  'a mistyped command, flag or value is told with what was meant, and nothing is sent',
  { timeout: 60_000 },
  async () => {
    const world = await aSteadyWorld(sqlite);
    for (const [index, [args, says]] of MISTYPED.entries()) {
      const runs = [
        await runHere(world, args),
        ...(index % SAMPLE_EVERY === 0 ? [await world.run(args)] : []),
      ];
      for (const said of runs) {
        expect({ args, exit: said.exitCode, stdout: said.stdout }).toEqual({
          args,
          exit: 2,
          stdout: '',
        });
        expect(said.stderr).toMatch(says);
        expectDecent(world, said);
      }
    }
    await expectNothingSent(world);
  },
);

test('a wrong setting is told by its name, and nothing is sent', { timeout: 60_000 }, async () => {
  const world = await aSteadyWorld(sqlite);
  for (const [index, { env, names, says, hidden }] of SETTINGS.entries()) {
    const runs = [
      await runHere(world, chargeLine({}), env),
      ...(index % SAMPLE_EVERY === 0 ? [await world.run(chargeLine({}), { env })] : []),
    ];
    for (const said of runs) {
      expect({ env, exit: said.exitCode, stdout: said.stdout }).toEqual({
        env,
        exit: 2,
        stdout: '',
      });
      const { message, fields } = errorOf(said);
      expect([...fields].sort()).toEqual(names);
      expect(message).toMatch(says);
      expectDecent(world, said, hidden === undefined ? [] : [hidden]);
    }
  }
  await expectNothingSent(world);
});

test('a command with everything right opens the ledger that it names', async () => {
  const world = await aSteadyWorld(sqlite);
  expect(await runHere(world, ['list', '--json'])).toMatchObject({ exitCode: 0, stderr: '' });
});

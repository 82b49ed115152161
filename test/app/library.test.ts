import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exitCode } from '../../src/cli/exit-code.ts';
import {
  openPayrecon,
  type PayreconError,
  type PayreconLibrary,
  type Result,
} from '../../src/library.ts';
import { postgresProxy } from '../storage/postgres-proxy.ts';
import { postgres, sqlite } from '../storage/targets.ts';
import { cleanEnvironment } from '../support/environment.ts';
import { aPaymentWorld, type PaymentWorld } from '../support/payment-world.ts';
import { temporaryFolder } from '../support/temporary.ts';

const LIBRARY = new URL('../../dist/library.js', import.meta.url).href;

const CARD = {
  key: 'k',
  amount: '49.99',
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  email: 'ada@example.com',
};

async function open(
  world: PaymentWorld,
  env: Readonly<Record<string, string>> = {},
): Promise<PayreconLibrary> {
  const payrecon = await openPayrecon({
    environment: cleanEnvironment(await temporaryFolder(), { ...world.env, ...env }),
  });
  onTestFinished(() => payrecon.close());
  return payrecon;
}

function errorIn(result: Result<unknown>): PayreconError {
  if (result.ok) throw new Error('it worked');
  return result.error;
}

function valueIn<Value>(result: Result<Value>): Value {
  if (!result.ok) throw result.error;
  return result.value;
}

describe('a library whose database is away at its first call works as soon as it is back', () => {
  it('PostgreSQL', async () => {
    const world = await aPaymentWorld(postgres);
    const proxy = await postgresProxy(world.database.url);
    proxy.refusing = true;
    const payrecon = await open(world, { DATABASE_URL: proxy.url });
    expect(errorIn(await payrecon.list())).toMatchObject({
      kind: 'unreachable',
      code: 'database_unreachable',
    });
    expect(errorIn(await payrecon.charge(CARD))).toMatchObject({
      kind: 'unreachable',
      code: 'database_unreachable',
    });
    expect(world.sandbox.books.summary().requests).toBe(0);
    proxy.refusing = false;
    expect(valueIn(await payrecon.charge(CARD))).toMatchObject({
      repeated: false,
      situation: 'settled',
      transaction: { key: 'k', status: 'succeeded' },
    });
    expect(valueIn(await payrecon.list()).data).toMatchObject([{ key: 'k', status: 'succeeded' }]);
  });

  it('SQLite', async () => {
    const world = await aPaymentWorld(sqlite);
    const place = join(await temporaryFolder(), 'data');
    await writeFile(place, 'not a folder');
    const payrecon = await open(world, { DATABASE_URL: `sqlite:${join(place, 'ledger.db')}` });
    expect(errorIn(await payrecon.charge(CARD))).toMatchObject({
      kind: 'configuration',
      code: 'database_cannot_open',
    });
    await rm(place);
    expect(valueIn(await payrecon.charge(CARD)).transaction).toMatchObject({
      key: 'k',
      status: 'succeeded',
    });
    expect(world.sandbox.books.succeededCount()).toBe(1);
  });
});

interface Case {
  readonly what: string;
  readonly code: string;
  readonly call: (payrecon: PayreconLibrary) => Promise<Result<unknown>>;
  /** The same on the command line. */
  readonly args: readonly string[];
  readonly faults?: string;
  readonly env?: Readonly<Record<string, string>>;
}

function chargeArgs(key: string, amount = '49.99'): string[] {
  return [
    'charge',
    '--key',
    key,
    '--amount',
    amount,
    '--currency',
    'usd',
    '--payment-method',
    'pm_card_visa',
    '--email',
    'ada@example.com',
  ];
}

const RESOLVE = ['--as', 'canceled', '--reason', 'r', '--yes'];

const CASES: readonly Case[] = [
  {
    what: 'an amount without decimals',
    code: 'invalid_request',
    call: (payrecon) => payrecon.charge({ ...CARD, key: 'x', amount: '4999' }),
    args: chargeArgs('x', '4999'),
  },
  {
    what: 'a key used with another amount',
    code: 'key_reused',
    call: (payrecon) => payrecon.charge({ ...CARD, amount: '50.00' }),
    args: chargeArgs('k', '50.00'),
  },
  {
    what: 'what looks like a duplicate',
    code: 'duplicate_suspected',
    call: (payrecon) => payrecon.charge({ ...CARD, key: 'twin' }),
    args: chargeArgs('twin'),
  },
  {
    what: 'a key that Stripe refuses',
    code: 'stripe_unauthorized',
    call: (payrecon) => payrecon.charge({ ...CARD, key: 'y' }, { allowDuplicate: true }),
    args: [...chargeArgs('y'), '--allow-duplicate'],
    faults: 'payment_intents.create#*=401',
  },
  {
    what: 'no Stripe key',
    code: 'stripe_key_missing',
    call: (payrecon) => payrecon.charge({ ...CARD, key: 'z' }),
    args: chargeArgs('z'),
    env: { STRIPE_SECRET_KEY: '' },
  },
  {
    what: 'a cursor of somebody else',
    code: 'bad_cursor',
    call: (payrecon) => payrecon.list({ cursor: 'nonsense' }),
    args: ['list', '--cursor', 'nonsense'],
  },
  {
    what: 'a transaction that is not there',
    code: 'no_such_transaction',
    call: (payrecon) => payrecon.show('nobody'),
    args: ['show', 'nobody'],
  },
  {
    what: 'a decision about nothing',
    code: 'no_such_transaction',
    call: (payrecon) =>
      payrecon.resolve('nobody', { as: 'canceled', reason: 'r', cancelAtStripe: false }),
    args: ['stuck', 'resolve', 'nobody', ...RESOLVE],
  },
  {
    what: 'a decision about what is not stuck',
    code: 'not_stuck',
    call: (payrecon) =>
      payrecon.resolve('k', { as: 'canceled', reason: 'r', cancelAtStripe: false }),
    args: ['stuck', 'resolve', 'k', ...RESOLVE],
  },
];

describe('an expected failure is a value, the same as the command line tells', () => {
  it.each(CASES)('$what: $code', async ({ code, call, args, faults = '', env = {} }) => {
    const world = await aPaymentWorld(sqlite);
    const first = await open(world);
    expect(valueIn(await first.charge(CARD)).transaction.status).toBe('succeeded');
    world.sandbox.setFaults(faults);
    const error = errorIn(await call(await open(world, env)));
    const typed = await world.run([...args, '--json'], { env });
    const told = JSON.parse(typed.stderr) as { error: { code: string; message: string } };
    expect(error.code).toBe(code);
    expect(told.error.code).toBe(code);
    expect(exitCode({ kind: 'failed', error }, null)).toBe(typed.exitCode);
    expect(world.sandbox.books.succeededCount()).toBe(1);
  });

  it('also where the settings are wrong', async () => {
    const payrecon = await openPayrecon({
      environment: cleanEnvironment(await temporaryFolder(), { DATABASE_URL: 'mysql://nowhere' }),
    });
    expect(errorIn(await payrecon.list())).toMatchObject({ kind: 'configuration' });
    expect(errorIn(await payrecon.charge(CARD))).toMatchObject({ kind: 'configuration' });
    await payrecon.close();
  });
});

/** As plain JavaScript calls: no type keeps it from anything. */
const WRONG: readonly (readonly [
  string,
  (payrecon: Untyped) => Promise<Result<unknown>>,
  readonly string[],
])[] = [
  ['nothing', (payrecon) => payrecon.charge(undefined), ['charge']],
  ['a text', (payrecon) => payrecon.charge('k'), ['charge']],
  ['no field', (payrecon) => payrecon.charge({}), ['key', 'currency', 'paymentMethod']],
  ['a number as amount', (payrecon) => payrecon.charge({ ...CARD, amount: 49.99 }), ['amount']],
  ['a fraction', (payrecon) => payrecon.charge({ ...MINOR, amountMinor: 4999.5 }), ['amountMinor']],
  [
    'no number',
    (payrecon) => payrecon.charge({ ...MINOR, amountMinor: Number.NaN }),
    ['amountMinor'],
  ],
  ['both amounts', (payrecon) => payrecon.charge({ ...CARD, amountMinor: 4999 }), ['amount']],
  [
    'a field nobody knows',
    (payrecon) => payrecon.charge({ ...CARD, payment_method: 'pm_1' }),
    ['payment_method'],
  ],
  [
    'a number in metadata',
    (payrecon) => payrecon.charge({ ...CARD, metadata: { order: 5 } }),
    ['metadata.order'],
  ],
  ['a text as flag', (payrecon) => payrecon.charge({ ...CARD, onSession: 'no' }), ['onSession']],
  [
    'a text as types',
    (payrecon) => payrecon.charge({ ...CARD, methodTypes: 'card' }),
    ['methodTypes'],
  ],
  ['null', (payrecon) => payrecon.charge({ ...CARD, email: null }), ['email']],
  ['an option nobody knows', (payrecon) => payrecon.charge(CARD, { wait: 5 }), ['wait']],
  ['a wait that is none', (payrecon) => payrecon.charge(CARD, { waitMs: '5s' }), ['waitMs']],
  ['a signal that is none', (payrecon) => payrecon.charge(CARD, { signal: {} }), ['signal']],
  ['a date that is none', (payrecon) => payrecon.list({ since: '2026-01-31' }), ['since']],
  ['no date', (payrecon) => payrecon.list({ since: new Date('x') }), ['since']],
  ['a status that is none', (payrecon) => payrecon.list({ statuses: ['paid'] }), ['statuses.0']],
  ['no page', (payrecon) => payrecon.list({ limit: 0 }), ['limit']],
  ['an id that is none', (payrecon) => payrecon.show(17), ['idOrKey']],
  ['an empty id', (payrecon) => payrecon.cancel(''), ['idOrKey']],
  ['no one in particular', (payrecon) => payrecon.reconcile({ only: [] }), ['only']],
  [
    'a decision that is none',
    (payrecon) => payrecon.resolve('k', { as: 'paid', reason: 'r' }),
    ['as'],
  ],
  [
    'a decision without its reason',
    (payrecon) => payrecon.resolve('k', { as: 'retry' }),
    ['reason'],
  ],
  [
    'an operator without a name',
    (payrecon) => payrecon.cancel('k', { operator: '' }),
    ['operator'],
  ],
];

type Untyped = Readonly<
  Record<
    Exclude<keyof PayreconLibrary, symbol | 'close'>,
    (...args: readonly unknown[]) => Promise<Result<unknown>>
  >
>;
const { amount: _amount, ...MINOR } = CARD;

describe('what is given', () => {
  it.each(WRONG)('%s is refused with the name of what is wrong', async (_, call, fields) => {
    const world = await aPaymentWorld(sqlite);
    const error = errorIn(await call((await open(world)) as unknown as Untyped));
    expect(error.kind).toBe('usage');
    expect(['invalid_call', 'invalid_request']).toContain(error.code);
    expect(error.problems.map(({ field }) => field)).toEqual(fields);
    expect(error.message + error.problems.map(({ message }) => message).join()).not.toMatch(
      /--|undefined|\[object/,
    );
    expect(world.sandbox.books.summary().requests).toBe(0);
  });

  it('may be an amount in minor units, as a number', async () => {
    const payrecon = await open(await aPaymentWorld(sqlite));
    const { transaction } = valueIn(await payrecon.charge({ ...MINOR, amountMinor: 4999 }));
    expect(transaction).toMatchObject({ status: 'succeeded', amount: 4999 });
    const later = valueIn(await payrecon.list({ since: new Date(transaction.createdAt + 1) }));
    expect(later.data).toEqual([]);
    const all = valueIn(await payrecon.list({ statuses: ['succeeded'], since: 0 }));
    expect(all.data.map(({ key }) => key)).toEqual(['k']);
  });
});

describe('what a person does through it', () => {
  it('bears the name of whoever did it', async () => {
    const world = await aPaymentWorld(sqlite);
    const payrecon = await open(world);
    world.sandbox.setFaults('payment_intents.confirm#*=html_502');
    expect(valueIn(await payrecon.charge(CARD)).transaction.status).toBe('pending');
    world.sandbox.setFaults('');
    const canceled = valueIn(await payrecon.cancel('k', { operator: 'grace', reason: 'moved' }));
    expect(canceled.transaction).toMatchObject({ status: 'canceled', canceledBy: 'person' });
    const { audit } = valueIn(await payrecon.show('k'));
    expect(audit.at(-1)?.actor).toMatchObject({ operator: 'grace', role: 'library' });
    expect(audit[0]?.actor).toMatchObject({ operator: 'tester' });
  });

  it('shows the work list and the state of the ledger, and asks about what is named', async () => {
    const world = await aPaymentWorld(sqlite, { env: { PAYRECON_PENDING_AFTER: '5m' } });
    const payrecon = await open(world);
    world.sandbox.setFaults('payment_intents.confirm=html_502_after');
    expect(valueIn(await payrecon.charge(CARD)).transaction.status).toBe('pending');
    expect(valueIn(await payrecon.status())).toMatchObject({
      pending: 1,
      waiting: { tooYoung: 1 },
    });
    expect(valueIn(await payrecon.reconcile()).report.due).toBe(0);
    expect(valueIn(await payrecon.reconcile({ only: ['k'] })).report.settled.succeeded).toBe(1);
    expect(valueIn(await payrecon.stuck()).data).toEqual([]);
  });
});

describe('its end', () => {
  it('lets what is under way come to its end, and answers what is called later', async () => {
    const world = await aPaymentWorld(sqlite);
    const payrecon = await open(world);
    world.sandbox.setFaults('payment_intents.confirm=slow:300');
    const charging = payrecon.charge(CARD);
    await payrecon.close();
    expect(valueIn(await charging).transaction.status).toBe('succeeded');
    expect(errorIn(await payrecon.list())).toMatchObject({ code: 'closed', kind: 'usage' });
    await payrecon.close();
    await payrecon[Symbol.asyncDispose]();
  });

  it.each([sqlite, postgres])(
    'is not waited for by a process that forgets it ($name)',
    async (target) => {
      const world = await aPaymentWorld(target);
      const script = `import { openPayrecon } from ${JSON.stringify(LIBRARY)};
      const payrecon = await openPayrecon();
      console.log(JSON.stringify(await payrecon.charge(${JSON.stringify(CARD)})));
      await Promise.all([payrecon.list(), payrecon.list(), payrecon.show('nobody')]);`;
      const { stdout, exitCode: code } = await execa(
        process.execPath,
        ['--input-type=module', '-e', script],
        {
          env: cleanEnvironment(await temporaryFolder(), world.env),
          extendEnv: false,
          timeout: 50_000,
          reject: false,
        },
      );
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ ok: true, value: { situation: 'settled' } });
    },
  );
});

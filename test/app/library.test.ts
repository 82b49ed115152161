import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exitCode } from '../../src/cli/exit-code.ts';
import {
  openPayrecon,
  type PayreconError,
  type PayreconLibrary,
  type Result,
} from '../../src/library.ts';
import { errorOf } from '../storage/errors-of.ts';
import { postgresProxy } from '../storage/postgres-proxy.ts';
import { postgres, sqlite } from '../storage/targets.ts';
import { cleanEnvironment } from '../support/environment.ts';
import { aPaymentWorld, type PaymentWorld } from '../support/payment-world.ts';
import { temporaryFolder } from '../support/temporary.ts';

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

  it('but settings that are wrong fail where it is opened', async () => {
    const environment = cleanEnvironment(await temporaryFolder(), {
      DATABASE_URL: 'mysql://nowhere',
    });
    expect(await errorOf(openPayrecon({ environment }))).toMatchObject({ kind: 'configuration' });
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../../src/domain/answer.ts';
import type { Transaction } from '../../src/domain/transaction.ts';
import {
  FAULT_KINDS,
  startSandbox,
  type FaultName,
  type Sandbox,
} from '../../src/sandbox/server.ts';
import type { openGateway } from '../../src/stripe/gateway.ts';
import { collect, gatewayAt, query, transaction } from './samples.ts';

/* The gateway against a whole Stripe: what it says is compared with the sandbox's own books. */

const DEADLINE_MS = 700;

let sandbox: Sandbox;
let gateway: ReturnType<typeof openGateway>;
/** With a short deadline, for calls that are about to be treated badly. */
let hasty: ReturnType<typeof openGateway>;
let made = 0;

beforeAll(async () => {
  sandbox = await startSandbox({ seed: 7 });
  gateway = gatewayAt(sandbox.url);
  hasty = gatewayAt(sandbox.url, { deadlineMs: DEADLINE_MS });
  // Loads the package and opens a connection, so that neither counts into a deadline below.
  await hasty.account();
});

afterAll(async () => {
  gateway.close();
  hasty.close();
  await sandbox.close();
});

function fresh(more: Partial<Transaction> = {}): Transaction {
  made += 1;
  return transaction({
    id: `txn_${made}`,
    key: `key ${made}`,
    customer: null,
    paymentIntent: null,
    ...more,
  });
}

async function created(more: Partial<Transaction> = {}): Promise<Transaction> {
  const opened = fresh(more);
  const answer = await gateway.create(opened);
  if (answer.kind !== 'intent') throw new Error(`not created: ${JSON.stringify(answer)}`);
  return { ...opened, paymentIntent: answer.intent.id };
}

async function retrieved(of: Transaction, by = gateway): Promise<Answer> {
  const [looked] = await collect(
    by.lookUp([query({ transactionId: of.id, paymentIntent: of.paymentIntent })]),
  );
  return looked!.answer;
}

async function scanned(of: Transaction): Promise<Answer> {
  const now = sandbox.clock.now();
  const [looked] = await collect(
    gateway.lookUp([
      query({
        transactionId: of.id,
        paymentIntent: null,
        createdFrom: now - 60_000,
        createdTo: now,
      }),
    ]),
  );
  return looked!.answer;
}

describe('a charge', () => {
  it('is created unconfirmed, confirmed, found by id and by metadata, and cannot be canceled', async () => {
    const charge = await created({ metadata: { shop: 'north' } });
    expect(sandbox.books.paymentIntent(charge.paymentIntent!)?.status).toBe(
      'requires_confirmation',
    );
    expect(await gateway.confirm(charge)).toMatchObject({
      kind: 'intent',
      replayed: false,
      intent: { status: 'succeeded', amount: 4999, currency: 'usd' },
    });
    for (const answer of [await retrieved(charge), await scanned(charge)]) {
      expect(answer).toMatchObject({
        kind: 'intent',
        intent: {
          id: charge.paymentIntent,
          status: 'succeeded',
          metadata: { shop: 'north', payrecon_transaction: charge.id },
        },
      });
    }
    expect(await gateway.cancel(charge)).toMatchObject({
      kind: 'refused',
      httpStatus: 400,
      code: 'payment_intent_unexpected_state',
      effect: 'none',
      intent: { status: 'succeeded' },
    });
  });

  it('is made once, however often it is asked for', async () => {
    const opened = fresh();
    const first = await gateway.create(opened);
    const again = await gateway.create(opened);
    expect([first, again]).toMatchObject([{ replayed: false }, { replayed: true }]);
    const charge = { ...opened, paymentIntent: first.kind === 'intent' ? first.intent.id : null };
    await gateway.confirm(charge);
    expect(await gateway.confirm(charge)).toMatchObject({
      kind: 'intent',
      replayed: true,
      intent: { status: 'succeeded' },
    });
    const ours = sandbox.books.paymentIntents.filter(
      ({ metadata }) => metadata['payrecon_transaction'] === opened.id,
    );
    expect(ours).toHaveLength(1);
    expect(
      sandbox.books.charges.filter(({ payment_intent: id }) => id === charge.paymentIntent),
    ).toHaveLength(1);
  });

  it('of another ledger under the same key is refused', async () => {
    const opened = fresh({ key: 'shared' });
    await gateway.create(opened);
    const other = await gateway.create({ ...opened, id: 'txn_other' });
    expect(other).toMatchObject({
      kind: 'refused',
      httpStatus: 400,
      code: 'idempotency_error',
      effect: 'none',
    });
  });

  it('that is declined says so with the code, and can be canceled then', async () => {
    const charge = await created({ paymentMethod: 'pm_card_chargeDeclinedInsufficientFunds' });
    expect(await gateway.confirm(charge)).toMatchObject({
      kind: 'declined',
      failure: { code: 'card_declined', declineCode: 'insufficient_funds' },
      intent: { id: charge.paymentIntent, status: 'requires_payment_method' },
    });
    expect(await gateway.confirm(charge)).toMatchObject({ kind: 'declined', replayed: true });
    expect(await retrieved(charge)).toMatchObject({
      kind: 'intent',
      intent: { lastError: { declineCode: 'insufficient_funds' } },
    });
    expect(await gateway.cancel(charge)).toMatchObject({
      kind: 'intent',
      intent: { status: 'canceled', cancellationReason: 'abandoned' },
    });
    // Another attempt of the same cancel, with the row's next version.
    expect(await gateway.cancel({ ...charge, version: 4 })).toMatchObject({
      kind: 'refused',
      intent: { status: 'canceled' },
    });
  });

  it('that wants 3-D Secure shows as requires_action', async () => {
    const charge = await created({ paymentMethod: 'pm_card_authenticationRequired' });
    expect(await gateway.confirm(charge)).toMatchObject({
      kind: 'intent',
      intent: { status: 'requires_action' },
    });
  });

  it('by bank debit is processing', async () => {
    const charge = await created({
      paymentMethod: 'pm_usBankAccount',
      methodTypes: ['us_bank_account'],
    });
    expect(await gateway.confirm(charge)).toMatchObject({
      kind: 'intent',
      intent: { status: 'processing', paymentMethodTypes: ['us_bank_account'] },
    });
  });

  it('that Stripe would refuse is refused', async () => {
    expect(await gateway.create(fresh({ amount: 1 }))).toMatchObject({
      kind: 'refused',
      httpStatus: 400,
      effect: 'none',
    });
    expect(await gateway.create(fresh({ paymentMethod: 'pm_none' }))).toMatchObject({
      kind: 'refused',
      effect: 'none',
    });
  });
});

describe('looking', () => {
  it('for what was never created, finds that it is absent or missing', async () => {
    expect(await scanned(fresh())).toMatchObject({ kind: 'absent', pages: 1 });
    expect(await retrieved(fresh({ paymentIntent: 'pi_never' }))).toMatchObject({
      kind: 'missing',
    });
  });

  it('goes over many pages', async () => {
    const first = fresh();
    await gateway.create(first);
    await Promise.all(Array.from({ length: 230 }, () => gateway.create(fresh())));
    const before = gateway.calls().list;
    expect(await scanned(first)).toMatchObject({
      kind: 'intent',
      intent: { metadata: { payrecon_transaction: first.id } },
    });
    expect(gateway.calls().list - before).toBeGreaterThanOrEqual(3);
  });
});

describe('the account', () => {
  it('is shown with the time at Stripe', async () => {
    const account = await gateway.account();
    expect(account.kind).toBe('account');
    expect(account.kind === 'account' && Math.abs(account.dateHeader! - Date.now())).toBeLessThan(
      2_000,
    );
  });

  it('of a key that is no key is not', async () => {
    const other = gatewayAt(sandbox.url, { secretKey: 'sk_wrong_1234567890' });
    expect(await other.account()).toMatchObject({ kind: 'unauthorized', httpStatus: 401 });
    other.close();
  });
});

describe('every fault on every call', () => {
  const endpoints = {
    create: 'payment_intents.create',
    confirm: 'payment_intents.confirm',
    cancel: 'payment_intents.cancel',
    retrieve: 'payment_intents.retrieve',
  } as const;
  type Call = keyof typeof endpoints;
  const matrix = FAULT_KINDS.flatMap(({ kind }) =>
    (Object.keys(endpoints) as Call[]).map((call) => [kind, call] as const),
  );
  /** A reset without an answer is repeated by the library, and comes through then. */
  const COMES_THROUGH: readonly FaultName[] = [
    'reset_before',
    'slow',
    'out_of_order',
    'drop_after',
  ];

  async function ask(by: typeof gateway, call: Call, charge: Transaction): Promise<Answer> {
    return call === 'retrieve' ? retrieved(charge, by) : by[call](charge);
  }

  it.each(matrix)('%s on %s: what is claimed is in the books', async (kind, call) => {
    const charge = call === 'create' ? fresh() : await created();
    const ours = (): unknown =>
      sandbox.books.paymentIntents.filter(
        ({ metadata }) => metadata['payrecon_transaction'] === charge.id,
      );
    const before = JSON.stringify(ours());
    // Slower than the deadline for those that are slow, within it for the one that only waits.
    sandbox.setFaults(
      `${endpoints[call]}=${kind}${kind === 'slow' || kind === 'out_of_order' ? ':50' : ''}`,
    );
    const begun = performance.now();
    const answer = await ask(hasty, call, charge);
    expect(performance.now() - begun).toBeLessThan(DEADLINE_MS + 1_500);
    sandbox.setFaults('');
    if ('effect' in answer && answer.effect === 'none') expect(JSON.stringify(ours())).toBe(before);
    if (answer.kind === 'intent' && call !== 'retrieve') {
      const replayedTruth = sandbox.books.paymentIntent(answer.intent.id);
      expect(replayedTruth?.status).toBe(answer.intent.status);
    }
    if (!COMES_THROUGH.includes(kind)) expect(['unknown', 'unauthorized']).toContain(answer.kind);
    // Asked again with the same key, it comes to the one true end.
    const again = await ask(gateway, call, { ...charge, version: charge.version + 1 });
    // A 500 is stored under the key and replayed; only then is there none, and there will be none under this key.
    const stored = again.kind === 'unknown' && again.reason === 'server_error';
    if (stored) expect(kind).toMatch(/^500/);
    if (call === 'create') expect(ours()).toHaveLength(kind === '500_before' ? 0 : 1);
    if (again.kind === 'intent') expect(sandbox.books.paymentIntent(again.intent.id)).toBeDefined();
    expect(
      sandbox.books.charges.filter(({ payment_intent: id }) => id === charge.paymentIntent).length,
    ).toBeLessThanOrEqual(1);
  });
});

describe('rate limits', () => {
  it('are kept to, so that none of many look-ups is refused', async () => {
    const limited = await startSandbox({ seed: 8, rateLimits: true });
    const within = gatewayAt(limited.url, { requestsPerSecond: 25, endpointRequestsPerSecond: 25 });
    try {
      const answer = await within.create(fresh());
      const id = answer.kind === 'intent' ? answer.intent.id : null;
      const looked = await collect(
        within.lookUp(Array.from({ length: 60 }, () => query({ paymentIntent: id }))),
      );
      expect(looked.map((one) => one.answer.kind)).toEqual(Array(60).fill('intent'));
    } finally {
      within.close();
      await limited.close();
    }
  });
});

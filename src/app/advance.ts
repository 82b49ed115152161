import type { Answer } from '../domain/answer.ts';
import { BugError } from '../domain/errors.ts';
import type { Call, Context, LedgerMarks, Limits, Purpose, Seen, StopReason } from '../domain/move.ts';
import { plan } from '../domain/plan.ts';
import type { Instant, Transaction } from '../domain/transaction.ts';
import type { Actor, Chance, Claimed, Clock, Gateway, Lease, Ledger, LookUp } from './ports.ts';

/*
 * The loop around domain/plan.ts: record, call, look at the answer, record. Whoever advances a
 * transaction (charge, reconcile, resolve) comes through here, holding its lease.
 */

/** No path through the plan is longer: create, confirm, retrieve, cancel, retrieve and one to spare. */
const MAX_CALLS = 7;

/**
 * How long after the first send an intent may still have come into being: the day in which a create
 * is sent again, and two more for one that Stripe rolls forward late. Bounds what a scan has to read.
 */
const SCAN_SPAN_MS = 72 * 3_600_000;

/** The worst call takes its time limit twice, because the Stripe library retries a reset once by itself. */
const WORST_CALL_FACTOR = 2;

export interface AdvanceDeps {
  readonly ledger: Ledger;
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly limits: Limits;
  readonly actor: Actor;
  /** Whose ledger it is; null only before it is bound. */
  readonly ledgerMarks: LedgerMarks | null;
}

export interface Advance {
  readonly purpose: Purpose;
  readonly justOpened: boolean;
  readonly signal?: AbortSignal;
  /** An answer that is already at hand (from a bulk look-up). */
  readonly seen?: Seen;
  /** The lease as it is now: a pass renews it in the background. */
  readonly leaseNow?: () => Lease;
  readonly inTurn?: InTurn;
  /** Called with every answer, for the pass's view of whether Stripe works. */
  readonly onAnswer?: (answer: Answer) => void;
}

/** Limits how many calls of many rows are under way; after a stop no further one begins. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T | 'stopped'>;

async function atOnce<T>(work: () => Promise<T>): Promise<T> {
  return await work();
}

export interface Advanced {
  readonly transaction: Transaction;
  readonly reason: StopReason | 'lease_lost';
  readonly words: string;
  /** The answer it stopped on; null when nothing was asked. */
  readonly last: Seen | null;
  /** False when the stop was left for the caller to record: the lease is still held. */
  readonly recorded: boolean;
  readonly now: Instant;
}

/** Drives one leased transaction forward until it is settled, must wait, or nothing can be proven now. */
export async function advance(deps: AdvanceDeps, claimed: Claimed, options: Advance): Promise<Advanced> {
  let { transaction, now } = claimed;
  let { lease } = claimed;
  let seen: Seen | null = options.seen ?? null;
  const made: Call[] = seen === null ? [] : [seen.call];
  while (made.length <= MAX_CALLS) {
    const context = contextOf(deps, options, now, made);
    const move = plan(transaction, seen, context);
    if (move.record !== null) {
      const result = await deps.ledger.record(transaction, lease, move.record, deps.actor);
      if (result.kind === 'stale') {
        await cancelSecondIntent(deps, transaction, seen);
        return { transaction, reason: 'lease_lost', words: 'another process took over', last: seen, recorded: true, now };
      }
      ({ transaction, now } = result);
    }
    if (move.kind === 'stop') return { transaction, reason: move.reason, words: move.words, last: seen, recorded: move.record !== null, now };
    const { call } = move;
    const asked: Transaction = transaction;
    const askedAt = now;
    // The lease is looked at when its turn has come: with many rows that may take a while.
    const asking = await (options.inTurn ?? atOnce)(async () => {
      const held = await holdLongEnough(deps, options.leaseNow?.() ?? lease);
      return held === null ? null : { held, answer: await ask(deps, call, asked, askedAt, options.signal) };
    });
    if (asking === 'stopped') return { transaction, reason: 'interrupted', words: 'interrupted before the next call', last: seen, recorded: false, now };
    if (asking === null) return { transaction, reason: 'lease_lost', words: 'another process took over', last: seen, recorded: true, now };
    lease = asking.held;
    const { answer } = asking;
    options.onAnswer?.(answer);
    made.push(move.call);
    seen = { call: move.call, firstSend: move.firstSend, answer };
  }
  throw new BugError(`${transaction.id} was asked about more than ${String(MAX_CALLS)} times in one run`);
}

/**
 * A create that was sent so late that Stripe had forgotten its key has made a second payment intent. The row, which
 * somebody else has advanced, will never know its id: it is canceled, so that it can never succeed.
 */
async function cancelSecondIntent(deps: AdvanceDeps, stale: Transaction, seen: Seen | null): Promise<void> {
  if (seen?.call !== 'create' || seen.answer.kind !== 'intent' || seen.answer.replayed) return;
  const { id } = seen.answer.intent;
  const current = await deps.ledger.find(stale.id);
  const known = current?.paymentIntent ?? id;
  if (known === id) return;
  // With the version that is stale: so its idempotency key is nobody else's.
  await deps.gateway.cancel({ ...stale, paymentIntent: id });
}

export function contextOf(
  deps: Pick<AdvanceDeps, 'chance' | 'limits' | 'ledgerMarks'>,
  options: Pick<Advance, 'purpose' | 'justOpened' | 'signal'>,
  now: Instant,
  made: readonly Call[],
): Context {
  return {
    purpose: options.purpose,
    now,
    limits: deps.limits,
    uniform: deps.chance.uniform(),
    justOpened: options.justOpened && made.length === 0,
    made,
    ledger: deps.ledgerMarks,
    stopping: options.signal?.aborted ?? false,
  };
}

/** A call is begun only with a lease that outlives the worst of it. Null: the lease was lost. */
async function holdLongEnough(deps: AdvanceDeps, lease: Lease): Promise<Lease | null> {
  const worstMs = WORST_CALL_FACTOR * deps.limits.deadlineMs;
  if (deps.clock.monotonicMs() + worstMs <= lease.deadlineMs) return lease;
  const [renewed] = await deps.ledger.renew([lease]);
  return renewed ?? null;
}

async function ask(deps: AdvanceDeps, call: Call, transaction: Transaction, now: Instant, signal: AbortSignal | undefined): Promise<Answer> {
  switch (call) {
    case 'create':
      return await deps.gateway.create(transaction);
    case 'confirm':
      return await deps.gateway.confirm(transaction);
    case 'cancel':
      return await deps.gateway.cancel(transaction);
    case 'retrieve':
    case 'scan':
      return await lookUpOne(deps.gateway, lookUpOf(transaction, now), signal);
  }
}

/** The question that finds out about a transaction without changing anything at Stripe. */
export function lookUpOf(transaction: Transaction, now: Instant): LookUp {
  return {
    transactionId: transaction.id,
    paymentIntent: transaction.paymentIntent,
    customer: transaction.customer,
    createdFrom: transaction.createSentAt ?? transaction.createdAt,
    createdTo: Math.min(now, (transaction.createSentAt ?? transaction.createdAt) + SCAN_SPAN_MS),
  };
}

export async function lookUpOne(gateway: Gateway, query: LookUp, signal?: AbortSignal): Promise<Answer> {
  for await (const { answer } of gateway.lookUp([query], signal)) return answer;
  return {
    kind: 'unknown',
    reason: 'interrupted',
    effect: 'none',
    answered: false,
    httpStatus: null,
    rateLimitedReason: null,
    shouldRetry: null,
    requestId: null,
    message: 'interrupted',
  };
}

import type { Answer } from '../domain/answer.ts';
import { BugError } from '../domain/errors.ts';
import type {
  Call,
  Context,
  LedgerMarks,
  Limits,
  Purpose,
  LastCall,
  StopReason,
} from '../domain/decide/types.ts';
import { decide } from '../domain/decide/decide.ts';
import { firstSend, scanWindow } from '../domain/scan-window.ts';
import type { Instant, Transaction } from '../domain/transaction.ts';
import { withOtherIntents } from './other-intents.ts';
import type { Actor, Chance, Claimed, Clock, Gateway, Lease, Ledger, LookUp } from './ports.ts';

/*
 * The loop around domain/decide/decide.ts: record, call, look at the answer, record. Whoever advances a
 * transaction (charge, reconcile, resolve) comes through here, holding its lease.
 */

/** No path through the plan is longer: scan, create, scan, cancel a stray, scan, confirm, retrieve, cancel, retrieve. */
const MAX_CALLS = 10;

/**
 * The worst call waits for as long as its time limit in our own queue, and then takes that limit twice,
 * because the Stripe library retries a reset once by itself.
 */
const WORST_CALL_FACTOR = 3;

export interface AdvanceDeps {
  readonly ledger: Ledger;
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly limits: Limits;
  readonly actor: Actor;
  /** Whose ledger it is; null only before it is bound. */
  readonly ledgerMarks: LedgerMarks | null;
  /** The ledger was found rolled back. */
  readonly doubted: boolean;
}

export interface Advance {
  readonly purpose: Purpose;
  readonly justOpened: boolean;
  /** Also of a row that this process began and goes on with; `justOpened` when left out. */
  readonly begunHere?: boolean;
  readonly signal?: AbortSignal;
  /** An answer that is already at hand (from a bulk look-up). */
  readonly lastCall?: LastCall;
  /** The lease as it is now: a pass renews it in the background. */
  readonly leaseNow?: () => Lease;
  readonly inTurn?: InTurn;
  /** Asked before each call: false leaves the row as it is, with the reason `unauthorized` (this key may not make it). */
  readonly mayCall?: (call: Call) => boolean;
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
  readonly summary: string;
  /** The answer it stopped on; null when nothing was asked. */
  readonly last: LastCall | null;
  /** False when the stop was left for the caller to record: the lease is still held. */
  readonly recorded: boolean;
  readonly now: Instant;
}

/** Drives one leased transaction forward until it is settled, must wait, or nothing can be proven now. */
export async function advance(
  deps: AdvanceDeps,
  claimed: Claimed,
  options: Advance,
): Promise<Advanced> {
  let { transaction, now } = claimed;
  let { lease } = claimed;
  let lastCall: LastCall | null = options.lastCall ?? null;
  const made: Call[] = lastCall === null ? [] : [lastCall.call];
  while (made.length <= MAX_CALLS) {
    const context = contextOf(deps, options, now, made);
    const decision = decide(transaction, lastCall, context);
    if (decision.record !== null) {
      const record = await withOtherIntents(deps, transaction, decision.record, now);
      const result = await deps.ledger.record(transaction, lease, record, deps.actor);
      if (result.kind === 'stale') {
        await cancelSecondIntent(deps, transaction, lastCall);
        return {
          transaction,
          reason: 'lease_lost',
          summary: 'another process took over',
          last: lastCall,
          recorded: true,
          now,
        };
      }
      ({ transaction, now } = result);
    }
    if (decision.kind === 'ask' && options.mayCall?.(decision.call) === false) {
      return {
        transaction,
        reason: 'unauthorized',
        summary: `this key may not make the call that it needs (${decision.call})`,
        last: lastCall,
        recorded: false,
        now,
      };
    }
    if (decision.kind === 'stop')
      return {
        transaction,
        reason: decision.reason,
        summary: decision.summary,
        last: lastCall,
        recorded: decision.record !== null,
        now,
      };
    const { call } = decision;
    const asked: Transaction = transaction;
    const askedAt = now;
    // The lease is looked at when its turn has come: with many rows that may take a while.
    const asking = await (options.inTurn ?? atOnce)(async () => {
      const held = await holdLongEnough(deps, options.leaseNow?.() ?? lease);
      return held === null
        ? null
        : {
            held,
            answer: await ask(
              deps,
              { call, target: decision.target ?? null, signal: options.signal },
              asked,
              askedAt,
            ),
          };
    });
    if (asking === 'stopped')
      return {
        transaction,
        reason: 'interrupted',
        summary: 'interrupted before the next call',
        last: lastCall,
        recorded: false,
        now,
      };
    if (asking === null)
      return {
        transaction,
        reason: 'lease_lost',
        summary: 'another process took over',
        last: lastCall,
        recorded: true,
        now,
      };
    lease = asking.held;
    const { answer } = asking;
    options.onAnswer?.(answer);
    made.push(decision.call);
    lastCall = { call: decision.call, firstSend: decision.firstSend, answer };
  }
  throw new BugError(
    `${transaction.id} was asked about more than ${String(MAX_CALLS)} times in one run`,
  );
}

/**
 * A create that was sent so late that Stripe had forgotten its key has made a second payment intent. The row, which
 * somebody else has advanced, will never know its id: it is canceled, so that it can never succeed.
 */
async function cancelSecondIntent(
  deps: AdvanceDeps,
  stale: Transaction,
  lastCall: LastCall | null,
): Promise<void> {
  if (lastCall?.call !== 'create' || lastCall.answer.kind !== 'intent' || lastCall.answer.replayed)
    return;
  const { id } = lastCall.answer.intent;
  const current = await deps.ledger.find(stale.id);
  const known = current?.paymentIntent ?? id;
  if (known === id) return;
  // With the version that is stale: so its idempotency key is nobody else's.
  await deps.gateway.cancel({ ...stale, paymentIntent: id });
}

export function contextOf(
  deps: Pick<AdvanceDeps, 'chance' | 'limits' | 'ledgerMarks' | 'doubted'> & {
    readonly gateway: Pick<Gateway, 'aheadMs'>;
  },
  options: Pick<Advance, 'purpose' | 'justOpened' | 'begunHere' | 'signal'>,
  now: Instant,
  made: readonly Call[],
): Context {
  return {
    purpose: options.purpose,
    now,
    stripeAheadMs: deps.gateway.aheadMs(now) ?? 0,
    limits: deps.limits,
    uniform: deps.chance.uniform(),
    justOpened: options.justOpened && made.length === 0,
    begunHere: options.begunHere ?? options.justOpened,
    made,
    ledger: deps.ledgerMarks,
    doubted: deps.doubted,
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

interface Question {
  readonly call: Call;
  readonly target: string | null;
  readonly signal: AbortSignal | undefined;
}

async function ask(
  deps: AdvanceDeps,
  { call, target, signal }: Question,
  transaction: Transaction,
  now: Instant,
): Promise<Answer> {
  switch (call) {
    case 'create':
      if (transaction.keyConflictAt !== null)
        throw new BugError(`${transaction.id}: a key that was used elsewhere is never sent again`);
      return await deps.gateway.create(transaction);
    case 'confirm':
      return await deps.gateway.confirm(transaction);
    case 'cancel':
      return await deps.gateway.cancel(transaction);
    case 'cancel_stray':
      // With another version: so its idempotency key is not that of a cancel of the row's own intent.
      return await deps.gateway.cancel({ ...transaction, paymentIntent: target });
    case 'retrieve':
    case 'scan':
      return await lookUpOne(
        deps.gateway,
        lookUpOf(transaction, { call, now, ledger: deps.ledgerMarks }),
        signal,
      );
  }
}

export interface LookUpContext {
  readonly call: 'retrieve' | 'scan';
  /** The database's clock. */
  readonly now: Instant;
  readonly ledger: LedgerMarks | null;
}

/**
 * The question that finds out about a transaction without changing anything at Stripe: its intent by
 * id, or every intent that bears its id, by the list.
 */
export function lookUpOf(transaction: Transaction, { call, now, ledger }: LookUpContext): LookUp {
  const { attempt, paymentIntent, paramsVersion } = transaction;
  const known = call === 'retrieve' ? paymentIntent : null;
  // With a known id only an estimate is wanted, of the page of the list that shows it.
  const { from, to } =
    known === null
      ? scanWindow(transaction, now)
      : { from: Math.min(firstSend(transaction), now), to: now };
  return {
    transactionId: transaction.id,
    paymentIntent: known,
    customer: transaction.customer,
    createdFrom: from,
    createdTo: to,
    askedAt: now,
    row: { attempt, paymentIntent, paramsVersion, ledger },
  };
}

export async function lookUpOne(
  gateway: Gateway,
  query: LookUp,
  signal?: AbortSignal,
): Promise<Answer> {
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

import type { Answer } from '../../domain/answer.ts';
import type { Call } from '../../domain/decide/decision.ts';
import { firstCall, decide } from '../../domain/decide/decide.ts';
import type { Status } from '../../domain/statuses.ts';
import type { Instant, Transaction } from '../../domain/transaction.ts';
import { contextOf, lookUpOf, type AdvanceDeps } from '../advance.ts';
import { watchStripe } from './availability.ts';
import type { PassOutcome, ReconcileOptions } from '../service.ts';
import type { History } from '../ports.ts';
import { findNamed, namedOutcome } from './named.ts';
import { callsSince, tallyRows } from './pass-counts.ts';
import { stripeUnauthorized } from './unauthorized.ts';

export interface DryRunDeps extends AdvanceDeps {
  readonly history: History;
  readonly pendingAfterMs: number;
}

interface Verdict {
  readonly status: Status;
  readonly summary: string;
}

/**
 * Asks Stripe about everything that is due and says what a pass would do; changes nothing, neither
 * here nor there: a row without an id is searched for in the list, never created again.
 */
export async function dryRun(deps: DryRunDeps, options: ReconcileOptions): Promise<PassOutcome> {
  const startedMs = deps.clock.monotonicMs();
  const callsBefore = deps.gateway.calls();
  const now = await deps.ledger.now();
  const rows = await rowsAskedFor(deps, options, now);
  const byId = new Map(rows.map((row) => [row.id, row]));
  const tally = tallyRows();
  const health = watchStripe();
  const say = (row: Transaction, { status, summary }: Verdict): void => {
    tally.add({ ...row, status });
    options.onRow?.({ before: row, after: row, verdict: summary });
  };
  for (const row of rows) {
    if (firstQuestion(deps, row, now) === null)
      say(row, { status: row.status, summary: 'left alone: it was never sent to Stripe' });
  }
  const queries = rows.flatMap((row) => {
    const call = firstQuestion(deps, row, now);
    return call === null ? [] : [lookUpOf(row, { call, now, ledger: deps.ledgerMarks })];
  });
  const stop = new AbortController();
  const signal =
    options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  for await (const { query, answer } of deps.gateway.lookUp(queries, signal)) {
    const row = byId.get(query.transactionId);
    if (row === undefined) continue;
    if (answer.kind === 'unauthorized') throw stripeUnauthorized();
    health.saw(answer);
    say(row, verdictOf(deps, row, query.paymentIntent === null ? 'scan' : 'retrieve', answer, now));
    if (health.away()) stop.abort();
  }
  const { stuck, overdue, changed } = await deps.history.needsPerson();
  const outage = health.away() || (health.failuresInARow() > 0 && !health.worked());
  const waiting = await deps.history.waiting(deps.pendingAfterMs);
  const report = tally.report({
    notSent: await deps.history.notSent(),
    stripeCalls: callsSince(callsBefore, deps.gateway.calls()),
    outage,
    stoppedBy: outage ? 'outage' : null,
    durationMs: Math.round(deps.clock.monotonicMs() - startedMs),
  });
  return {
    passId: null,
    startedAt: now,
    report,
    stuckTotal: stuck,
    overdueTotal: overdue,
    changedTotal: changed,
    rolledBack: deps.doubted,
    interrupted: options.signal?.aborted ?? false,
    takeOverInMs: null,
    waiting,
    named: options.only === undefined ? null : namedOutcome(rows, [], now),
  };
}

async function rowsAskedFor(
  { ledger, pendingAfterMs }: DryRunDeps,
  { only, limit }: ReconcileOptions,
  now: Instant,
): Promise<readonly Transaction[]> {
  if (only !== undefined) return await findNamed(ledger, only);
  return await ledger.due({
    limit: limit ?? Number.MAX_SAFE_INTEGER,
    pendingAfterMs,
    dueBy: now,
  });
}

/** A create is never sent in a dry run: the list is asked instead. */
function firstQuestion(
  deps: AdvanceDeps,
  row: Transaction,
  now: number,
): 'retrieve' | 'scan' | null {
  const call = firstCall(row, {
    purpose: 'reconcile',
    now,
    doubted: deps.doubted,
    limits: deps.limits,
    stripeAheadMs: deps.gateway.aheadMs(now) ?? 0,
  });
  return call === null || call === 'retrieve' ? call : 'scan';
}

function verdictOf(
  deps: AdvanceDeps,
  row: Transaction,
  call: Call,
  answer: Answer,
  now: number,
): Verdict {
  const decision = decide(
    row,
    { call, firstSend: false, answer },
    contextOf(deps, { purpose: 'reconcile', justOpened: false }, now, [call]),
  );
  if (decision.kind === 'stop')
    return { status: decision.record?.changes.status ?? row.status, summary: decision.summary };
  const shown = answer.kind === 'intent' ? answer.intent.status : answer.kind;
  if (decision.call !== 'cancel')
    return { status: row.status, summary: `would be asked about again (Stripe shows ${shown})` };
  const declined = (decision.record?.changes.failureCode ?? row.failureCode) !== null;
  return {
    status: declined ? 'failed' : 'canceled',
    summary: `would be canceled at Stripe, which shows ${shown}`,
  };
}

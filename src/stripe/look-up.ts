import { type Answer } from '../domain/answer.ts';
import { type LookUp } from '../app/ports.ts';
import { asCompleted } from './as-completed.ts';
import { type StripeCaller } from './caller.ts';
import { retrieveIntent } from './retrieve.ts';
import { scanIntents, type ScanRange } from './scan.ts';

/** Calls under way at once. At 25 requests a second and 0.3 s an answer, this many keep the limit busy. */
const CONCURRENCY = 8;

/** How far Stripe's clock and the database's may be apart: the window is widened by it on both sides. */
const CLOCK_DIFFERENCE_MS = 10 * 60_000;

export interface LookedUp {
  readonly query: LookUp;
  readonly answer: Answer;
}

/** One piece of work that answers one or more queries: a retrieve, or a scan of a range of the list. */
export type Task =
  | { readonly kind: 'retrieve'; readonly query: LookUp; readonly paymentIntent: string }
  | { readonly kind: 'scan'; readonly range: ScanRange; readonly queries: readonly LookUp[] };

/**
 * Who is asked how. A known id is retrieved; queries without one share a scan where their windows
 * touch. Scans first: they take longest.
 */
export function planLookUps(queries: readonly LookUp[]): readonly Task[] {
  const retrieves: Task[] = [];
  const windows: { range: ScanRange; query: LookUp }[] = [];
  for (const query of queries) {
    if (query.paymentIntent === null) windows.push({ range: windowOf(query), query });
    else retrieves.push({ kind: 'retrieve', query, paymentIntent: query.paymentIntent });
  }
  windows.sort((a, b) => a.range.fromSeconds - b.range.fromSeconds);
  const scans: { kind: 'scan'; range: ScanRange; queries: LookUp[] }[] = [];
  for (const { range, query } of windows) {
    const last = scans.at(-1);
    if (last === undefined || range.fromSeconds > last.range.toSeconds + 1) {
      scans.push({ kind: 'scan', range, queries: [query] });
    } else {
      last.range = { ...last.range, toSeconds: Math.max(last.range.toSeconds, range.toSeconds) };
      last.queries.push(query);
    }
  }
  return [...scans, ...retrieves];
}

/** Stripe counts in whole seconds: outward, so that nothing at the edges is lost. */
function windowOf(query: LookUp): ScanRange {
  return {
    fromSeconds: Math.max(0, Math.floor((query.createdFrom - CLOCK_DIFFERENCE_MS) / 1_000)),
    toSeconds: Math.ceil((query.createdTo + CLOCK_DIFFERENCE_MS) / 1_000),
  };
}

/** Every query is answered exactly once, in any order; after the signal aborts, the rest is left out. */
export async function* lookUp(
  caller: StripeCaller,
  secret: string,
  queries: readonly LookUp[],
  signal: AbortSignal | undefined,
): AsyncGenerator<LookedUp, void, undefined> {
  const run = async (task: Task, stop: AbortSignal): Promise<readonly LookedUp[]> => {
    if (task.kind === 'retrieve') {
      return [{ query: task.query, answer: await retrieveIntent(caller, secret, task.paymentIntent, stop) }];
    }
    const wanted = new Set(task.queries.map((query) => query.transactionId));
    const { found, notFound } = await scanIntents(caller, secret, task.range, wanted, stop);
    return task.queries.map((query) => ({ query, answer: found.get(query.transactionId) ?? notFound }));
  };
  for await (const answers of asCompleted(planLookUps(queries), run, CONCURRENCY, signal)) yield* answers;
}

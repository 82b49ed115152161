import type { Answer } from '../../domain/answer.ts';
import type { LookUp } from '../../app/ports.ts';
import { asCompleted } from './as-completed.ts';
import type { Density } from './payment-rate.ts';
import { LookUpPlanner, type PlannedCall } from './plan.ts';
import { pageReader, type Asking } from './page.ts';
import { retrieveIntent } from './retrieve.ts';
import { endOfBoth, scanIntents, type Match, type ScanRange } from './scan.ts';
import { answerOfScan } from './scan-answer.ts';

/** Calls under way at once. At 25 requests a second and 0.3 s an answer, this many keep the limit busy. */
const CONCURRENCY = 8;

/** How far Stripe's clock and the database's may be apart unnoticed: the window is widened by it on both sides. */
const CLOCK_DIFFERENCE_MS = 10 * 60_000;

export interface LookedUp {
  readonly query: LookUp;
  readonly answer: Answer;
}

type Task = ScanTask | PlannedCall;

/** Reads a range of the list to its end, for the queries whose id never arrived. */
export interface ScanTask {
  readonly kind: 'scan';
  readonly range: ScanRange;
  readonly queries: readonly LookUp[];
}

/** How far Stripe's clock is ahead of the one that a query's window is of; null while that is not known. */
type Ahead = (query: LookUp) => number | null;

/** Queries without an id share a scan where their windows touch. */
export function planScans(queries: readonly LookUp[]): readonly ScanTask[] {
  const windows = queries
    .filter(({ paymentIntent }) => paymentIntent === null)
    .map((query) => ({ range: windowOf(query), query }));
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
  return scans;
}

/** Stripe counts in whole seconds: outward, so that nothing at the edges is lost. */
function windowOf(query: LookUp): ScanRange {
  return {
    fromSeconds: Math.max(0, Math.floor((query.createdFrom - CLOCK_DIFFERENCE_MS) / 1_000)),
    toSeconds: Math.ceil((query.createdTo + CLOCK_DIFFERENCE_MS) / 1_000),
  };
}

/** The same query with its window in Stripe's time. */
function inStripesTime(query: LookUp, aheadMs: number): LookUp {
  return {
    ...query,
    createdFrom: query.createdFrom + aheadMs,
    createdTo: query.createdTo + aheadMs,
  };
}

/** What of a range lies outside of another. */
export function outside(range: ScanRange, scanned: ScanRange): readonly ScanRange[] {
  const before = { ...range, toSeconds: Math.min(range.toSeconds, scanned.fromSeconds - 1) };
  const after = { ...range, fromSeconds: Math.max(range.fromSeconds, scanned.toSeconds + 1) };
  return [before, after].filter(({ fromSeconds, toSeconds }) => fromSeconds <= toSeconds);
}

export interface LookingUp extends Asking {
  /** What is known of the account's payments. */
  readonly density: Density;
}

/** Every query is answered exactly once, in any order; after the signal aborts, the rest is left out. Scans first: they take longest. */
export async function* lookUp(
  asking: LookingUp,
  queries: readonly LookUp[],
  signal: AbortSignal | undefined,
): AsyncGenerator<LookedUp, void, undefined> {
  const ahead: Ahead = asking.caller.stripeClock.measure();
  const scans = planScans(queries).values();
  const asked = new Map(queries.map((query) => [inStripesTime(query, ahead(query) ?? 0), query]));
  const planner = new LookUpPlanner([...asked.keys()], asking.density, CONCURRENCY);
  const next = (): Task | null => {
    const scan = scans.next();
    return scan.done === true ? planner.next() : scan.value;
  };
  const work = async (task: Task, stop: AbortSignal): Promise<readonly LookedUp[]> => {
    if (task.kind === 'scan') return await scanFor(asking, task, ahead, stop);
    return (await ask(asking, planner, task, stop)).map((looked) => ({
      ...looked,
      query: asked.get(looked.query) ?? looked.query,
    }));
  };
  for await (const answers of asCompleted(next, work, CONCURRENCY, signal)) yield* answers;
}

async function ask(
  asking: Asking,
  planner: LookUpPlanner,
  task: PlannedCall,
  stop: AbortSignal,
): Promise<readonly LookedUp[]> {
  if (task.kind === 'page') return await readSlice(asking, planner, task, stop);
  return [
    {
      query: task.query,
      answer: await retrieveIntent(asking.caller, asking.secret, task.paymentIntent, stop),
    },
  ];
}

/**
 * In the database's time first: the answer tells Stripe's. Where the clocks differ, the windows are
 * read in Stripe's time as well, and absent is only what neither shows.
 */
async function scanFor(
  asking: Asking,
  { range, queries }: ScanTask,
  ahead: Ahead,
  stop: AbortSignal,
): Promise<readonly LookedUp[]> {
  const pages = pageReader(asking, stop);
  const matches = new Map(
    queries.map(({ transactionId }): [string, Match[]] => [transactionId, []]),
  );
  let end = await scanIntents(pages, range, matches);
  const moved = queries
    .filter((query) => (ahead(query) ?? 0) !== 0)
    .map((query) => inStripesTime(query, ahead(query) ?? 0));
  for (const scan of planScans(moved)) {
    for (const part of outside(scan.range, range))
      end = endOfBoth(end, await scanIntents(pages, part, matches));
  }
  return queries.map((query) => {
    const aheadMs = ahead(query) ?? 0;
    const scanned = aheadMs === 0 ? range : windowOf(inStripesTime(query, aheadMs));
    return {
      query,
      answer: answerOfScan(query, matches.get(query.transactionId) ?? [], { ...end, ...scanned }),
    };
  });
}

/** A row of the list is the same object as a retrieved one, and is read by the same code. */
async function readSlice(
  asking: Asking,
  planner: LookUpPlanner,
  { slice, page: asked }: Extract<PlannedCall, { kind: 'page' }>,
  stop: AbortSignal,
): Promise<readonly LookedUp[]> {
  const { page } = await pageReader(asking, stop)(asked);
  if ('kind' in page) {
    planner.failed(slice, asked);
    return [];
  }
  const answered = planner.saw(slice, asked, page.rows, page.hasMore);
  return answered.flatMap(({ query, index }) => {
    const intent = page.rows[index];
    return intent === undefined
      ? []
      : [
          {
            query,
            answer: { kind: 'intent' as const, intent, requestId: page.requestId, replayed: false },
          },
        ];
  });
}

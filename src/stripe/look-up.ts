import { type Answer } from '../domain/answer.ts';
import { type LookUp } from '../app/ports.ts';
import { asCompleted } from './as-completed.ts';
import { type StripeCaller } from './caller.ts';
import { type Density } from './density.ts';
import { LookUpPlanner, type PlannedCall } from './look-up-planner.ts';
import { retrieveIntent } from './retrieve.ts';
import { readPage } from './list-page.ts';
import { scanIntents, type ScanRange } from './scan.ts';

/** Calls under way at once. At 25 requests a second and 0.3 s an answer, this many keep the limit busy. */
const CONCURRENCY = 8;

/** A page that is refused for its rate is asked for again so often. */
const RATE_LIMITED_TRIES = 4;

/** How far Stripe's clock and the database's may be apart: the window is widened by it on both sides. */
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

/** Queries without an id share a scan where their windows touch. */
export function planScans(queries: readonly LookUp[]): readonly ScanTask[] {
  const windows = queries.filter(({ paymentIntent }) => paymentIntent === null).map((query) => ({ range: windowOf(query), query }));
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

/** Who asks, and what is known of the account's payments. */
export interface Asking {
  readonly caller: StripeCaller;
  readonly secret: string;
  readonly density: Density;
}

/** Every query is answered exactly once, in any order; after the signal aborts, the rest is left out. Scans first: they take longest. */
export async function* lookUp(asking: Asking, queries: readonly LookUp[], signal: AbortSignal | undefined): AsyncGenerator<LookedUp, void, undefined> {
  const scans = planScans(queries).values();
  const planner = new LookUpPlanner(queries, asking.density, CONCURRENCY);
  const next = (): Task | null => {
    const scan = scans.next();
    return scan.done === true ? planner.next() : scan.value;
  };
  for await (const answers of asCompleted(next, (task, stop) => run(asking, planner, task, stop), CONCURRENCY, signal)) yield* answers;
}

async function run(asking: Asking, planner: LookUpPlanner, task: Task, stop: AbortSignal): Promise<readonly LookedUp[]> {
  const { caller, secret } = asking;
  switch (task.kind) {
    case 'retrieve':
      return [{ query: task.query, answer: await retrieveIntent(caller, secret, task.paymentIntent, stop) }];
    case 'page':
      return await readSlice(asking, planner, task, stop);
    case 'scan': {
      const wanted = new Set(task.queries.map((query) => query.transactionId));
      const { found, notFound } = await scanIntents(caller, secret, task.range, wanted, stop);
      return task.queries.map((query) => ({ query, answer: found.get(query.transactionId) ?? notFound }));
    }
  }
}

/** A row of the list is the same object as a retrieved one, and is read by the same code. */
async function readSlice(
  { caller, secret }: Asking,
  planner: LookUpPlanner,
  { slice, page: asked }: Extract<PlannedCall, { kind: 'page' }>,
  stop: AbortSignal,
): Promise<readonly LookedUp[]> {
  for (let tries = 1; ; tries += 1) {
    const { page } = await readPage(caller, secret, asked, stop);
    if (!('kind' in page)) {
      const answered = planner.saw(slice, asked, page.rows, page.hasMore);
      return answered.flatMap(({ query, index }) => {
        const intent = page.rows[index];
        return intent === undefined ? [] : [{ query, answer: { kind: 'intent' as const, intent, requestId: page.requestId, replayed: false } }];
      });
    }
    // Too many calls a second: the limiter waits longer now. A hundred retrieves would not be fewer.
    if (page.kind === 'unknown' && page.reason === 'rate_limited' && tries < RATE_LIMITED_TRIES) continue;
    planner.failed(slice, asked);
    return [];
  }
}

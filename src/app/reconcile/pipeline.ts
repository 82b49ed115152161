import pLimit, { type LimitFunction } from 'p-limit';
import { reconcileBlock, type BlockDeps, type BlockEnd } from './batch.ts';
import { furthestAttemptMs } from '../../domain/decide/transitions.ts';
import type { Instant } from '../../domain/transaction.ts';
import type { Claimed } from '../ports.ts';

/** Rows claimed at a time: neighbours in time, so that a page of Stripe's list answers a hundred of them. */
const BLOCK_ROWS = 2_000;
/** Claim the next batch when this many rows are left, so that look-ups never wait for writes. */
const ROWS_LEFT = 500;
/**
 * The same threshold while Stripe is the bottleneck: this many rows keep eight list requests in flight, which 25 requests
 * a second need when an answer takes 300 ms. More would only take memory.
 */
const ROWS_LEFT_WAITING = 5_000;
/** Ignore write pauses shorter than this. */
const WAITS_MS = 20;
/** Rows advanced at the same time: those of a few pages of Stripe's list, which are recorded together. */
const ROWS_AT_ONCE = 500;
/** Calls of theirs at the same time: enough to keep 25 a second under way at 300 ms each. */
const CALLS_AT_ONCE = 8;
/** So much the clocks of two databases may differ after a failover, without a row being taken before its time. */
const CLOCKS_APART_MS = 3_600_000;

/**
 * Block after block, until nothing is due, the limit is reached, or something stops the pass. The next block begins
 * before the last one has ended, so that no endpoint of Stripe is idle at the end of each.
 */
export async function reconcileBlocks(
  deps: PassDeps,
  limit: number | null,
  due: DueRows,
): Promise<BlockEnd> {
  const blocks = overlapping(deps);
  let left = limit ?? Number.POSITIVE_INFINITY;
  try {
    const first = await claimNamed(deps, due);
    if (first.length > 0) blocks.begin(first, false);
    while (left > 0) {
      await blocks.room();
      if (deps.stop.signal.aborted) break;
      const asked = Math.min(BLOCK_ROWS, left);
      // By the pass's own beginning on a clock that never jumps: the database's may be set back or ahead meanwhile.
      const sinceMs = Math.ceil(deps.clock.monotonicMs() - due.startedMs);
      const claims = await deps.ledger.claimDue(
        {
          pendingAfterMs: due.pendingAfterMs,
          dueBy: due.startedAt,
          sinceMs,
          furthestAheadMs: furthestAttemptMs(deps.limits) + CLOCKS_APART_MS,
          limit: asked,
        },
        deps.actor,
      );
      left -= claims.length;
      if (claims.length === 0 && blocks.none()) break;
      blocks.begin(claims, claims.length < asked);
    }
  } catch (error) {
    blocks.fail(error);
  }
  return await blocks.end();
}

export interface DueRows {
  readonly pendingAfterMs: number;
  /** The database's clock when the pass began, and ours, which never jumps. */
  readonly startedAt: Instant;
  readonly startedMs: number;
  /** Ids of transactions to ask about whether they are due or not. */
  readonly first: readonly string[];
  /** Called for each of them that another process holds. */
  readonly onHeld: (id: string) => void;
}

async function claimNamed(deps: PassDeps, { first, onHeld }: DueRows): Promise<readonly Claimed[]> {
  const claims: Claimed[] = [];
  for (const id of first) {
    const claimed = await deps.ledger.claim(id, deps.actor);
    if (claimed === null) onHeld(id);
    else claims.push(claimed);
  }
  return claims;
}

type PassDeps = Omit<BlockDeps, 'inRows' | 'calls' | 'forbidden'>;

interface Blocks {
  /** Waits until the next block may begin. */
  room(): Promise<void>;
  none(): boolean;
  /** `scarce`: fewer rows than were asked for, so that more only become due when somebody else's lease ends. */
  begin(claims: readonly Claimed[], scarce: boolean): void;
  fail(error: unknown): void;
  /** Waits for all; throws what failed first. */
  end(): Promise<BlockEnd>;
}

interface Writing {
  run(work: () => Promise<void>): Promise<void>;
  /** Nothing has been recorded for longer than a pause that says something. */
  paused(): boolean;
}

function pausesIn(rows: LimitFunction, clock: BlockDeps['clock']): Writing {
  const idle = (): boolean => rows.activeCount === 0 && rows.pendingCount === 0;
  // Never yet: the first answer of a pass waits for more than Stripe.
  let idleSinceMs = Number.POSITIVE_INFINITY;
  return {
    paused: () => idle() && clock.monotonicMs() - idleSinceMs > WAITS_MS,
    async run(work) {
      await rows(work);
      if (idle()) idleSinceMs = clock.monotonicMs();
    },
  };
}

function overlapping(deps: PassDeps): Blocks {
  const running = new Set<Promise<void>>();
  const ends: BlockEnd[] = [];
  const failures: unknown[] = [];
  let unfinished = 0;
  let fewDue = false;
  let waitsForStripe = false;
  let wake = (): void => undefined;
  const fewLeft = (): boolean => unfinished <= (waitsForStripe ? ROWS_LEFT_WAITING : ROWS_LEFT);
  const mayBegin = (): boolean => running.size === 0 || (!fewDue && fewLeft());
  const noticeRoom = (): void => {
    if (mayBegin()) wake();
  };
  const writing = pausesIn(pLimit(ROWS_AT_ONCE), deps.clock);
  const inRows: BlockDeps['inRows'] = async (work) => {
    waitsForStripe ||= writing.paused();
    await writing.run(work);
    noticeRoom();
  };
  const onRow: BlockDeps['onRow'] = (row) => {
    unfinished -= 1;
    deps.onRow(row);
  };
  const calls = pLimit(CALLS_AT_ONCE);
  const shared: BlockDeps = { ...deps, onRow, inRows, calls, forbidden: new Set() };
  const fail = (error: unknown): void => {
    failures.push(error);
    deps.stop.abort();
  };
  const run = (claims: readonly Claimed[]): void => {
    const block = reconcileBlock(shared, claims)
      .then((end) => void ends.push(end), fail)
      .then(() => {
        running.delete(block);
        noticeRoom();
      });
    running.add(block);
  };
  return {
    room: async () => {
      while (!mayBegin())
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
    none: () => running.size === 0,
    begin(claims, scarce) {
      fewDue = scarce;
      unfinished += claims.length;
      // Whether more rows are wanted shows only when the first of these have ended.
      waitsForStripe = false;
      if (claims.length > 0) run(claims);
    },
    fail,
    async end() {
      await Promise.all(running);
      if (failures.length > 0) throw failures[0];
      return endOf(ends, deps.stop.signal.aborted);
    },
  };
}

function endOf(ends: readonly BlockEnd[], stopped: boolean): BlockEnd {
  const refused = ends.find((each) => each.refused !== null)?.refused ?? null;
  return { kind: stopped ? 'stopped' : 'done', refused };
}

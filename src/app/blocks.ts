import pLimit from 'p-limit';
import { reconcileBlock } from './block.ts';
import type { BlockDeps, BlockEnd } from './block.ts';
import type { Claimed, DueQuery } from './ports.ts';

/** Rows claimed at a time: neighbours in time, so that a page of Stripe's list answers a hundred of them. */
const BLOCK_ROWS = 2_000;
/**
 * With so many left of the blocks that were claimed, the next one is: their slices of Stripe's list keep eight pages under
 * way, which 25 calls a second need when an answer takes 300 ms. It bounds the memory of a pass, too.
 */
const ROWS_LEFT = 5_000;
/** Rows advanced at the same time: those of a few pages of Stripe's list, which are recorded together. */
const ROWS_AT_ONCE = 500;
/** Calls of theirs at the same time: enough to keep 25 a second under way at 300 ms each. */
const CALLS_AT_ONCE = 8;

/**
 * Block after block, until nothing is due, the limit is reached, or something stops the pass. The next block begins
 * before the last one has ended, so that no endpoint of Stripe is idle at the end of each.
 */
export async function reconcileBlocks(deps: Omit<BlockDeps, 'rows' | 'calls'>, limit: number | null, due: Omit<DueQuery, 'limit'>): Promise<BlockEnd> {
  const shared = { ...deps, rows: pLimit(ROWS_AT_ONCE), calls: pLimit(CALLS_AT_ONCE) };
  const running = new Set<Promise<void>>();
  const ends: BlockEnd[] = [];
  const failures: unknown[] = [];
  let left = limit ?? Number.POSITIVE_INFINITY;
  let unfinished = 0;
  // Fewer rows than were asked for: more only become due when somebody else's lease ends.
  let scarce = false;
  let wake = (): void => undefined;
  const mayBegin = (): boolean => running.size === 0 || (!scarce && unfinished <= ROWS_LEFT);
  const noticeRoom = (): void => { if (mayBegin()) wake(); };
  const fail = (error: unknown): void => {
    failures.push(error);
    deps.stop.abort();
  };
  const begin = (claims: readonly Claimed[]): void => {
    unfinished += claims.length;
    const onRow: BlockDeps['onRow'] = (row) => {
      unfinished -= 1;
      noticeRoom();
      deps.onRow(row);
    };
    const block = reconcileBlock({ ...shared, onRow }, claims)
      .then((end) => { ends.push(end); }, fail)
      .then(() => {
        running.delete(block);
        noticeRoom();
      });
    running.add(block);
  };
  try {
    while (!deps.stop.signal.aborted && left > 0) {
      if (!mayBegin()) {
        await new Promise<void>((resolve) => { wake = resolve; });
        continue;
      }
      const asked = Math.min(BLOCK_ROWS, left);
      const claims = await deps.ledger.claimDue({ ...due, limit: asked }, deps.actor);
      scarce = claims.length < asked;
      left -= claims.length;
      if (claims.length > 0) begin(claims);
      else if (running.size === 0) break;
    }
  } catch (error) {
    fail(error);
  }
  await Promise.all(running);
  if (failures.length > 0) throw failures[0];
  return ends.includes('unauthorized') ? 'unauthorized' : deps.stop.signal.aborted ? 'stopped' : 'done';
}

import type { Knex } from 'knex';
import type { LedgerMove, MoveProgress } from '../../app/ports.ts';
import { PayreconError } from '../../domain/errors.ts';
import type { Database } from '../database.ts';
import { countOf } from './tables.ts';
import {
  markMoved,
  markMoving,
  openSource,
  readSource,
  refuseMovedElsewhere,
  unmark,
  type SourceLedger,
} from './source.ts';
import { fill, lookAtTarget, type Found } from './target.ts';
import type { OpeningOptions, StorageOptions } from '../options.ts';

/*
 * Takes a whole ledger from SQLite to PostgreSQL. Two ledgers that both charge are a way to be charged
 * twice, so the order is such that at no instant both can:
 *
 *     source                       target             who may charge
 *     ------                       ------             --------------
 *     as ever                      no such ledger     the source
 *     1 marked as moving, commit   no such ledger     neither
 *     2 locked                     copied, compared   neither: what is not committed is not there
 *                                  3 commit           the target
 *     4 moved_at, commit           in use             the target
 *
 * Copy first and mark afterwards would have an instant after the commit in which both can charge, and a
 * process that dies there leaves it so. Here one that dies between 1 and 3 leaves a ledger on which nothing
 * is charged until the same command has been run again: it finds the mark, and the target says whether 3 has
 * happened. It is looked for there under an advisory lock, and so not before the server is done with a COMMIT
 * whose sender died. The mark is taken back only where 3 has not happened for sure: in the write transaction
 * of 2, so that no other process comes in between.
 */

export interface MoveInput {
  /** As DATABASE_URL would name it. */
  readonly from: string;
  /** PostgreSQL. */
  readonly url: string;
  /** Where it goes, without a password: what the old ledger says from then on. */
  readonly to: string;
  /** For a ledger of an older version, which has no identity before its first use. */
  readonly namespace: string;
  readonly options: Omit<StorageOptions, 'url' | 'mayCreate'>;
  readonly onProgress?: (progress: MoveProgress) => void;
}

interface Sides {
  readonly source: Database;
  readonly target: Database;
}

const BUSY_TIMEOUT_MS = 10_000;
const LEASE_MS = 90_000;

/** @throws PayreconError; the old ledger then goes on, unless the message says otherwise. */
export async function moveLedger(input: MoveInput): Promise<LedgerMove> {
  const { from, options } = input;
  const { leaseMs = LEASE_MS, busyTimeoutMs = BUSY_TIMEOUT_MS } = options;
  const opening: OpeningOptions = {
    ...options,
    url: from,
    mayCreate: false,
    leaseMs,
    busyTimeoutMs,
  };
  const { database: source } = await openSource(opening, from);
  try {
    const before = await readSource(source);
    if (before !== null) refuseMovedElsewhere(before.standing, input.to, from);
    const { target, found } = await openTarget({ ...opening, url: input.url }, before).catch(
      (error: unknown) => {
        throw before?.standing.kind === 'moving' ? stillMarked(error, from, input.to) : error;
      },
    );
    try {
      return await move(input, { source, target }, { before, found });
    } finally {
      await target.knex.destroy();
    }
  } finally {
    await source.knex.destroy();
  }
}

async function openTarget(
  options: OpeningOptions,
  before: SourceLedger | null,
): Promise<{ readonly target: Database; readonly found: Found }> {
  const { database: target } = await (await import('../postgres/open.ts')).openPostgres(options);
  try {
    return { target, found: await lookAtTarget(target, before?.id ?? null) };
  } catch (error) {
    await target.knex.destroy();
    throw error;
  }
}

interface Seen {
  readonly before: SourceLedger | null;
  readonly found: Found;
}

async function move(
  input: MoveInput,
  { source, target }: Sides,
  { before, found }: Seen,
): Promise<LedgerMove> {
  const { from, to, namespace } = input;
  if (before?.standing.kind === 'moved') {
    if (found !== 'ours') throw goneFrom(before, from, to);
    return await report(input, source, { migrations: [], alreadyThere: true });
  }
  if (before?.standing.kind === 'here' && found === 'ours') throw bothHere(from, to);
  const isFirst = await markMoving(source, to, { shown: from, namespace });
  const migrations = await copyMarked({ source, target }, input, isFirst);
  return await report(input, source, { migrations, alreadyThere: found === 'ours' });
}

type Copied =
  | { readonly kind: 'done'; readonly migrations: readonly string[] }
  | { readonly kind: 'taken_back'; readonly cause: unknown };

/** Holds the source's write lock to its end: the other side is compared with what cannot change. `isFirst`: this run made the mark. */
async function copyMarked(
  { source, target }: Sides,
  { to, from: shown, onProgress = () => undefined }: MoveInput,
  isFirst: boolean,
): Promise<readonly string[]> {
  const copied = await source.transact(async (sql): Promise<Copied> => {
    const inside = source.within(sql);
    const ledger = await readSource(inside);
    if (ledger === null || ledger.standing.kind === 'here') throw takenBack(shown);
    refuseMovedElsewhere(ledger.standing, to, shown);
    // Another process was faster.
    if (ledger.standing.kind === 'moved') return { kind: 'done', migrations: [] };
    // From when a COMMIT is sent until the target has been seen again, the copy may be there.
    let isAbsent = isFirst;
    const onAbsent = (isCertain: boolean): void => {
      isAbsent = isCertain;
    };
    let migrations: readonly string[];
    try {
      migrations = await fill({ from: inside, target, id: ledger.id, onAbsent, onProgress });
    } catch (cause) {
      const isBack = isAbsent && (await takesBack(sql));
      if (!isBack) throw stillMarked(cause, shown, to);
      return { kind: 'taken_back', cause };
    }
    await markMoved(source, sql);
    return { kind: 'done', migrations };
  });
  if (copied.kind === 'taken_back') throw copied.cause;
  return copied.migrations;
}

/** A file that cannot be written any more keeps its mark, and the failure that is shown is the one before. */
async function takesBack(sql: Knex): Promise<boolean> {
  try {
    await unmark(sql);
    return true;
  } catch {
    return false;
  }
}

/** Whether the copy stands is not known: what is certain is that the old ledger charges nothing. */
function stillMarked(cause: unknown, shown: string, to: string): unknown {
  if (!(cause instanceof PayreconError)) return cause;
  const mark = `The ledger ${shown} stays marked as moving to ${to}, and nothing is charged on it.`;
  const more = `${mark} Run the same command again: it goes on from there.`;
  return cause.retold(`${cause.message} ${more}`, {
    problems: cause.problems,
    cause,
  });
}

function takenBack(shown: string): PayreconError {
  const happened = `Another process was moving the ledger ${shown} and has given up.`;
  return new PayreconError('ledger_busy', `${happened} Nothing was copied; run the command again.`);
}

function goneFrom({ id }: SourceLedger, from: string, to: string): PayreconError {
  return new PayreconError(
    'ledger_moved',
    `The ledger ${from} was moved to ${to} before, and is not there now (${id}). Nothing was copied or changed: ` +
      `what was paid there since is not in the old ledger. Restore the newest copy of ${to}.`,
    { problems: [{ field: 'DATABASE_URL', message: 'names a place that has lost the ledger' }] },
  );
}

/** A copy of the file from before the move, or somebody's own copy in the target. */
function bothHere(from: string, to: string): PayreconError {
  return new PayreconError(
    'target_not_empty',
    `${to} already holds this ledger, and ${from} was not marked as moved: one of them is a copy from before. Nothing was copied or changed. ` +
      'Charge on one of them only, the one with the newest payments, and take the other one away.',
    { problems: [{ field: '--from', message: 'names a ledger that is there twice' }] },
  );
}

async function report(
  { from, to }: MoveInput,
  source: Database,
  how: Pick<LedgerMove, 'migrations' | 'alreadyThere'>,
): Promise<LedgerMove> {
  const count = async (name: string): Promise<number> => await countOf(source, { name });
  return {
    from,
    to,
    ...how,
    transactions: await count('transactions'),
    auditEntries: await count('audit_events'),
    notifications: await count('notifications'),
  };
}

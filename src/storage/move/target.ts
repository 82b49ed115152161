import type { Knex } from 'knex';
import type { MoveProgress } from '../../app/ports.ts';
import { BugError, PayreconError } from '../../domain/errors.ts';
import { firstRow, rowsOf, type Database } from '../database.ts';
import { verifyAudit } from '../history/verify.ts';
import { copyTable, countOf, firstDifference, MOVED_TABLES } from './tables.ts';
import { migrateUpWithin, schemaProblem, schemaStatus } from '../schema.ts';

/** `ours` holds the ledger that is being moved; `other` holds payments of another one, or nobody knows of which. */
export type Found = 'nothing' | 'ours' | 'other';

export interface Filling {
  readonly from: Database;
  readonly target: Database;
  /** The ledger's id. */
  readonly id: string;
  /** Told `true` when the target was seen under its locks without the ledger, and `false` before a COMMIT is sent. */
  readonly onAbsent: (isCertain: boolean) => void;
  readonly onProgress: (progress: MoveProgress) => void;
}

/** A look without a lock, before anything is begun. @throws PayreconError `target_not_empty`, `schema_ahead`. */
export async function lookAtTarget(target: Database, id: string | null): Promise<Found> {
  const status = await target.read((sql) => schemaStatus(target, sql));
  if (status.state === 'ahead')
    throw (
      schemaProblem(status, target.where) ?? new BugError('a schema that is ahead is no problem')
    );
  if (status.applied.length === 0) return 'nothing';
  const found = await standing(target, status.state === 'current' ? id : null);
  if (found === 'other') throw notEmpty(target);
  return found;
}

async function standing(target: Database, id: string | null): Promise<Found> {
  if (
    id !== null &&
    (await target.read((sql) =>
      firstRow(sql, 'select 1 as here from ledger where id = ?', [id]),
    )) !== null
  )
    return 'ours';
  for (const table of ['transactions', 'audit_events', 'attestations']) {
    if (
      (await target.read((sql) => firstRow(sql, `select 1 as here from ${table} limit 1`))) !== null
    )
      return 'other';
  }
  return 'nothing';
}

function notEmpty({ where }: Database): PayreconError {
  return new PayreconError(
    'target_not_empty',
    `${where} holds payments of another ledger, and two ledgers are not mixed. Nothing was copied or changed. ` +
      'Point DATABASE_URL at a database without payments.',
    { problems: [{ field: 'DATABASE_URL', message: 'names a ledger that is not empty' }] },
  );
}

/** What an empty ledger may hold of itself: it makes room for what comes. */
const REPLACED = ['notifications', 'outages', 'passes', 'stripe_keys', 'ledger', 'ledger_counts'];

/**
 * Makes the target's ledger hold what the source's holds, in one transaction, which is committed only when
 * both are compared and the chains of the copy are whole. The names of the migrations that were run for it.
 * Repeated after a COMMIT whose answer was lost, it finds its own work; the advisory lock lets it look only
 * when the server is done with that COMMIT.
 */
export async function fill({
  from,
  target,
  id,
  onAbsent,
  onProgress,
}: Filling): Promise<readonly string[]> {
  return await target.transact(async (sql) => {
    const to = target.within(sql);
    const migrations = await migrateUpWithin(to, sql);
    const tables = MOVED_TABLES.map(({ name }) => name).join(', ');
    await rowsOf(sql, `lock table ${tables} in exclusive mode`);
    const found = await standing(to, id);
    if (found === 'other') throw notEmpty(target);
    if (found === 'ours') {
      await refuseLost(from, to);
      return migrations;
    }
    onAbsent(true);
    for (const table of REPLACED) await rowsOf(sql, `delete from ${table}`);
    await copyAll({ from, to, onProgress }, sql);
    onAbsent(false);
    return migrations;
  });
}

interface Copying extends Pick<Filling, 'from' | 'onProgress'> {
  readonly to: Database;
}

async function copyAll({ from, to, onProgress }: Copying, sql: Knex): Promise<void> {
  let rows = 0;
  for (const table of MOVED_TABLES) rows += await countOf(from, table);
  const counting = (part: MoveProgress['part']): ((batch: number) => void) => {
    let done = 0;
    return (batch) => {
      done += batch;
      onProgress({ part, done, rows });
    };
  };
  const copied = counting('copying');
  for (const table of MOVED_TABLES) await copyTable({ from, table, onRows: copied }, sql);
  const compared = counting('comparing');
  for (const table of MOVED_TABLES) {
    const difference = await firstDifference({ from, table, onRows: compared }, to);
    if (difference !== null) throw differs(to, difference);
  }
  onProgress({ part: 'verifying', done: 0, rows });
  const { firstBad } = await verifyAudit(to, null);
  if (firstBad !== null)
    throw differs(
      to,
      `${firstBad.table}${firstBad.id === null ? '' : ` ${firstBad.id}`}: ${firstBad.problem}`,
    );
}

function differs({ where }: Database, what: string): PayreconError {
  return new PayreconError(
    'move_differs',
    `The copy in ${where} is not what the ledger holds (${what}), and was taken back. Nothing was changed.`,
  );
}

/** The copy that an earlier run committed may have gone on since: it has as much as was taken along, or more. */
async function refuseLost(from: Database, to: Database): Promise<void> {
  for (const name of ['transactions', 'audit_events']) {
    const there = await countOf(from, { name });
    const here = await countOf(to, { name });
    if (here < there) {
      throw new PayreconError(
        'ledger_rolled_back',
        `${to.where} holds this ledger with ${String(here)} rows in ${name}, and ${String(there)} were taken along: it lost some. ` +
          `Nothing was changed, and neither ledger is to be charged on. Restore the newest copy of ${to.where}.`,
        { problems: [{ field: 'DATABASE_URL', message: 'names a ledger that lost payments' }] },
      );
    }
  }
}

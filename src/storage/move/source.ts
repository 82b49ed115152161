import type { Knex } from 'knex';
import type { AuditFinding } from '../../app/ports.ts';
import { BugError, PayreconError } from '../../domain/errors.ts';
import { firstRow, type Database, type Row } from '../database.ts';
import { verifyAudit } from '../history/verify.ts';
import { createIdentity, ledgerRow, updateLedger } from '../identity.ts';
import { firstHeld } from '../ledger/claim.ts';
import { refuseUnfitValues } from './values.ts';
import type { OpenedDatabase, OpeningOptions } from '../options.ts';
import { integer, integerOrNull, text, textOrNull } from '../rows.ts';
import { schemaProblem, schemaStatus } from '../schema.ts';

/** Where a ledger stands on its way: `moving` is marked, and its copy may or may not be committed; `moved` is done. */
export type Standing =
  { readonly kind: 'here' } | { readonly kind: 'moving' | 'moved'; readonly to: string };

export interface SourceLedger {
  readonly id: string;
  readonly standing: Standing;
}

const FROM = '--from';

/** Opens the file as it is: what is about to be left behind is not migrated by the way. */
export async function openSource(options: OpeningOptions, shown: string): Promise<OpenedDatabase> {
  try {
    const opened = (await import('../sqlite/open.ts')).openSqlite(options);
    try {
      await refuseOtherSchema(opened.database, shown);
      return opened;
    } catch (error) {
      await opened.database.knex.destroy();
      throw error;
    }
  } catch (error) {
    if (error instanceof PayreconError && error.code === 'no_ledger') throw noSource(shown);
    throw error;
  }
}

function noSource(shown: string): PayreconError {
  return new PayreconError(
    'no_ledger',
    `There is no ledger at ${shown}. Nothing was copied or changed.`,
    {
      problems: [{ field: FROM, message: 'names a place without a ledger' }],
    },
  );
}

async function refuseOtherSchema(source: Database, shown: string): Promise<void> {
  const status = await source.read((sql) => schemaStatus(source, sql));
  if (status.applied.length === 0) throw noSource(shown);
  if (status.state !== 'behind') {
    const problem = schemaProblem(status, source.where);
    if (problem !== null) throw problem;
    return;
  }
  const first = `DATABASE_URL=${shown} payrecon migrate up`;
  throw new PayreconError(
    'schema_behind',
    `The ledger ${shown} was made by an older version of payrecon. Nothing was copied or changed. Bring it up to date first: ${first}`,
    { problems: [{ field: FROM, message: 'names a ledger with an older schema' }] },
  );
}

export async function readSource(source: Database): Promise<SourceLedger | null> {
  const row = await source.read((sql) => ledgerRow(sql));
  return row === null ? null : { id: text(row, 'id'), standing: standingOf(row) };
}

function standingOf(row: Row): Standing {
  const to = textOrNull(row, 'moved_to');
  if (to === null) return { kind: 'here' };
  return { kind: integerOrNull(row, 'moved_at') === null ? 'moving' : 'moved', to };
}

/** @throws PayreconError `ledger_moved` for a ledger that went, or is on its way, to another place. */
export function refuseMovedElsewhere(standing: Standing, to: string, shown: string): void {
  if (standing.kind === 'here' || standing.to === to) return;
  const there = standing.to;
  const sentence =
    standing.kind === 'moved'
      ? `The ledger ${shown} was moved to ${there}. Nothing was copied or changed. Charge there.`
      : `Moving the ledger ${shown} to ${there} was begun and has not ended. Nothing was copied or changed now. ` +
        `End it first: run the same command with DATABASE_URL naming ${there}`;
  throw new PayreconError('ledger_moved', sentence, {
    problems: [{ field: FROM, message: 'names a ledger that was moved' }],
  });
}

interface MarkingInput {
  /** The source's address. */
  readonly shown: string;
  readonly namespace: string;
}

/**
 * Marks the ledger as moving, in one write transaction with everything that has to be true of it then. From
 * its commit on the triggers of the ledger refuse every step of a payment, also to processes that have it open.
 * True when this call made the mark: then no copy can be there yet.
 */
export async function markMoving(
  source: Database,
  to: string,
  { shown, namespace }: MarkingInput,
): Promise<boolean> {
  return await source.transact(async (sql) => {
    const inside = source.within(sql);
    const row = await ledgerRow(sql);
    if (row !== null) {
      const standing = standingOf(row);
      refuseMovedElsewhere(standing, to, shown);
      // An earlier run has begun, or another process, or our own COMMIT whose end was not known.
      if (standing.kind !== 'here') return false;
    }
    await refuseInUse(inside, shown);
    await refuseUnfitValues(inside);
    const { firstBad } = await verifyAudit(inside, null);
    if (firstBad !== null) throw broken(shown, firstBad);
    // A ledger of an older version gets its identity at its first use; the mark stands in that row.
    if (row === null) await createIdentity(inside, () => Promise.resolve('')).create(namespace);
    await updateLedger(sql, row ?? (await rowOf(sql)), { moved_to: to });
    return true;
  });
}

/** Under the write lock of the source, after a copy that failed for sure. */
export async function unmark(sql: Knex): Promise<void> {
  await updateLedger(sql, await rowOf(sql), { moved_to: null });
}

/** Under the write lock of the source, after the copy was committed. */
export async function markMoved(source: Database, sql: Knex): Promise<void> {
  const now = integer((await firstRow(sql, `select ${source.now()} as now`)) ?? {}, 'now');
  await updateLedger(sql, await rowOf(sql), { moved_at: now });
}

async function rowOf(sql: Knex): Promise<Row> {
  const row = await ledgerRow(sql);
  if (row === null) throw new BugError('the ledger that is being moved has no identity');
  return row;
}

const MS_A_SECOND = 1_000;
/** A claim that ends later than this was written while the database's clock was wrong. */
const LONGEST_CLAIM_MS = 3_600_000;

async function refuseInUse(source: Database, shown: string): Promise<void> {
  const held = await firstHeld(source);
  if (held !== null) {
    const seconds = String(Math.ceil(held.endsInMs / MS_A_SECOND));
    throw busy(
      shown,
      `${held.holder} works on ${held.transactionId}, for ${seconds} s more unless it ends before`,
    );
  }
  const sending = await source.read((sql) =>
    firstRow(
      sql,
      `with clock as (select ${source.now()} as now) select id from notifications, clock where state = 'sending'
          and next_attempt_at > clock.now and next_attempt_at <= clock.now + ${String(LONGEST_CLAIM_MS)} limit 1`,
    ),
  );
  if (sending !== null)
    throw busy(
      shown,
      `the e-mail ${text(sending, 'id')} is being sent, which takes a minute at most`,
    );
}

function busy(shown: string, who: string): PayreconError {
  const next = 'Stop what charges and reconciles on it, and run the command again.';
  return new PayreconError(
    'ledger_busy',
    `The ledger ${shown} is in use: ${who}. Nothing was copied or changed. ${next}`,
  );
}

function broken(shown: string, { table, id, seq, problem }: AuditFinding): PayreconError {
  const place = `${table}${id === null ? '' : ` ${id}`}${seq === null ? '' : `, entry ${String(seq)}`}`;
  return new PayreconError(
    'audit_broken',
    `The audit trail of the ledger ${shown} does not hold (${place}: ${problem}). Nothing was copied or changed. ` +
      `Look at it with: DATABASE_URL=${shown} payrecon audit verify`,
    { problems: [{ field: FROM, message: 'names a ledger that was changed outside payrecon' }] },
  );
}

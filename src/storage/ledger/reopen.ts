import type { Knex } from 'knex';
import type { Actor, Reopening, ReopenResult } from '../../app/ports.ts';
import { mayBeginAttempt, mayCorrect } from '../../domain/attempts.ts';
import { BugError } from '../../domain/errors.ts';
import { differingFields } from '../../domain/request/charge-request.ts';
import type { Instant, JsonObject, Transaction } from '../../domain/transaction.ts';
import { actorRecord, holderOf } from '../actors.ts';
import { entryHash, sha256 } from './audit-chain.ts';
import { insertCounted } from '../counts.ts';
import { firstRow, type Binding, type Database, type Row } from '../database.ts';
import { findConflict, lockLookAlikes } from './duplicate-guard.ts';
import { UniqueViolation } from '../driver-errors.ts';
import { auditRow } from './audit.ts';
import { beginning, valuesAt, type Writes } from './changes.ts';
import { isHeld } from './claim.ts';
import { changesText } from './row-changes.ts';
import { requestColumns, requestText, transactionOf } from '../columns.ts';
import { integer, text } from '../rows.ts';
import { insertOf } from '../seals.ts';

interface Attempting extends Reopening {
  readonly current: Transaction;
  readonly actor: Actor;
  /** Also how our own row is recognised after a COMMIT whose answer was lost. */
  readonly token: string;
  readonly startedMs: number;
}

/** Whoever took the reference before us may have given it back by the time that we look who it was. */
const ROUNDS = 5;

/**
 * A new attempt on a row whose last one is dead: in one SQL transaction the version is compared, the
 * reference and the look-alikes are looked at as for a new row, and the row is back at step
 * `create_sent` under our lease, with an audit entry that seals what is asked for now. A row that
 * somebody else holds is `stale`: what they are about to record is not known here.
 *
 * @throws BugError for a row that leaves no room for another attempt (domain/attempts.ts).
 */
export async function reopenTransaction(
  database: Database,
  current: Transaction,
  opening: Reopening,
  actor: Actor,
): Promise<ReopenResult> {
  checkMayReopen(current, opening);
  const attempting: Attempting = {
    ...opening,
    current,
    actor,
    token: database.chance.token(),
    startedMs: database.clock.monotonicMs(),
  };
  for (let round = 1; ; round += 1) {
    try {
      return await database.transact((sql, attempt) => reopen(database, sql, attempting, attempt));
    } catch (error) {
      // Somebody took the reference between our look and our write.
      if (!(error instanceof UniqueViolation) || round === ROUNDS) throw error;
    }
  }
}

function checkMayReopen(current: Transaction, { request }: Reopening): void {
  const corrected = request.key === current.key ? differingFields(current, request) : ['key'];
  const may =
    corrected.length === 0
      ? mayBeginAttempt(current)
      : mayCorrect(current) && request.key === current.key;
  if (may) return;
  const what =
    corrected.length === 0
      ? 'another attempt'
      : `another attempt with other parameters (${corrected.join(', ')})`;
  throw new BugError(
    `${current.id} (${current.status}, attempt ${String(current.attempt)}) leaves no room for ${what}`,
  );
}

async function reopen(
  database: Database,
  sql: Knex,
  attempting: Attempting,
  attempt: number,
): Promise<ReopenResult> {
  const { current, request, guard } = attempting;
  if (database.dialect === 'postgres' && guard.windowMs > 0) await lockLookAlikes(sql, request);
  const row = await firstRow(
    sql,
    `select ${database.now()} as now, t.* from transactions t where id = ?${database.dialect === 'postgres' ? ' for update' : ''}`,
    [current.id],
  );
  if (row === null) throw new BugError(`${current.id} is gone`);
  if (attempt > 1 && row['lease_token'] === attempting.token)
    return opened(database, attempting, row);
  const now = integer(row, 'now');
  if (integer(row, 'version') !== current.version || isHeld(row, now)) return { kind: 'stale' };
  const conflict = await findConflict(sql, request, guard, { now, except: current.id });
  if (conflict !== null) {
    const other = transactionOf(conflict.row);
    if (conflict.why === 'reference') return { kind: 'reference_taken', other };
    if (!guard.allow)
      return { kind: 'duplicate_suspected', other, matched: matchedFields(request, other) };
  }
  const looksLike = conflict === null ? null : text(conflict.row, 'id');
  return opened(
    database,
    attempting,
    await write(database, sql, attempting, { row, now, looksLike }),
  );
}

function matchedFields(
  request: Reopening['request'],
  other: Transaction,
): ('customer' | 'email' | 'payment_method')[] {
  return [
    ...(request.customer !== null && request.customer === other.customer
      ? (['customer'] as const)
      : []),
    ...(request.email !== null && request.email.toLowerCase() === other.email?.toLowerCase()
      ? (['email'] as const)
      : []),
    ...(request.paymentMethod === other.paymentMethod ? (['payment_method'] as const) : []),
  ];
}

interface Before {
  readonly row: Row;
  readonly now: Instant;
  /** A look-alike that the caller allows. */
  readonly looksLike: string | null;
}

async function write(
  database: Database,
  sql: Knex,
  attempting: Attempting,
  before: Before,
): Promise<Row> {
  const { current, actor, token } = attempting;
  const { now } = before;
  const writes = freshAttempt(attempting);
  const entry = {
    transactionId: current.id,
    seq: current.version + 1,
    at: now,
    actor: actorRecord(database, actor),
    action: 'new_attempt' as const,
    from: { status: current.status, step: current.step },
    to: { status: 'pending' as const, step: 'create_sent' as const },
    detail: attemptDetail(attempting, before.looksLike),
    requestId: null,
    changes: changesText({ ...writes, mails: [] }),
  };
  const hash = entryHash(text(before.row, 'audit_hash'), entry);
  const values: Readonly<Record<string, Binding>> = {
    ...requestColumns(attempting.request, attempting.fingerprint),
    ...valuesAt(writes, now),
    version: entry.seq,
    audit_hash: hash,
    lease_token: token,
    lease_holder: holderOf(actor),
    lease_expires_at: now + database.leaseMs,
  };
  const row = await firstRow(
    sql,
    `update transactions set ${Object.keys(values)
      .map((column) => `${column} = ?`)
      .join(', ')}
      where id = ? and version = ? returning *`,
    [...Object.values(values), current.id, current.version],
  );
  if (row === null) throw new BugError(`the row of ${current.id} changed within a transaction`);
  await insertCounted(database, sql, insertOf('audit_events', auditRow({ ...entry, hash })), {
    entries: 1,
  });
  return row;
}

/** As on a row that was just opened. What Stripe has said of the key stays, and when the row was made. */
function freshAttempt({ current, request }: Attempting): Writes {
  const { set, at } = beginning(request);
  const kept = { created_at: current.createdAt, key_conflict_at: current.keyConflictAt };
  const wasAbsent = current.status === 'canceled' && current.paymentIntent === null;
  const counted = {
    attempt: current.attempt + 1,
    intents: current.intents + (current.paymentIntent === null ? 0 : 1),
    absent_attempts: current.absentAttempts + (wasAbsent ? 1 : 0),
  };
  return {
    set: { ...set, ...kept, ...counted },
    at: Object.fromEntries(Object.entries(at).filter(([column]) => !(column in kept))),
  };
}

function attemptDetail(
  { current, request, fingerprint, guard }: Attempting,
  looksLike: string | null,
): JsonObject {
  const corrected = differingFields(current, request);
  return {
    attempt: current.attempt + 1,
    fingerprint,
    request_sha256: sha256(requestText(request)),
    duplicate_window_ms: guard.windowMs,
    duplicate_allowed: guard.allow,
    ...(looksLike === null ? {} : { looks_like: looksLike }),
    last_attempt: {
      status: current.status,
      payment_intent: current.paymentIntent,
      failure_code: current.failureCode,
      failure_kind: current.failureKind,
      canceled_by: current.canceledBy,
    },
    ...(corrected.length === 0 ? {} : { corrected: [...corrected] }),
  };
}

function opened(
  database: Database,
  { current, token, startedMs }: Attempting,
  row: Row,
): ReopenResult {
  const transaction = transactionOf(row);
  const lease = { transactionId: current.id, token, deadlineMs: startedMs + database.leaseMs };
  return { kind: 'opened', transaction, lease, now: transaction.updatedAt };
}

import type { Knex } from 'knex';
import type { Actor, Conflict, DuplicateGuard, OpenResult } from '../../app/ports.ts';
import { BugError } from '../../domain/errors.ts';
import type { ChargeRequest, Instant, JsonObject, Transaction } from '../../domain/transaction.ts';
import { actorRecord, holderOf } from '../actors.ts';
import { entryHash, sha256, type UnsealedEntry } from './audit-chain.ts';
import { insertCounted } from '../counts.ts';
import { firstRow, type Binding, type Database, type Row } from '../database.ts';
import { findConflict, lockLookAlikes } from './duplicate-guard.ts';
import { newId } from '../identifiers.ts';
import { auditRow } from './audit.ts';
import { beginning, valuesAt } from './changes.ts';
import { changesText } from './row-changes.ts';
import { requestColumns, requestText, transactionOf } from '../columns.ts';
import { integer, text } from '../rows.ts';
import { insertOf } from '../seals.ts';

const VERSION_ONE = 1;
/** A conflicting insert may be rolled back between our insert and our look; then there is room again. */
const ROUNDS = 5;

interface Opening {
  readonly request: ChargeRequest;
  readonly fingerprint: string;
  readonly guard: DuplicateGuard;
  readonly actor: Actor;
  /** Also how we recognise our own row after a COMMIT whose answer was lost. */
  readonly token: string;
}

/**
 * On SQLite BEGIN IMMEDIATE keeps every other writer out. On PostgreSQL the unique indexes decide
 * about key and reference, and transaction-scoped advisory locks, one for each thing that two
 * look-alikes have in common, make their guards wait for each other.
 */
export async function openTransaction(
  database: Database,
  request: ChargeRequest,
  fingerprint: string,
  guard: DuplicateGuard,
  actor: Actor,
): Promise<OpenResult> {
  const opening = { request, fingerprint, guard, actor, token: database.chance.token() };
  const startedMs = database.clock.monotonicMs();
  return database.transact(async (sql, attempt) => {
    const now = await beginAt(database, sql, opening);
    for (let round = 1; round <= ROUNDS; round += 1) {
      const conflict = await findConflict(sql, request, guard, { now, except: null });
      const result = conflict === null ? null : conflictResult(conflict, opening, now);
      if (conflict !== null && attempt > 1 && conflict.row['lease_token'] === opening.token) {
        return opened(database, opening, transactionOf(conflict.row), startedMs);
      }
      if (result !== null) return result;
      const transaction = await insert(database, sql, opening, now, conflict?.row ?? null);
      if (transaction !== null) return opened(database, opening, transaction, startedMs);
    }
    throw new BugError('a transaction could be neither inserted nor found');
  });
}

type Asking = Pick<Opening, 'request' | 'guard'>;

/** Without a lock: a row that another process inserts meanwhile is met by whoever opens. */
export async function findConflictOnly(
  database: Database,
  asking: Asking,
  except: string | null,
): Promise<Conflict | null> {
  return await database.read(async (sql) => {
    const now = await clockOf(database, sql);
    const conflict = await findConflict(sql, asking.request, asking.guard, { now, except });
    return conflict === null ? null : conflictResult(conflict, asking, now);
  });
}

async function beginAt(database: Database, sql: Knex, opening: Opening): Promise<Instant> {
  if (database.dialect === 'postgres' && opening.guard.windowMs > 0)
    await lockLookAlikes(sql, opening.request);
  return await clockOf(database, sql);
}

async function clockOf(database: Database, sql: Knex): Promise<Instant> {
  const row = await firstRow(sql, `select ${database.now()} as now`);
  if (row === null) throw new BugError('the database returned no row for "select now"');
  return integer(row, 'now');
}

function opened(
  database: Database,
  opening: Opening,
  transaction: Transaction,
  startedMs: number,
): OpenResult {
  const lease = {
    transactionId: transaction.id,
    token: opening.token,
    deadlineMs: startedMs + database.leaseMs,
  };
  return { kind: 'opened', transaction, lease, now: transaction.createdAt };
}

/** Null for a look-alike that the caller allows. */
function conflictResult(
  conflict: { readonly why: string; readonly row: Row },
  opening: Asking,
  now: Instant,
): Conflict | null {
  const other = transactionOf(conflict.row);
  const { request, guard } = opening;
  switch (conflict.why) {
    case 'key':
      return { kind: 'exists', transaction: other, now };
    case 'reference':
      return { kind: 'reference_taken', other };
    case 'duplicate': {
      if (guard.allow) return null;
      const matched: ('customer' | 'email' | 'payment_method')[] = [];
      if (request.customer !== null && request.customer === other.customer)
        matched.push('customer');
      if (request.email !== null && request.email.toLowerCase() === other.email?.toLowerCase())
        matched.push('email');
      if (request.paymentMethod === other.paymentMethod) matched.push('payment_method');
      return { kind: 'duplicate_suspected', other, matched };
    }
    default:
      throw new BugError(`unexpected conflict ${conflict.why}`);
  }
}

async function insert(
  database: Database,
  sql: Knex,
  opening: Opening,
  now: Instant,
  allowed: Row | null,
): Promise<Transaction | null> {
  const { request, fingerprint, actor, token } = opening;
  const sent = requestText(request);
  const id = newId('txn', now);
  const writes = beginning(request);
  const entry: UnsealedEntry = {
    transactionId: id,
    seq: VERSION_ONE,
    at: now,
    actor: actorRecord(database, actor),
    action: 'opened',
    from: null,
    to: { status: 'pending', step: 'create_sent' },
    detail: openedDetail(opening, sent, allowed),
    requestId: null,
    changes: changesText({ ...writes, mails: [] }),
  };
  const hash = entryHash('', entry);
  const values: Readonly<Record<string, Binding>> = {
    id,
    key: request.key,
    ...requestColumns(request, fingerprint),
    ...valuesAt(writes, now),
    version: VERSION_ONE,
    audit_hash: hash,
    lease_token: token,
    lease_holder: holderOf(actor),
    lease_expires_at: now + database.leaseMs,
  };
  const { text: inserting, bindings } = insertOf('transactions', values);
  const row = await firstRow(sql, `${inserting} on conflict do nothing returning *`, bindings);
  if (row === null) return null;
  await insertCounted(database, sql, insertOf('audit_events', auditRow({ ...entry, hash })), {
    transactions: 1,
    entries: 1,
  });
  return transactionOf(row);
}

function openedDetail(opening: Opening, sent: string, allowed: Row | null): JsonObject {
  return {
    fingerprint: opening.fingerprint,
    request_sha256: sha256(sent),
    duplicate_window_ms: opening.guard.windowMs,
    duplicate_allowed: opening.guard.allow,
    ...(allowed === null ? {} : { looks_like: text(allowed, 'id') }),
  };
}

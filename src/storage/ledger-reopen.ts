import type { Knex } from 'knex';
import type { Actor, Reopening, ReopenResult } from '../app/ports.ts';
import { PARAMS_VERSION } from '../domain/attempts.ts';
import { BugError } from '../domain/errors.ts';
import { differingFields } from '../domain/charge-request.ts';
import type { Instant, JsonObject, Transaction } from '../domain/transaction.ts';
import { actorRecord, holderOf } from './actors.ts';
import { canonicalJson, entryHash, sha256 } from './audit-chain.ts';
import { firstRow, type Binding, type Database, type Row } from './database.ts';
import { findConflict, lockLookAlikes } from './duplicate-guard.ts';
import { UniqueViolation } from './faults.ts';
import { insertAuditEntry } from './ledger-audit.ts';
import { requestText } from './ledger-open.ts';
import { integer, text, transactionOf } from './rows.ts';

interface Attempting extends Reopening {
  readonly current: Transaction;
  readonly actor: Actor;
  /** Also how our own row is recognised after a COMMIT whose answer was lost. */
  readonly token: string;
  readonly startedMs: number;
}

/**
 * A new attempt on a row whose last one is dead: in one SQL transaction the version is compared, the
 * reference and the look-alikes are looked at as for a new row, and the row is back at step
 * `create_sent` under our lease, with an audit entry that seals what is asked for now.
 */
export async function reopenTransaction(
  database: Database,
  current: Transaction,
  opening: Reopening,
  actor: Actor,
): Promise<ReopenResult> {
  const attempting: Attempting = {
    ...opening,
    current,
    actor,
    token: database.chance.token(),
    startedMs: database.clock.monotonicMs(),
  };
  try {
    return await database.transact((sql, attempt) => reopen(database, sql, attempting, attempt));
  } catch (error) {
    if (!(error instanceof UniqueViolation)) throw error;
    // Somebody took the reference between our look and our write.
    const other = await database.read((sql) => holderOfReference(sql, attempting));
    if (other === null) throw error;
    return { kind: 'reference_taken', other: transactionOf(other) };
  }
}

async function reopen(database: Database, sql: Knex, attempting: Attempting, attempt: number): Promise<ReopenResult> {
  const { current, request, guard } = attempting;
  if (database.dialect === 'postgres' && guard.windowMs > 0) await lockLookAlikes(sql, request);
  const row = await firstRow(
    sql,
    `select ${database.now()} as now, t.* from transactions t where id = ?${database.dialect === 'postgres' ? ' for update' : ''}`,
    [current.id],
  );
  if (row === null) throw new BugError(`${current.id} is gone`);
  if (attempt > 1 && row['lease_token'] === attempting.token) return opened(database, attempting, row);
  if (integer(row, 'version') !== current.version) return { kind: 'stale' };
  const now = integer(row, 'now');
  const conflict = await findConflict(sql, request, guard, { now, except: current.id });
  if (conflict !== null) {
    const other = transactionOf(conflict.row);
    if (conflict.why === 'reference') return { kind: 'reference_taken', other };
    if (!guard.allow) return { kind: 'duplicate_suspected', other, matched: matchedFields(request, other) };
  }
  return opened(database, attempting, await write(database, sql, attempting, { row, now }));
}

function matchedFields(request: Reopening['request'], other: Transaction): ('customer' | 'email' | 'payment_method')[] {
  return [
    ...(request.customer !== null && request.customer === other.customer ? (['customer'] as const) : []),
    ...(request.email !== null && request.email.toLowerCase() === other.email?.toLowerCase() ? (['email'] as const) : []),
    ...(request.paymentMethod === other.paymentMethod ? (['payment_method'] as const) : []),
  ];
}

async function write(
  database: Database,
  sql: Knex,
  attempting: Attempting,
  before: { readonly row: Row; readonly now: Instant },
): Promise<Row> {
  const { current, request, fingerprint, actor, token } = attempting;
  const { now } = before;
  const sent = requestText(request);
  const entry = {
    transactionId: current.id,
    seq: current.version + 1,
    at: now,
    actor: actorRecord(database, actor),
    action: 'new_attempt' as const,
    from: { status: current.status, step: current.step },
    to: { status: 'pending' as const, step: 'create_sent' as const },
    detail: attemptDetail(attempting, sent),
    requestId: null,
  };
  const hash = entryHash(text(before.row, 'audit_hash'), entry);
  const values: Readonly<Record<string, Binding>> = {
    fingerprint,
    reference: request.reference,
    amount: request.amount,
    currency: request.currency,
    customer: request.customer,
    payment_method: request.paymentMethod,
    method_types: JSON.stringify(request.methodTypes),
    email: request.email,
    description: request.description,
    metadata: canonicalJson(request.metadata),
    on_session: request.onSession ? 1 : 0,
    sent_params: sent,
    attempt: current.attempt + 1,
    intents: current.intents + (current.paymentIntent === null ? 0 : 1),
    absent_attempts: current.absentAttempts + (current.status === 'canceled' && current.paymentIntent === null ? 1 : 0),
    params_version: PARAMS_VERSION,
    session: request.onSession ? 'on_session' : 'off_session',
    status: entry.to.status,
    step: entry.to.step,
    payment_intent: null,
    stripe_status: null,
    failure_code: null,
    failure_message: null,
    failure_kind: null,
    canceled_by: null,
    create_sent_at: now,
    confirm_sent_at: null,
    cancel_sent_at: null,
    attempts: 0,
    lookups: 0,
    absent_since: null,
    expected_by: null,
    next_attempt_at: now,
    review: null,
    version: entry.seq,
    audit_hash: hash,
    updated_at: now,
    settled_at: null,
    lease_token: token,
    lease_holder: holderOf(actor),
    lease_expires_at: now + database.leaseMs,
  };
  const row = await firstRow(
    sql,
    `update transactions set ${Object.keys(values).map((column) => `${column} = ?`).join(', ')}
      where id = ? and version = ? returning *`,
    [...Object.values(values), current.id, current.version],
  );
  if (row === null) throw new BugError(`the row of ${current.id} changed within a transaction`);
  await insertAuditEntry(sql, { ...entry, hash });
  return row;
}

function attemptDetail({ current, request, fingerprint, guard }: Attempting, sent: string): JsonObject {
  const changed = differingFields(current, request);
  return {
    attempt: current.attempt + 1,
    fingerprint,
    request_sha256: sha256(sent),
    duplicate_allowed: guard.allow,
    last_attempt: {
      status: current.status,
      payment_intent: current.paymentIntent,
      failure_code: current.failureCode,
      failure_kind: current.failureKind,
      canceled_by: current.canceledBy,
    },
    ...(changed.length === 0 ? {} : { corrected: [...changed] }),
  };
}

function opened(database: Database, { current, token, startedMs }: Attempting, row: Row): ReopenResult {
  const transaction = transactionOf(row);
  const lease = { transactionId: current.id, token, deadlineMs: startedMs + database.leaseMs };
  return { kind: 'opened', transaction, lease, now: transaction.updatedAt };
}

async function holderOfReference(sql: Knex, { current, request }: Attempting): Promise<Row | null> {
  if (request.reference === null) return null;
  return firstRow(
    sql,
    `select * from transactions where reference = ? and id <> ? and status in ('pending', 'succeeded', 'stuck')
      order by created_at desc limit 1`,
    [request.reference, current.id],
  );
}

import type { History, ListFilter, PagePosition, Waiting } from '../../app/ports.ts';
import type { Status } from '../../domain/statuses.ts';
import type { Transaction } from '../../domain/transaction.ts';
import { firstRow, rowsOf, type Binding, type Database } from '../database.ts';
import { verifyAudit } from './verify.ts';
import { transactionOf } from '../columns.ts';
import { CLOCK_MARGIN_MS } from '../ledger/claim.ts';
import { auditEntryOf, integer, integerOrNull, notificationOf } from '../rows.ts';

const NEWEST_FIRST = 'order by created_at desc, id desc limit ?';
/** Force the index: SQLite's planner otherwise scans all pending rows. */
function overdueTable(database: Database): string {
  return database.dialect === 'sqlite'
    ? 'transactions indexed by transactions_expected'
    : 'transactions';
}

function overdue(database: Database): string {
  return `status = 'pending' and expected_by is not null and expected_by < ${database.now()}`;
}

/** As the partial index says it, word by word. */
const CHANGED = `review like '%"reason":"truth_changed","resolution":%' and review not like '%"as":"acknowledge"%'`;

function changedTable(database: Database): string {
  return database.dialect === 'sqlite'
    ? 'transactions indexed by transactions_changed_truths'
    : 'transactions';
}

export function createHistory(database: Database): History {
  return {
    page: (filter, limit, after) => page(database, filter, limit, after),
    async audit(transactionId) {
      const rows = await database.read((sql) =>
        rowsOf(sql, 'select * from audit_events where transaction_id = ? order by seq', [
          transactionId,
        ]),
      );
      return rows.map(auditEntryOf);
    },
    async notifications(transactionId) {
      const rows = await database.read((sql) =>
        rowsOf(
          sql,
          'select * from notifications where transaction_id = ? order by version, created_at, kind, resend',
          [transactionId],
        ),
      );
      return rows.map(notificationOf);
    },
    verifyAudit: (transactionId) => verifyAudit(database, transactionId),
    async needsPerson() {
      const { stuck, overdue, changed } = await openCounts(database);
      return { stuck, overdue, changed };
    },
    async notSent() {
      const row = await database.read((sql) =>
        firstRow(
          sql,
          `select count(*) as not_sent from transactions where status = 'pending' and step = 'recorded'`,
        ),
      );
      return integer(row ?? {}, 'not_sent');
    },
    waiting: (pendingAfterMs) => waiting(database, pendingAfterMs),
    openCounts: () => openCounts(database),
  };
}

/** The opposite of due, see `isDue` of ledger/claim.ts; a row from the future is old enough there as well. */
async function waiting(database: Database, pendingAfterMs: number): Promise<Waiting> {
  const young = `created_at > now - ? and created_at <= now + ${String(CLOCK_MARGIN_MS)}`;
  const counted = await database.read((sql) =>
    firstRow(
      sql,
      `with open_rows as (
         select created_at, next_attempt_at, (${young}) as is_young
           from transactions, (select ${database.now()} as now) as clock
          where status = 'pending' and step <> 'recorded' and (next_attempt_at > now or ${young}))
       select count(case when is_young then 1 end) as too_young,
              min(case when is_young then created_at end) as youngest_at,
              count(case when not is_young then 1 end) as later,
              min(case when not is_young then next_attempt_at end) as later_from
         from open_rows`,
      [pendingAfterMs, pendingAfterMs],
    ),
  );
  const row = counted ?? {};
  const firstAt = integerOrNull(row, 'youngest_at');
  return {
    tooYoung: integer(row, 'too_young'),
    tooYoungUntil: firstAt === null ? null : firstAt + pendingAfterMs,
    later: integer(row, 'later'),
    laterFrom: integerOrNull(row, 'later_from'),
  };
}

/** Counts open rows by their partial indexes, so the history's length does not matter. */
async function openCounts(database: Database): ReturnType<History['openCounts']> {
  const row = await database.read((sql) =>
    firstRow(
      sql,
      `select (select count(*) from transactions where status = 'pending') as pending,
              (select count(*) from transactions where status = 'stuck') as stuck,
              (select count(*) from ${overdueTable(database)} where ${overdue(database)}) as overdue,
              (select count(*) from ${changedTable(database)} where ${CHANGED}) as changed,
              (select min(created_at) from transactions where status = 'pending') as oldest_pending_at`,
    ),
  );
  const counts = row ?? {};
  return {
    pending: integer(counts, 'pending'),
    stuck: integer(counts, 'stuck'),
    overdue: integer(counts, 'overdue'),
    changed: integer(counts, 'changed'),
    oldestPendingAt: integerOrNull(counts, 'oldest_pending_at'),
  };
}

interface Condition {
  readonly text: string;
  readonly bindings: readonly Binding[];
  readonly table?: string;
}

/**
 * Each status, and each reason to need a person, is a part of its own that an index serves in the
 * order of the page; their first rows are then merged. One condition with OR would walk the history
 * from its newest row to find the few that are stuck.
 */
async function page(
  database: Database,
  filter: ListFilter,
  limit: number,
  after: PagePosition | null,
): Promise<readonly Transaction[]> {
  const shared = sharedConditions(filter, after);
  const parts = alternatives(database, filter).map((alternative) =>
    part([...alternative, ...shared], limit),
  );
  const text =
    parts.length === 1
      ? (parts[0]?.text ?? '')
      : `select * from (${parts.map(({ text: one }, index) => `select * from (${one}) as part_${String(index)}`).join(' union all ')}) as merged ${NEWEST_FIRST}`;
  const bindings = parts.flatMap((one) => one.bindings);
  const rows = await database.read((sql) =>
    rowsOf(sql, text, parts.length === 1 ? bindings : [...bindings, limit]),
  );
  return rows.map(transactionOf);
}

function part(conditions: readonly Condition[], limit: number): Condition {
  const where =
    conditions.length === 0 ? '' : `where ${conditions.map(({ text }) => text).join(' and ')}`;
  const table =
    conditions.find((condition) => condition.table !== undefined)?.table ?? 'transactions';
  return {
    text: `select * from ${table} ${where} ${NEWEST_FIRST}`,
    bindings: [...conditions.flatMap(({ bindings }) => bindings), limit],
  };
}

function alternatives(database: Database, filter: ListFilter): readonly (readonly Condition[])[] {
  const byStatus = [...new Set(filter.statuses)].map((status) => statusCondition(filter, status));
  if (!filter.needsPerson)
    return byStatus.length === 0 ? [[]] : byStatus.map((condition) => [condition]);
  const wanted = new Set(filter.statuses);
  const needs: Condition[] = [];
  if (wanted.size === 0 || wanted.has('stuck'))
    needs.push({ text: `status = 'stuck'`, bindings: [] });
  if (wanted.size === 0 || wanted.has('pending'))
    needs.push({ text: overdue(database), bindings: [], table: overdueTable(database) });
  if (wanted.size === 0) needs.push({ text: CHANGED, bindings: [], table: changedTable(database) });
  return needs.length === 0
    ? [[{ text: '1 = 0', bindings: [] }]]
    : needs.map((condition) => [condition]);
}

/** A partial index is used only when the query repeats its WHERE clause literally. */
function statusCondition({ customer }: ListFilter, status: Status): Condition {
  const words =
    customer !== null && status !== 'succeeded'
      ? `status = ? and status <> 'succeeded'`
      : 'status = ?';
  return { text: words, bindings: [status] };
}

/** `since` belongs to the period, `until` does not. */
function sharedConditions(filter: ListFilter, after: PagePosition | null): readonly Condition[] {
  const conditions: Condition[] = [];
  if (filter.customer !== null)
    conditions.push({ text: 'customer = ?', bindings: [filter.customer] });
  if (filter.reference !== null)
    conditions.push({ text: 'reference = ?', bindings: [filter.reference] });
  if (filter.since !== null) conditions.push({ text: 'created_at >= ?', bindings: [filter.since] });
  // Behind the cursor anyway: SQLite would otherwise begin every page at `until` and walk to the cursor.
  const beforeUntil = after !== null && filter.until !== null && after.createdAt < filter.until;
  if (filter.until !== null && !beforeUntil)
    conditions.push({ text: 'created_at < ?', bindings: [filter.until] });
  if (after !== null)
    conditions.push({ text: '(created_at, id) < (?, ?)', bindings: [after.createdAt, after.id] });
  return conditions;
}

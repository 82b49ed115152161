import type { Actor, Claimed, DueQuery, Lease } from '../../app/ports.ts';
import { BugError } from '../../domain/errors.ts';
import type { Instant, Transaction } from '../../domain/transaction.ts';
import { holderOf } from '../actors.ts';
import { changed, firstRow, rowsOf, type Binding, type Database, type Row } from '../database.ts';
import { transactionOf } from '../columns.ts';
import { integer, integerOrNull, text } from '../rows.ts';

/*
 * A claim is a state of the row with an expiry, never a lock that is held: no SQL transaction is open
 * across a network call. All rows of one claim carry one token; a write compares token and version.
 * Because the token is made before the claim is sent, a claim whose answer was lost can be sent again
 * and finds its own rows.
 */

/** No process leases for longer: an expiry beyond it was written while the database's clock was wrong. */
const LONGEST_LEASE_MS = 3_600_000;

/** Not leased, or the lease ran out, or it is ours from a try whose answer was lost. */
const FREE = `(lease_expires_at is null or lease_expires_at <= clock.now or lease_expires_at > clock.now + ${String(LONGEST_LEASE_MS)} or lease_token = ?)`;

/** Whether somebody's lease on the row runs, as `FREE` says it. */
export function isHeld(row: Row, now: Instant): boolean {
  const until = integerOrNull(row, 'lease_expires_at');
  return until !== null && until > now && until <= now + LONGEST_LEASE_MS;
}

const TAKE = 'lease_token = ?, lease_holder = ?, lease_expires_at = clock.now + ?';

/** A row that says it was made later than this from now was stamped by a wrong clock. */
export const CLOCK_MARGIN_MS = 60_000;

/** Due by that instant, and old enough; a row from the future is old enough. */
function isDue(...bounds: readonly string[]): string {
  return `next_attempt_at is not null and ${bounds.map((bound) => `next_attempt_at <= ${bound}`).join(' and ')} and (created_at <= clock.now - ? or created_at > clock.now + ${String(CLOCK_MARGIN_MS)})`;
}

/** What a pass may take: due when it began, by the database's clock as it was then (which an index serves) and as it is now. */
const WHEN_IT_BEGAN = ['?', 'clock.now - ?'] as const;

/** Further ahead than any backoff puts a row: its time was written while the clock was wrong, so it is due now. */
const AHEAD = 'next_attempt_at > clock.now + ?';

interface Taking {
  readonly token: string;
  readonly startedMs: number;
  readonly bindings: readonly [string, string, number];
}

function begin(database: Database, actor: Actor): Taking {
  const token = database.chance.token();
  return {
    token,
    startedMs: database.clock.monotonicMs(),
    bindings: [token, holderOf(actor), database.leaseMs],
  };
}

function claimedOf(database: Database, taking: Taking, row: Row): Claimed {
  const transaction = transactionOf(row);
  if (text(row, 'lease_token') !== taking.token)
    throw new BugError('a claim returned a row of somebody else');
  return {
    transaction,
    lease: {
      transactionId: transaction.id,
      token: taking.token,
      deadlineMs: taking.startedMs + database.leaseMs,
    },
    now: integer(row, 'lease_expires_at') - database.leaseMs,
  };
}

export async function claimOne(
  database: Database,
  id: string,
  actor: Actor,
): Promise<Claimed | null> {
  const taking = begin(database, actor);
  const row = await database.write((sql) =>
    firstRow(
      sql,
      `update transactions set ${TAKE} from (select ${database.now()} as now) as clock where id = ? and ${FREE} returning *`,
      [...taking.bindings, id, taking.token],
    ),
  );
  return row === null ? null : claimedOf(database, taking, row);
}

/**
 * PostgreSQL steps over rows that another claim is taking at this moment (SKIP LOCKED); on SQLite
 * there is one writer, and the UPDATE is that writer from its first step on.
 */
function claimText(database: Database, condition: string): string {
  const due = `select id from transactions, clock where ${condition} and ${FREE} order by next_attempt_at, id limit ?`;
  return database.dialect === 'sqlite'
    ? `with clock as (select ${database.now()} as now)
       update transactions set ${TAKE} from clock where id in (${due}) returning *`
    : `with clock as materialized (select ${database.now()} as now),
       due as materialized (${due} for update of transactions skip locked)
       update transactions set ${TAKE} from clock, due where transactions.id = due.id returning transactions.*`;
}

export async function claimDue(
  database: Database,
  query: DueQuery,
  actor: Actor,
): Promise<readonly Claimed[]> {
  const taking = begin(database, actor);
  const take = async (
    condition: string,
    bindings: readonly Binding[],
    limit: number,
  ): Promise<readonly Row[]> => {
    const wanted: readonly Binding[] = [...bindings, taking.token, limit];
    const all =
      database.dialect === 'sqlite'
        ? [...taking.bindings, ...wanted]
        : [...wanted, ...taking.bindings];
    return await database.write((sql) => rowsOf(sql, claimText(database, condition), all));
  };
  const due = await take(
    isDue(...WHEN_IT_BEGAN),
    [query.dueBy, query.sinceMs ?? 0, query.pendingAfterMs],
    query.limit,
  );
  const { furthestAheadMs } = query;
  const ahead =
    furthestAheadMs === undefined || due.length >= query.limit
      ? []
      : await take(AHEAD, [furthestAheadMs], query.limit - due.length);
  return [...due, ...ahead]
    .map((row) => claimedOf(database, taking, row))
    .sort((a, b) => byDue(a.transaction, b.transaction));
}

function byDue(a: Transaction, b: Transaction): number {
  return (a.nextAttemptAt ?? 0) - (b.nextAttemptAt ?? 0) || (a.id < b.id ? -1 : 1);
}

export async function listDue(
  database: Database,
  query: DueQuery,
): Promise<readonly Transaction[]> {
  const rows = await database.read((sql) =>
    rowsOf(
      sql,
      `with clock as (select ${database.now()} as now)
       select transactions.* from transactions, clock
        where ${isDue(...WHEN_IT_BEGAN)}
          and (lease_expires_at is null or lease_expires_at <= clock.now or lease_expires_at > clock.now + ${String(LONGEST_LEASE_MS)})
        order by next_attempt_at, id limit ?`,
      [query.dueBy, query.sinceMs ?? 0, query.pendingAfterMs, query.limit],
    ),
  );
  return rows.map(transactionOf);
}

/** Of those that are not ours to claim yet: a row whose lease has run out is found by the next claim. */
export async function firstLeaseEndMs(
  database: Database,
  pendingAfterMs: number,
): Promise<number | null> {
  const row = await database.read((sql) =>
    firstRow(
      sql,
      `with clock as (select ${database.now()} as now)
       select min(lease_expires_at - clock.now) as ends_in_ms from transactions, clock
        where ${isDue('(select now from clock)')}
          and lease_expires_at > clock.now and lease_expires_at <= clock.now + ${String(LONGEST_LEASE_MS)}`,
      [pendingAfterMs],
    ),
  );
  return row === null ? null : integerOrNull(row, 'ends_in_ms');
}

/** A lease that ran out but that nobody has taken is still ours. */
export async function renewLeases(
  database: Database,
  leases: readonly Lease[],
): Promise<readonly Lease[]> {
  const deadlineMs = database.clock.monotonicMs() + database.leaseMs;
  const renewed = await eachToken(leases, async (token, ids) => {
    const rows = await database.write((sql) =>
      rowsOf(
        sql,
        `update transactions set lease_expires_at = ${database.now()} + ? where id in (${marks(ids)}) and lease_token = ? returning id`,
        [database.leaseMs, ...ids, token],
      ),
    );
    return rows.map((row) => ({ transactionId: text(row, 'id'), token, deadlineMs }));
  });
  return renewed.flat();
}

export async function releaseLeases(database: Database, leases: readonly Lease[]): Promise<void> {
  await eachToken(leases, (token, ids) =>
    database.write((sql) =>
      changed(
        sql,
        `update transactions set lease_token = null, lease_holder = null, lease_expires_at = null
          where id in (${marks(ids)}) and lease_token = ?`,
        [...ids, token],
      ),
    ),
  );
}

/** Ids in one statement; far below what either database takes. */
const IDS_A_STATEMENT = 500;

async function eachToken<T>(
  leases: readonly Lease[],
  work: (token: string, ids: readonly string[]) => Promise<T>,
): Promise<T[]> {
  const idsOfToken = new Map<string, string[]>();
  for (const { token, transactionId } of leases)
    idsOfToken.set(token, [...(idsOfToken.get(token) ?? []), transactionId]);
  const results: T[] = [];
  for (const [token, ids] of idsOfToken) {
    for (let at = 0; at < ids.length; at += IDS_A_STATEMENT)
      results.push(await work(token, ids.slice(at, at + IDS_A_STATEMENT)));
  }
  return results;
}

function marks(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ');
}

export interface Held {
  readonly transactionId: string;
  /** `role@host:pid`. */
  readonly holder: string;
  readonly endsInMs: number;
}

/** One transaction that a process works on at this moment, or null. */
export async function firstHeld(database: Database): Promise<Held | null> {
  const row = await database.read((sql) =>
    firstRow(
      sql,
      `with clock as (select ${database.now()} as now)
       select id, lease_holder, lease_expires_at - clock.now as ends_in_ms from transactions, clock
        where lease_expires_at > clock.now and lease_expires_at <= clock.now + ${String(LONGEST_LEASE_MS)}
        order by lease_expires_at desc limit 1`,
    ),
  );
  if (row === null) return null;
  return {
    transactionId: text(row, 'id'),
    holder: String(row['lease_holder']),
    endsInMs: integer(row, 'ends_in_ms'),
  };
}

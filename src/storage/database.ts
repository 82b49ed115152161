import type { Knex } from 'knex';
import type { Chance, Clock } from '../app/ports.ts';
import { PayreconError } from '../domain/errors.ts';
import { DriverError, type Fault } from './driver-errors.ts';
import type { LedgerHead } from './ledger-head.ts';

export type Dialect = 'sqlite' | 'postgres';
export type Row = Readonly<Record<string, unknown>>;
export type Binding = string | number | null;

/** Times a statement is sent: again after a deadlock, or until a lost connection has told what became of it. */
const TRIES = 8;
/** Nothing is sent again after this; a server that hangs has used it up with its first silence. */
const KEEP_TRYING_MS = 30_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;

export interface DatabaseParts {
  readonly dialect: Dialect;
  readonly knex: Knex;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly leaseMs: number;
  readonly readOnly: boolean;
  /** For people, without a password. */
  readonly where: string;
  readonly judge: (failed: DriverError) => Fault;
  readonly nowOffsetMs?: (() => number) | undefined;
  /** SQLite: told how many audit entries there are. */
  readonly head?: LedgerHead | undefined;
  /** `knex` is a transaction: after a failure it is over, so no statement of it is sent again. */
  readonly inTransaction?: boolean;
}

/** One open database: how statements are sent, what its clock says, and what its failures mean. */
export class Database {
  readonly dialect: Dialect;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly leaseMs: number;
  readonly where: string;
  readonly knex: Knex;
  readonly head: LedgerHead | undefined;
  /** Who we are to the server; set when it is opened. SQLite knows no users. */
  user: string | null = null;
  private readonly parts: DatabaseParts;

  constructor(parts: DatabaseParts) {
    this.parts = parts;
    this.dialect = parts.dialect;
    this.clock = parts.clock;
    this.chance = parts.chance;
    this.leaseMs = parts.leaseMs;
    this.where = parts.where;
    this.knex = parts.knex;
    this.head = parts.head;
  }

  /** The same database as the transaction `sql` sees it; for reading inside of it. */
  within(sql: Knex): Database {
    const inside = new Database({ ...this.parts, knex: sql, inTransaction: true });
    inside.user = this.user;
    return inside;
  }

  /**
   * The database's clock in integer milliseconds, as an expression. PostgreSQL's is the true time and
   * not the start of the transaction, because a claim may have waited for a lock.
   */
  now(): string {
    const expression =
      this.dialect === 'sqlite'
        ? `cast(round(unixepoch('subsec') * 1000) as integer)`
        : `(extract(epoch from clock_timestamp()) * 1000)::bigint`;
    const offset = this.parts.nowOffsetMs;
    return offset === undefined ? expression : `(${expression} + ${String(Math.trunc(offset()))})`;
  }

  /** Runs statements that change nothing; sent again when the connection turns out to have ended. */
  async read<T>(work: (sql: Knex) => Promise<T>): Promise<T> {
    return this.persist(() => work(this.knex), true);
  }

  /**
   * Runs one writing statement, which commits by itself. `work` is called again after a lost connection,
   * so it has to come out the same when its first try was committed after all: it compares a version
   * or a token, and looks for its own work when nothing was left to change (`attempt` is then above 1).
   * SQLite gets its BEGIN IMMEDIATE also here, so that a lock is waited for there and nowhere else.
   */
  async write<T>(work: (sql: Knex, attempt: number) => Promise<T>): Promise<T> {
    if (this.dialect === 'sqlite') return this.transact(work);
    this.refuseReadOnly();
    return this.persist((attempt) => work(this.knex, attempt), false);
  }

  /** The same in one transaction (BEGIN IMMEDIATE on SQLite). */
  async transact<T>(work: (sql: Knex, attempt: number) => Promise<T>): Promise<T> {
    this.refuseReadOnly();
    const result = await this.persist(
      (attempt) => this.knex.transaction((sql) => work(sql, attempt)),
      false,
    );
    this.head?.committed();
    return result;
  }

  private refuseReadOnly(): void {
    if (!this.parts.readOnly) return;
    throw new PayreconError(
      'database_read_only',
      `${this.where} was opened for reading only. Nothing was changed.`,
    );
  }

  private async persist<T>(work: (attempt: number) => Promise<T>, readOnly: boolean): Promise<T> {
    let uncertain = false;
    const untilMs = this.clock.monotonicMs() + KEEP_TRYING_MS;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work(attempt);
      } catch (error) {
        const fault = this.judge(error);
        uncertain ||= fault.kind === 'uncertain' && !readOnly;
        const hopeless = fault.kind === 'final' && !(uncertain && isUnreachable(fault.error));
        const over =
          attempt === TRIES ||
          this.parts.inTransaction === true ||
          this.clock.monotonicMs() >= untilMs;
        if (hopeless || over)
          throw uncertain && isUnreachable(fault.error)
            ? unknownWrite(this.where, fault.error)
            : fault.error;
        await this.clock.sleep(pauseMs(attempt, this.chance.uniform()));
      }
    }
  }

  private judge(error: unknown): Fault {
    if (error instanceof DriverError) return this.parts.judge(error);
    if (error instanceof Error && error.name === 'KnexTimeoutError') {
      return {
        kind: 'final',
        error: new PayreconError(
          'database_busy',
          `No connection to ${this.where} became free in time. Nothing was changed; run the command again.`,
        ),
      };
    }
    return { kind: 'final', error: error instanceof Error ? error : new Error(String(error)) };
  }
}

function pauseMs(attempt: number, chance: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS) * (0.5 + chance / 2);
}

function isUnreachable(error: Error): boolean {
  return error instanceof PayreconError && error.kind === 'unreachable';
}

/** The one case in which the database cannot tell whether something was written. */
function unknownWrite(where: string, cause: Error): PayreconError {
  return new PayreconError(
    'database_write_unknown',
    `Writing to ${where} failed before it was confirmed, and trying again failed too: the last step may or may not be recorded. Run the same command again; it goes on from what is recorded.`,
    { cause },
  );
}

/** SQLite answers with the rows, or with the count of changes; PostgreSQL with an object that has both. */
type RawResult =
  | readonly Row[]
  | { readonly changes: number }
  | { readonly rows: readonly Row[]; readonly rowCount: number | null };

/** The rows of a SELECT or of a RETURNING. */
export async function rowsOf(
  sql: Knex,
  text: string,
  bindings: readonly Binding[] = [],
): Promise<readonly Row[]> {
  const result = await sql.raw<RawResult>(text, bindings);
  if ('rows' in result) return result.rows;
  return 'changes' in result ? [] : result;
}

export async function firstRow(
  sql: Knex,
  text: string,
  bindings: readonly Binding[] = [],
): Promise<Row | null> {
  const rows = await rowsOf(sql, text, bindings);
  return rows[0] ?? null;
}

/** How many rows a statement without RETURNING changed. */
export async function changed(
  sql: Knex,
  text: string,
  bindings: readonly Binding[] = [],
): Promise<number> {
  const result = await sql.raw<RawResult>(text, bindings);
  if ('changes' in result) return result.changes;
  return 'rowCount' in result ? (result.rowCount ?? 0) : result.length;
}

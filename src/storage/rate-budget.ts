import type { Knex } from 'knex';
import type { Budgets } from '../app/ports.ts';
import {
  FRESH_BUDGET,
  budgetAfter429,
  takeTurns,
  type BudgetState,
} from '../domain/rate-limit/budget.ts';
import { changed, rowsOf, type Database } from './database.ts';
import { integer, integerOrNull, text } from './rows.ts';

/*
 * Each taking is one short transaction that holds the rows of its budgets, always in the order of their names, so that
 * two never wait for each other. That a power cut may lose the last of them does no harm: it is not waited for on
 * PostgreSQL.
 */
export function createBudgets(database: Database): Budgets {
  return {
    take: (budgets, wanted) =>
      database.transact(async (sql) => {
        const { now, states } = await held(
          database,
          sql,
          budgets.map(({ name }) => name),
        );
        const { turns, next } = takeTurns(
          budgets.map(({ name, perSecond }) => ({
            state: states.get(name) ?? FRESH_BUDGET,
            perSecond,
          })),
          wanted,
          now,
        );
        if (turns.count > 0)
          await keep(
            sql,
            budgets.map(({ name }, index) => [name, next[index] ?? FRESH_BUDGET]),
          );
        return turns;
      }),
    async slowDown(names) {
      await database.transact(async (sql) => {
        const { now, states } = await held(database, sql, names);
        await keep(
          sql,
          names.map((name) => [name, budgetAfter429(states.get(name) ?? FRESH_BUDGET, now)]),
        );
      });
    },
  };
}

/**
 * A process that stands still, or whose network breaks, between the two statements holds everybody's limits, charges
 * included. The server ends its connection after this; if it lives it takes its turns again.
 */
const SILENT_MS = 1_000;

interface Held {
  readonly now: number;
  readonly states: ReadonlyMap<string, BudgetState>;
}

async function held(database: Database, sql: Knex, names: readonly string[]): Promise<Held> {
  const found = await lock(database, sql, names);
  if (found.states.size === names.length) return found;
  // Rows that are not there cannot be held: two who take their first turns at the same moment would take the same ones.
  await changed(
    sql,
    `insert into stripe_budgets (name, next_at_micros, slowed_to_per_mille) values ${names.map(() => '(?, 0, 1000)').join(', ')} on conflict (name) do nothing`,
    [...names].sort(),
  );
  return await lock(database, sql, names);
}

async function lock(database: Database, sql: Knex, names: readonly string[]): Promise<Held> {
  const wanted = `select * from stripe_budgets where name in (${names.map(() => '?').join(', ')}) order by name`;
  // One statement, since each costs a round trip; the clock is read once the rows are held.
  const statement =
    database.dialect === 'postgres'
      ? `with hurried as materialized (select set_config('synchronous_commit', 'off', true), set_config('idle_in_transaction_session_timeout', '${String(SILENT_MS)}', true)), held as materialized (${wanted} for update)
         select held.*, ${database.now()} as now from held cross join hurried`
      : `select held.*, ${database.now()} as now from (${wanted}) held`;
  const rows = await rowsOf(sql, statement, [...names]);
  const states = rows.map(
    (row) =>
      [
        text(row, 'name'),
        {
          nextAtMicros: integer(row, 'next_at_micros'),
          slowedAt: integerOrNull(row, 'slowed_at'),
          slowedToPerMille: integer(row, 'slowed_to_per_mille'),
        },
      ] as const,
  );
  return { now: Math.max(0, ...rows.map((row) => integer(row, 'now'))), states: new Map(states) };
}

async function keep(
  sql: Knex,
  budgets: readonly (readonly [string, BudgetState])[],
): Promise<void> {
  await changed(
    sql,
    `insert into stripe_budgets (name, next_at_micros, slowed_at, slowed_to_per_mille) values ${budgets.map(() => '(?, ?, ?, ?)').join(', ')}
     on conflict (name) do update set next_at_micros = excluded.next_at_micros, slowed_at = excluded.slowed_at, slowed_to_per_mille = excluded.slowed_to_per_mille`,
    budgets.flatMap(([name, { nextAtMicros, slowedAt, slowedToPerMille }]) => [
      name,
      nextAtMicros,
      slowedAt,
      slowedToPerMille,
    ]),
  );
}

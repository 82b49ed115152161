import type { Knex } from 'knex';
import type { Budgets } from '../app/ports.ts';
import { FRESH_BUDGET, slowedDown, takeTurns, type BudgetState } from '../domain/budget.ts';
import { changed, firstRow, rowsOf, type Database } from './database.ts';
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
        const { now, states } = await locked(database, sql, budgets.map(({ name }) => name));
        const { turns, next } = takeTurns(budgets.map(({ name, perSecond }) => ({ state: states.get(name) ?? FRESH_BUDGET, perSecond })), wanted, now);
        if (turns.count > 0) for (const [index, { name }] of budgets.entries()) await keep(sql, name, next[index] ?? FRESH_BUDGET);
        return turns;
      }),
    async slowDown(names) {
      await database.transact(async (sql) => {
        const { now, states } = await locked(database, sql, names);
        for (const name of names) await keep(sql, name, slowedDown(states.get(name) ?? FRESH_BUDGET, now));
      });
    },
  };
}

async function locked(database: Database, sql: Knex, names: readonly string[]): Promise<{ readonly now: number; readonly states: ReadonlyMap<string, BudgetState> }> {
  const postgres = database.dialect === 'postgres';
  if (postgres) await changed(sql, 'set local synchronous_commit = off');
  const marks = names.map(() => '?').join(', ');
  const rows = await rowsOf(sql, `select * from stripe_budgets where name in (${marks}) order by name ${postgres ? 'for update' : ''}`, [...names]);
  const clock = await firstRow(sql, `select ${database.now()} as now`);
  const states = rows.map((row) => [text(row, 'name'), { nextAtMicros: integer(row, 'next_at_micros'), slowedAt: integerOrNull(row, 'slowed_at'), slowedToPerMille: integer(row, 'slowed_to_per_mille') }] as const);
  return { now: integer(clock ?? {}, 'now'), states: new Map(states) };
}

async function keep(sql: Knex, name: string, { nextAtMicros, slowedAt, slowedToPerMille }: BudgetState): Promise<void> {
  await changed(
    sql,
    `insert into stripe_budgets (name, next_at_micros, slowed_at, slowed_to_per_mille) values (?, ?, ?, ?)
     on conflict (name) do update set next_at_micros = excluded.next_at_micros, slowed_at = excluded.slowed_at, slowed_to_per_mille = excluded.slowed_to_per_mille`,
    [name, nextAtMicros, slowedAt, slowedToPerMille],
  );
}

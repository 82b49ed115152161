import type { Knex } from 'knex';

/** What is left of Stripe's limits, for all processes on this ledger; lost without harm. */
export async function up(knex: Knex): Promise<void> {
  const sqlite = (knex.client as Knex.Client).driverName.includes('sqlite');
  const big = sqlite ? 'integer' : 'bigint';
  await knex.raw(`create table stripe_budgets (
    name text primary key,
    next_at_micros ${big} not null,
    slowed_at ${big},
    slowed_to_per_mille integer not null,
    constraint stripe_budgets_share check (slowed_to_per_mille between 1 and 1000)
  ) ${sqlite ? 'strict, without rowid' : 'with (fillfactor = 50)'}`);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table stripe_budgets');
}

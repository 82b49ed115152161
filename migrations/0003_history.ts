import type { Knex } from 'knex';

/**
 * One customer's failed, canceled, stuck or pending payments, of however many that went through: without it a page of
 * them walks all payments of that customer. Partial, so that a row leaves it with its success.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`create index transactions_customer_not_succeeded on transactions (customer, status, created_at, id)
    where customer is not null and status <> 'succeeded'`);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop index transactions_customer_not_succeeded');
}

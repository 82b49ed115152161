import type { Knex } from 'knex';

/**
 * Settled payments of which Stripe showed something else later, until a person has acknowledged it. Partial: nearly no
 * payment is in it. The review is canonical JSON, so its own reason stands right before its resolution.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`create index transactions_changed_truths on transactions (created_at, id)
    where review like '%"reason":"truth_changed","resolution":%' and review not like '%"as":"acknowledge"%'`);
}

/** An index holds no payment, but a step back is the first of several: it is refused as they are. */
export async function down(knex: Knex): Promise<void> {
  const { LedgerInUse } = await import('./ledger-in-use.ts');
  const kept: unknown = await knex('transactions').first('id');
  if (kept !== undefined) throw new LedgerInUse();
  await knex.raw('drop index transactions_changed_truths');
}

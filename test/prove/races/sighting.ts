import type { Harness } from '../harness.ts';

/* What is seen when A stands still, before it goes on, and after: whatever it had lost must not differ. */

export interface Sight {
  readonly rows: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  readonly mails: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** Entries of each payment. */
  readonly audit: ReadonlyMap<string, number>;
  readonly charges: string;
  readonly intents: ReadonlyMap<string, string>;
}

/** Past the product: the ledger and the books as they are now. */
export async function look(harness: Harness): Promise<Sight> {
  const raw = harness.raw();
  const byId = async (table: string): Promise<Sight['rows']> =>
    new Map((await raw.rows(`select * from ${table}`)).map((row) => [String(row['id']), row]));
  const { charges, paymentIntents } = harness.sandbox.books;
  return {
    rows: await byId('transactions'),
    mails: await byId('notifications'),
    audit: new Map(
      (
        await raw.rows(
          'select transaction_id, count(*) as entries from audit_events group by transaction_id',
        )
      ).map((row) => [String(row['transaction_id']), Number(row['entries'])]),
    ),
    charges: charges.map(({ id, status }) => `${id} ${status}`).join(),
    intents: new Map(paymentIntents.map(({ id, status }) => [id, status])),
  };
}

/** What was held when A stood still, and is somebody else's or free by now. */
export function lostBy(held: Sight, now: Sight): ReadonlySet<string> {
  const lost = (before: Sight['rows'], after: Sight['rows'], token: string): string[] =>
    [...before]
      .filter(([id, row]) => row[token] !== null && after.get(id)?.[token] !== row[token])
      .map(([id]) => id);
  return new Set([
    ...lost(held.rows, now.rows, 'lease_token'),
    ...lost(held.mails, now.mails, 'claim_token'),
  ]);
}

/** What A changed of what it had lost: nothing, or it is a violation. */
export function changedThoughLost(held: Sight, before: Sight, after: Sight): readonly string[] {
  const lost = lostBy(held, before);
  if (lost.size === 0) return [];
  const changed = [...before.rows, ...before.mails].filter(
    ([id, row]) =>
      lost.has(id) &&
      JSON.stringify(row) !== JSON.stringify(after.rows.get(id) ?? after.mails.get(id)),
  );
  return [
    ...changed.map(
      ([id, row]) =>
        `the late writer changed ${id}: ${JSON.stringify(row)} is now ${JSON.stringify(after.rows.get(id) ?? after.mails.get(id))}`,
    ),
    ...[...lost]
      .filter((id) => after.audit.get(id) !== before.audit.get(id))
      .map((id) => `the late writer left audit entries of ${id}`),
  ];
}

/** Once B has settled it; while B has only begun, a call of A that was under way may still be the first to arrive. */
export function moneyMoved(held: Sight, before: Sight, after: Sight): readonly string[] {
  if (lostBy(held, before).size === 0) return [];
  const moved = [...before.intents].filter(([id, status]) => after.intents.get(id) !== status);
  // Made so late that Stripe took it for a new one: without a payment, and canceled at once.
  const made = [...after.intents].filter(
    ([id, status]) =>
      !before.intents.has(id) && status !== 'canceled' && status !== 'requires_confirmation',
  );
  return [
    ...(before.charges === after.charges
      ? []
      : [`the late writer moved money: ${before.charges} is now ${after.charges}`]),
    ...moved.map(([id, status]) => `the late writer changed ${id}, which was ${status}`),
    ...made.map(([id, status]) => `the late writer made ${id}, which is ${status}`),
  ];
}

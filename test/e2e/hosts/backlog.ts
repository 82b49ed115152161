import {
  fillLedger,
  SEEDED_METADATA,
  transactionIdOf,
  type FilledRow,
} from '../../../bench/fill-ledger.ts';
import type { PaymentWorld } from '../../support/payment-world.ts';

/** The account's payments a second, as far as Stripe's limits let them in. */
const TRAFFIC_PER_SECOND = 25;
const ENDED_SECONDS_AGO = 900;

/**
 * Payments that succeeded at the local Stripe and whose answers were lost: `rows` of them, evenly among `rows / share`
 * payments of the account. Written past the product: charges by the thousand would take longer than what is tested.
 */
export async function fillBacklog(
  { sandbox, env }: PaymentWorld,
  { rows, share }: { readonly rows: number; readonly share: number },
): Promise<void> {
  const all = Math.round(rows / share);
  const to = Math.floor(Date.now() / 1_000) - ENDED_SECONDS_AGO;
  const from = to - Math.ceil(all / TRAFFIC_PER_SECOND);
  const response = await fetch(`${sandbox.url}/_sandbox/seed`, {
    method: 'POST',
    body: JSON.stringify({
      count: all,
      created_from: from,
      created_to: to,
      metadata: SEEDED_METADATA,
      ids: true,
    }),
  });
  const { ids } = (await response.json()) as { ids: readonly string[] };
  const pending = Array.from({ length: rows }, (_, n): FilledRow => {
    const at = Math.floor(n / share);
    return {
      id: transactionIdOf(at),
      paymentIntent: ids[at]!,
      createdAt: (from + Math.floor(((to - from) * at) / Math.max(1, all - 1))) * 1_000,
      status: 'pending',
    };
  });
  await fillLedger(env['DATABASE_URL'] ?? '', pending);
}

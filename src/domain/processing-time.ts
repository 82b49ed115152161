import type { Instant } from './transaction.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * How long `processing` is normal, per Stripe payment method type, in calendar days. Stripe gives
 * business days (ACH up to 4, SEPA up to 14, BACS up to 6, ACSS up to 5, BECS up to 3); weekends
 * and a public holiday are added, so that "overdue" is worth a person's time.
 */
const PROCESSING_DAYS: Readonly<Record<string, number>> = {
  us_bank_account: 7,
  sepa_debit: 21,
  bacs_debit: 10,
  acss_debit: 9,
  au_becs_debit: 7,
  nz_bank_account: 7,
  customer_balance: 14,
  boleto: 5,
  konbini: 5,
  oxxo: 5,
  multibanco: 10,
};

/** A card that is still processing after a day is not normal. */
const PROCESSING_DEFAULT_DAYS = 1;

/** A customer who has not finished 3-D Secure after a day will not. */
const ACTION_HOURS = 24;

/** The instant until which this Stripe status needs nobody; counted from when the confirm was sent. */
export function expectedBy(
  stripeStatus: string,
  methodTypes: readonly string[],
  since: Instant,
): Instant {
  if (stripeStatus === 'requires_action') return since + ACTION_HOURS * HOUR_MS;
  const days = methodTypes.map((type) => PROCESSING_DAYS[type] ?? PROCESSING_DEFAULT_DAYS);
  return since + Math.max(PROCESSING_DEFAULT_DAYS, ...days) * DAY_MS;
}

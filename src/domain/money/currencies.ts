/*
 * Stripe's own table of currencies (docs.stripe.com/currencies), not ISO 4217: what counts is how
 * Stripe reads the integer in `amount`. A currency that is missing here cannot be charged at all, one
 * too many is merely refused by Stripe, so codes that Stripe is phasing out stay.
 */

export interface Currency {
  /** ISO code in lower case, as Stripe writes it. */
  readonly code: string;
  /** Digits after the point in Stripe's representation: amount 4999 with 2 is 49.99. */
  readonly decimals: 0 | 2 | 3;
  /** Amounts in the minor unit must be a multiple of this. */
  readonly step: 1 | 10 | 100;
}

const PRESENTMENT = `
  aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd
  cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd
  hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl
  mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr
  pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd
  tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw`;

/** The amount is the number of whole units. */
const ZERO_DECIMAL = new Set(
  'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' '),
);

/** Three decimals, of which card networks carry two: the last digit must be 0. */
const THREE_DECIMAL = new Set('bhd jod kwd omr tnd'.split(' '));

/**
 * Currencies without a fraction that Stripe still counts in hundredths, so that old integrations go
 * on working: 5 ISK is the amount 500, and the last two digits are always 00.
 */
const WHOLE_IN_HUNDREDTHS = new Set(['isk', 'ugx']);

/*
 * HUF and TWD need no entry: they are charged with two decimals. Stripe rounds them to whole units
 * for payouts only.
 */

const CURRENCIES: ReadonlyMap<string, Currency> = new Map(
  PRESENTMENT.trim()
    .split(/\s+/)
    .map((code) => [code, describe(code)]),
);

function describe(code: string): Currency {
  if (ZERO_DECIMAL.has(code)) return { code, decimals: 0, step: 1 };
  if (THREE_DECIMAL.has(code)) return { code, decimals: 3, step: 10 };
  return { code, decimals: 2, step: WHOLE_IN_HUNDREDTHS.has(code) ? 100 : 1 };
}

/** Every currency that Stripe charges in, lower case, in alphabetical order. */
export const CURRENCY_CODES: readonly string[] = [...CURRENCIES.keys()];

/** Upper or lower case; null when Stripe does not charge in it. */
export function findCurrency(code: string): Currency | null {
  return CURRENCIES.get(code.toLowerCase()) ?? null;
}

// What Stripe can charge in, and the least it charges (docs.stripe.com/currencies).

const CURRENCIES = new Set(
  (
    'usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf clp cny cop crc cve czk ' +
    'djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt ' +
    'lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd ' +
    'rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw'
  ).split(' '),
);

const ZERO_DECIMAL = new Set(
  'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' '),
);
const THREE_DECIMAL = new Set('bhd jod kwd omr tnd'.split(' '));

/** Written with two decimals for old times' sake although the currency has none: the last two digits must be 0. */
const WHOLE_IN_HUNDREDTHS = new Set(['isk', 'ugx']);

/** In the smallest unit; other currencies have a minimum too, which moves with the rate of exchange. */
const MINIMUMS: Readonly<Record<string, number>> = {
  usd: 50,
  aed: 200,
  aud: 50,
  bgn: 100,
  brl: 50,
  cad: 50,
  chf: 50,
  czk: 1500,
  dkk: 250,
  eur: 50,
  gbp: 30,
  hkd: 400,
  huf: 17_500,
  inr: 50,
  jpy: 50,
  mxn: 1000,
  myr: 200,
  nok: 300,
  nzd: 50,
  pln: 200,
  ron: 200,
  sek: 300,
  sgd: 50,
  thb: 1000,
};

export const MAX_AMOUNT = 99_999_999;

export function isCurrency(code: string): boolean {
  return CURRENCIES.has(code);
}

export function listedCurrencies(): string {
  return [...CURRENCIES].join(', ');
}

/** Whether the amount ends in what its currency demands; the number that it must be divisible by, otherwise 1. */
export function granularity(currency: string): number {
  if (THREE_DECIMAL.has(currency)) return 10;
  return WHOLE_IN_HUNDREDTHS.has(currency) ? 100 : 1;
}

export function minimumAmount(currency: string): number {
  return MINIMUMS[currency] ?? 1;
}

/** For Stripe's messages: `$0.50 usd`, `¥50 jpy`. */
export function displayAmount(amount: number, currency: string): string {
  const some = THREE_DECIMAL.has(currency) ? 3 : 2;
  const decimals = ZERO_DECIMAL.has(currency) ? 0 : some;
  const code = currency.toUpperCase();
  const format = new Intl.NumberFormat('en-US', {
    style: 'currency',
    currency: code,
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
  return `${format.format(amount / 10 ** decimals)} ${currency}`;
}

/*
 * Command lines that cannot be charged, each with the flag that the message must name and with what it
 * must say to change. Everything else about each line is right: without its mistake it is charged.
 */

export interface BadLine {
  /** What is replaced in, or added to, a good command line; null takes a flag away. */
  readonly flags: Readonly<Record<string, string | readonly string[] | null>>;
  readonly field: string;
  readonly says: RegExp;
}

const long = (length: number): string => 'x'.repeat(length);

function each(
  field: string,
  values: readonly (readonly [string, RegExp])[],
  rest: BadLine['flags'] = {},
): readonly BadLine[] {
  return values.map(([value, says]) => ({ flags: { ...rest, [field]: value }, field, says }));
}

/** The same, in the minor unit. */
function minor(
  currency: string,
  values: readonly (readonly [string, RegExp])[],
): readonly BadLine[] {
  return each('--amount-minor', values, { '--amount': null, '--currency': currency });
}

function amounts(
  currency: string,
  values: readonly (readonly [string, RegExp])[],
): readonly BadLine[] {
  return each('--amount', values, { '--currency': currency });
}

const AMOUNTS: readonly BadLine[] = [
  ...amounts('usd', [
    ['4999', /write 4999\.00, or --amount-minor 4999/],
    ['49.999', /2 decimals and no more.*49\.99/],
    ['49.9', /write 49\.90/],
    ['-5.00', /without the minus sign/],
    ['\u22125.00', /digits/],
    ['+5.00', /without the plus sign/],
    ['0.00', /above zero/],
    ['0', /above zero/],
    ['1e3', /without an exponent/],
    ['4.9e1', /without an exponent/],
    ['1000000.00', /at most 8 digits.*999999\.99/],
    ['99999999999999999999.00', /at most 8 digits/],
    ['\u0664\u0669.\u0669\u0669', /digits 0 to 9/],
    ['\uff14\uff19.\uff19\uff19', /digits 0 to 9/],
    ['\u096b.\u0966\u0966', /digits 0 to 9/],
    [' 5.00', /without spaces/],
    ['5.00 ', /without spaces/],
    ['5 000.00', /without spaces/],
    ['5,00', /comma/],
    ['1,000.00', /comma/],
    ['5.', /digits and at most one point/],
    ['.50', /digits and at most one point/],
    ['05.00', /leading zeros/],
    ['0x10', /digits and at most one point/],
    ['NaN', /digits/],
    ['Infinity', /digits/],
    ['', /it is empty/],
    ['$5.00', /digits/],
    ['5.00usd', /digits/],
    ['4_000.00', /digits/],
    ['5.0.0', /digits and at most one point/],
    ['1'.repeat(60), /too long/],
  ]),
  ...minor('usd', [
    ['49.99', /whole number of the minor unit/],
    ['-1', /whole number/],
    ['0', /above zero/],
    ['1e3', /whole number/],
    ['100000000', /at most 8 digits/],
    ['\u0664\u0669', /whole number/],
    ['\uff14\uff19', /whole number/],
    ['', /whole number/],
    ['007', /leading zeros/],
    [' 5', /whole number/],
    ['0x1f', /whole number/],
  ]),
];

/** Stripe's own rules for currencies with no decimals, with three, and for its special cases. */
const CURRENCIES: readonly BadLine[] = [
  ...amounts('jpy', [
    ['500.00', /JPY has no decimals: write whole units, such as 500/],
    ['500.5', /no decimals/],
    ['100000000', /at most 8 digits/],
  ]),
  ...minor('jpy', [
    ['100000000', /at most 8 digits/],
    ['500.0', /whole number/],
  ]),
  ...amounts('kwd', [
    ['1.23', /write 1\.230/],
    ['1.2345', /3 decimals and no more/],
    ['1.235', /last digit of 0: write 1\.230 or 1\.240/],
    ['5', /write 5\.000/],
  ]),
  ...minor('kwd', [['1235', /last digit must be 0.*1230.*1240/]]),
  ...minor('bhd', [['9', /last digit must be 0/]]),
  ...amounts('isk', [
    ['500', /write 500\.00/],
    ['500.50', /ISK has no fractions/],
  ]),
  ...minor('isk', [['550', /last two digits must be 00.*500.*600/]]),
  ...amounts('ugx', [
    ['3000', /write 3000\.00/],
    ['3000.01', /UGX has no fractions/],
  ]),
  ...minor('ugx', [['50', /last two digits must be 00/]]),
  ...amounts('huf', [
    ['500', /write 500\.00/],
    ['500.5', /write 500\.50/],
  ]),
  ...amounts('twd', [
    ['500', /write 500\.00/],
    ['500.001', /2 decimals and no more/],
  ]),
  ...each('--currency', [
    ['uds', /did you mean usd\?/],
    ['usdd', /did you mean usd\?/],
    ['euro', /did you mean eur\?/],
    ['xyz', /not a currency/],
    ['btc', /not a currency/],
    ['', /it is empty/],
    ['usd ', /not a currency/],
    ['\uff55\uff53\uff44', /not a currency/],
    ['840', /not a currency/],
  ]),
];

const NAMES: readonly BadLine[] = [
  ...each('--key', [
    ['', /it is empty/],
    [' ', /blank/],
    [long(256), /256 characters; at most 255/],
    ['order\n7', /control character/],
    ['order\u00007', /control character/],
    ['\u001b[31morder', /control character/],
    ['order\u2028', /control character/],
    ['order\ud800', /broken character/],
    [' order', /begins or ends with a space/],
    ['order ', /begins or ends with a space/],
  ]),
  ...each('--reference', [
    ['', /it is empty/],
    [long(256), /at most 255/],
    ['a\tb', /control character/],
    ['a ', /space/],
  ]),
  ...each('--description', [
    ['', /it is empty/],
    [long(1001), /at most 1000/],
    ['a\r\nb', /control character/],
  ]),
  ...each('--payment-method', [
    ['', /begins with pm_/],
    ['visa', /begins with pm_/],
    ['tok_visa', /begins with pm_/],
    ['pm_', /begins with pm_/],
    ['pm_a b', /begins with pm_/],
  ]),
  ...each('--method-type', [
    ['cards', /did you mean card\?/],
    ['us_bank', /not one of Stripe's payment method types/],
  ]),
  ...each('--customer', [
    ['', /begins with cus_/],
    ['cust_1', /begins with cus_/],
    ['cus_a/b', /begins with cus_/],
  ]),
  ...each('--email', [
    ['', /it is empty/],
    ['ada', /not an e-mail address/],
    ['ada@', /not an e-mail address/],
    ['@example.com', /not an e-mail address/],
    ['ada@example', /not an e-mail address/],
    ['a da@example.com', /not an e-mail address/],
    ['Ada <ada@example.com>', /not an e-mail address/],
    ['ada@example.com,bob@example.com', /not an e-mail address/],
    ['ada@example..com', /not an e-mail address/],
    ['.ada@example.com', /not an e-mail address/],
    ['ada@example.com\nBcc: eve@example.com', /control character/],
    [`${long(65)}@example.com`, /not an e-mail address/],
    [`ada@${'x.'.repeat(130)}com`, /longer than/],
  ]),
  ...each('--wait', [
    ['5', /such as|duration/],
    ['-1s', /such as|duration/],
    ['soon', /such as|duration/],
  ]),
];

const many = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `name-${index}=1`);

function metadata(pairs: readonly string[], says: RegExp): BadLine {
  return { flags: { '--metadata': pairs }, field: '--metadata', says };
}

const METADATA: readonly BadLine[] = [
  metadata(many(46), /46 entries; at most 45/),
  metadata([`${long(41)}=1`], /41 characters; at most 40/),
  metadata([`a=${long(501)}`], /501 characters; at most 500/),
  metadata(['a[b]=1'], /square bracket/),
  metadata(['a'], /not name=value/),
  metadata(['=1'], /not name=value/),
  metadata(['a='], /is empty/),
  metadata(['a=1', 'a=2'], /given twice/),
  metadata(['payrecon_transaction=txn_1'], /payrecon's own/),
  metadata(['__proto__=1'], /meaning of its own/),
  metadata(['a=\u0007'], /control character/),
];

const MISSING: readonly BadLine[] = [
  { flags: { '--key': null }, field: '--key', says: /it is missing/ },
  { flags: { '--currency': null }, field: '--currency', says: /it is missing/ },
  { flags: { '--payment-method': null }, field: '--payment-method', says: /it is missing/ },
  { flags: { '--amount': null }, field: '--amount', says: /it is missing/ },
  { flags: { '--amount-minor': '4999' }, field: '--amount', says: /given twice/ },
];

export const BAD_LINES: readonly BadLine[] = [
  ...AMOUNTS,
  ...CURRENCIES,
  ...NAMES,
  ...METADATA,
  ...MISSING,
];

/** What is right in just the places where the lines above are wrong, with the amount that Stripe must then be asked for. */
export const GOOD_LINES: readonly {
  readonly flags: BadLine['flags'];
  readonly amount: number;
  readonly currency: string;
}[] = [
  { flags: {}, amount: 4999, currency: 'usd' },
  { flags: { '--currency': 'USD', '--amount': '999999.99' }, amount: 99_999_999, currency: 'usd' },
  { flags: { '--amount': null, '--amount-minor': '4999' }, amount: 4999, currency: 'usd' },
  { flags: { '--currency': 'jpy', '--amount': '500' }, amount: 500, currency: 'jpy' },
  { flags: { '--currency': 'jpy', '--amount': '99999999' }, amount: 99_999_999, currency: 'jpy' },
  { flags: { '--currency': 'kwd', '--amount': '1.230' }, amount: 1230, currency: 'kwd' },
  {
    flags: { '--currency': 'kwd', '--amount': null, '--amount-minor': '5000' },
    amount: 5000,
    currency: 'kwd',
  },
  { flags: { '--currency': 'isk', '--amount': '500.00' }, amount: 50_000, currency: 'isk' },
  { flags: { '--currency': 'ugx', '--amount': '3000.00' }, amount: 300_000, currency: 'ugx' },
  { flags: { '--currency': 'huf', '--amount': '500.50' }, amount: 50_050, currency: 'huf' },
  { flags: { '--currency': 'twd', '--amount': '500.01' }, amount: 50_001, currency: 'twd' },
  { flags: { '--key': 'k'.repeat(255), '--metadata': many(45) }, amount: 4999, currency: 'usd' },
  {
    flags: {
      '--key': '\u{1f4b3}'.repeat(255),
      '--description': 'd'.repeat(1000),
      '--metadata': [`${long(40)}=${long(500)}`],
    },
    amount: 4999,
    currency: 'usd',
  },
  {
    flags: { '--email': `${long(64)}@example.com`, '--reference': 'r'.repeat(255) },
    amount: 4999,
    currency: 'usd',
  },
];

const GOOD: BadLine['flags'] = {
  '--key': 'order-1',
  '--amount': '49.99',
  '--currency': 'usd',
  '--payment-method': 'pm_card_visa',
  '--email': 'ada@example.com',
};

/** With `=`, so that a value which begins with a minus sign is no flag. */
export function chargeLine(flags: BadLine['flags'], key?: string): readonly string[] {
  const whole = { ...GOOD, ...(key === undefined ? {} : { '--key': key }), ...flags };
  const values = (value: BadLine['flags'][string]): readonly string[] =>
    typeof value === 'string' ? [value] : (value ?? []);
  const given = Object.entries<BadLine['flags'][string]>(whole).flatMap(([flag, value]) =>
    values(value).map((one) => `${flag}=${one}`),
  );
  return ['charge', '--json', ...given];
}

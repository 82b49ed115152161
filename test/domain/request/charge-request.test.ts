import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ChargeInput,
  COLUMN_NAMES,
  differences,
  differingFields,
  FLAG_NAMES,
  parseChargeRequest,
} from '../../../src/domain/request/charge-request.ts';
import type { ChargeRequest } from '../../../src/domain/transaction.ts';

const good: ChargeInput = {
  key: 'order-7',
  amount: '49.99',
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
};

const full: ChargeInput = {
  ...good,
  methodTypes: ['us_bank_account', 'card', 'card'],
  customer: 'cus_NffrFeUfNV2Hib',
  reference: 'invoice 2024/7',
  email: 'ada@example.com',
  description: 'Two lamps — 20 W',
  metadata: { shop: 'north', basket: '17' },
};

function accepted(input: ChargeInput): ChargeRequest {
  const parsed = parseChargeRequest(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.request;
}

/** Each problem as `field: message`, so that a test sees both. */
function problems(input: ChargeInput): readonly string[] {
  const parsed = parseChargeRequest(input);
  return parsed.ok ? [] : parsed.problems.map(({ field, message }) => `${field}: ${message}`);
}

function many(count: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`name${String(index)}`, 'value']),
  );
}

describe('parseChargeRequest', () => {
  it('fills in what was not given', () => {
    expect(accepted(good)).toEqual({
      key: 'order-7',
      reference: null,
      amount: 4999,
      currency: 'usd',
      customer: null,
      paymentMethod: 'pm_card_visa',
      methodTypes: ['card'],
      email: null,
      description: null,
      metadata: {},
      onSession: false,
    });
  });

  it('keeps every field as given, and orders what has no order', () => {
    const request = accepted({ ...full, currency: 'USD' });
    expect(request).toEqual({
      key: 'order-7',
      reference: 'invoice 2024/7',
      amount: 4999,
      currency: 'usd',
      customer: 'cus_NffrFeUfNV2Hib',
      paymentMethod: 'pm_card_visa',
      methodTypes: ['card', 'us_bank_account'],
      email: 'ada@example.com',
      description: 'Two lamps — 20 W',
      metadata: { basket: '17', shop: 'north' },
      onSession: false,
    });
    expect(Object.keys(request.metadata)).toEqual(['basket', 'shop']);
  });

  it('takes the minor unit instead of the amount', () => {
    expect(accepted({ ...good, amount: undefined, amountMinor: '4999' }).amount).toBe(4999);
  });

  it('does not fold two spellings of one letter into one key', () => {
    const composed = accepted({ ...good, key: 'caf\u00e9' }).key;
    const decomposed = accepted({ ...good, key: 'cafe\u0301' }).key;
    expect(composed).not.toBe(decomposed);
  });

  it('reports every problem at once, each under the name of its flag', () => {
    const found = problems({
      key: '',
      amount: '4999',
      currency: 'usd',
      paymentMethod: 'visa',
      methodTypes: ['crad'],
      customer: 'ada',
      reference: ' ',
      email: 'ada',
      description: 'a\nb',
      metadata: { '': 'x' },
    });
    expect(found.map((each) => each.split(':')[0])).toEqual([
      '--key',
      '--amount',
      '--payment-method',
      '--method-type',
      '--customer',
      '--reference',
      '--email',
      '--description',
      '--metadata',
    ]);
  });

  it('names the columns of a file when asked to', () => {
    const parsed = parseChargeRequest(
      { key: 'k', amount: '4999', currency: 'usd', methodTypes: ['x'] },
      COLUMN_NAMES,
    );
    expect(parsed).toMatchObject({
      ok: false,
      problems: [
        { field: 'amount', message: expect.stringContaining('amount_minor 4999') as string },
        { field: 'payment_method', message: 'it is missing' },
        { field: 'method_type' },
      ],
    });
    expect(Object.keys(FLAG_NAMES)).toEqual(Object.keys(COLUMN_NAMES));
  });

  it.each<[string, Partial<Record<keyof ChargeInput, unknown>>, string]>([
    ['no key', { key: undefined }, '--key: it is missing'],
    ['an empty key', { key: '' }, '--key: it is empty'],
    ['a blank key', { key: '   ' }, '--key: it is blank'],
    ['a key with a space after it', { key: 'order-7 ' }, '--key: it begins or ends with a space'],
    [
      'a key of 256 characters',
      { key: 'k'.repeat(256) },
      '--key: it has 256 characters; at most 255',
    ],
    ['a key with a line end', { key: 'a\nb' }, '--key: it contains a control character'],
    ['a key with a NUL', { key: 'a\0b' }, '--key: it contains a control character'],
    ['a key with DEL', { key: 'a\u007fb' }, '--key: it contains a control character'],
    ['a key with a C1 control', { key: 'a\u009bb' }, '--key: it contains a control character'],
    [
      'a key with half a character',
      { key: 'a\ud800b' },
      '--key: it contains a control character or a broken character',
    ],
    [
      'no amount',
      { amount: undefined },
      '--amount: it is missing: give --amount 49.99 or --amount-minor 4999',
    ],
    ['two amounts', { amountMinor: '4999' }, '--amount: it is given twice'],
    ['no currency', { currency: undefined }, '--currency: it is missing'],
    [
      'an unknown currency',
      { currency: 'usf' },
      '--currency: "usf" is not a currency that Stripe charges in; did you mean usd?',
    ],
    ['a swapped currency', { currency: 'ERU' }, 'did you mean eur?'],
    [
      'a currency with a control character',
      { currency: '\u001b[31' },
      '--currency: "\\u{1b}[31" is not a currency',
    ],
    ['an empty currency', { currency: '' }, '--currency: it is empty'],
    [
      'a payment method of another kind',
      { paymentMethod: 'tok_visa' },
      '--payment-method: "tok_visa" is not the id of a payment method',
    ],
    ['a payment method with a path in it', { paymentMethod: 'pm_1/../x' }, '--payment-method'],
    ['a payment method with a line end', { paymentMethod: 'pm_1\n' }, '--payment-method'],
    ['a prefix alone', { paymentMethod: 'pm_' }, '--payment-method'],
    [
      'a customer of another kind',
      { customer: 'pm_1' },
      '--customer: "pm_1" is not the id of a customer',
    ],
    [
      'an unknown method type',
      { methodTypes: ['card', 'us_bank_acount'] },
      '--method-type: "us_bank_acount" is not one of Stripe\'s payment method types; did you mean us_bank_account?',
    ],
    ['an empty reference', { reference: '' }, '--reference: it is empty'],
    ['a reference of 256', { reference: 'r'.repeat(256) }, '--reference: it has 256 characters'],
    [
      'a description of 1001',
      { description: 'd'.repeat(1001) },
      '--description: it has 1001 characters; at most 1000',
    ],
    [
      'a description with a tab',
      { description: 'a\tb' },
      '--description: it contains a control character',
    ],
    [
      'a description with a line separator',
      { description: 'a\u2028b' },
      '--description: it contains a control character',
    ],
    ['46 metadata entries', { metadata: many(46) }, '--metadata: there are 46 entries; at most 45'],
    ['a metadata name of 41', { metadata: { ['n'.repeat(41)]: 'v' } }, '41 characters; at most 40'],
    [
      'a metadata value of 501',
      { metadata: { n: 'v'.repeat(501) } },
      'the value of "n": it has 501 characters; at most 500',
    ],
    [
      'a metadata name with a bracket',
      { metadata: { 'a[b]': 'v' } },
      'the name "a[b]" contains a square bracket',
    ],
    ['an empty metadata name', { metadata: { '': 'v' } }, 'the name "": it is empty'],
    ['an empty metadata value', { metadata: { n: '' } }, 'the value of "n" is empty'],
    [
      'a metadata name of ours',
      { metadata: { payrecon_transaction: 'v' } },
      'begins with payrecon_',
    ],
    [
      'a metadata name of ours in capitals',
      { metadata: { Payrecon_x: 'v' } },
      'begins with payrecon_',
    ],
    [
      'a metadata name with a control character',
      { metadata: { 'a\u0007': 'v' } },
      'the name "a\\u{7}": it contains a control character',
    ],
    [
      'a metadata value with a line end',
      { metadata: { n: 'a\r\nb' } },
      'the value of "n": it contains a control character',
    ],
    [
      'a metadata name that JavaScript keeps for itself',
      { metadata: JSON.parse('{"__proto__":"v"}') as unknown },
      '"__proto__" has a meaning of its own',
    ],
  ])('refuses %s', (_, change, sentence) => {
    const found = problems({ ...good, ...change } as ChargeInput);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(sentence);
  });

  it.each([
    'ada',
    '@example.com',
    'ada@',
    'ada@localhost',
    'a b@example.com',
    'ada@example.com, bob@example.com',
    'Ada <ada@example.com>',
    'ada@example.com\nBcc: x@example.com',
    'ada@example.com\r',
    'ada@@example.com',
    '.ada@example.com',
    'a..b@example.com',
    'ada@-example.com',
    'ada@example..com',
    'ada@exämple.com',
    `${'a'.repeat(65)}@example.com`,
    `ada@${'a.'.repeat(130)}com`,
    '',
  ])('refuses the e-mail address %j', (email) => {
    expect(problems({ ...good, email })).toEqual([expect.stringMatching(/^--email: it /)]);
  });

  it.each([
    'ada@example.com',
    'ada+lamps@mail.example.co.uk',
    "o'neil@example.com",
    'ADA@EXAMPLE.COM',
    'a@b.cd',
    'ada@xn--exmple-cua.com',
  ])('takes the e-mail address %s as it is', (email) => {
    expect(accepted({ ...good, email }).email).toBe(email);
  });

  it.each<[string, ChargeInput]>([
    ['--key', { key: 'jos\ufffd' }],
    ['--reference', { reference: '\ufffd' }],
    ['--description', { description: 'caf\ufffd' }],
    ['--email', { email: '\ufffd@example.com' }],
    ['--payment-method', { paymentMethod: 'pm_\ufffd' }],
    ['--customer', { customer: 'cus_\ufffd' }],
    ['--currency', { currency: 'us\ufffd' }],
    ['--amount', { amount: '1.00\ufffd' }],
    ['--method-type', { methodTypes: ['card', 'c\ufffd'] }],
    ['--metadata', { metadata: { a: 'b\ufffd' } }],
    ['--metadata', { metadata: { 'a\ufffd': 'b' } }],
  ])('says of %s that its bytes were no UTF-8, and nothing else', (field, change) => {
    expect(problems({ ...good, ...change })).toEqual([
      expect.stringMatching(/^--[a-z-]+: .*bytes that are no UTF-8 \(U\+FFFD at character \d+\)/),
    ]);
    expect(problems({ ...good, ...change })[0]?.startsWith(`${field}: `)).toBe(true);
  });

  it('says which character it is, and where', () => {
    expect(problems({ ...good, key: '💡b\u0007' })).toEqual([
      '--key: it contains a control character or a broken character (U+0007 at character 3): remove it',
    ]);
    expect(problems({ ...good, description: 'a\ud800' })).toEqual([
      expect.stringContaining('(U+D800 at character 2)'),
    ]);
  });

  it('counts characters as people do, at every limit', () => {
    const lamp = '💡';
    expect(
      accepted({
        ...good,
        key: lamp.repeat(255),
        reference: 'r'.repeat(255),
        description: lamp.repeat(1000),
      }).key,
    ).toBe(lamp.repeat(255));
    expect(problems({ ...good, key: lamp.repeat(256) })[0]).toContain('it has 256 characters');
    expect(
      Object.keys(
        accepted({ ...good, metadata: { ...many(44), ['n'.repeat(40)]: lamp.repeat(500) } })
          .metadata,
      ),
    ).toHaveLength(45);
  });

  it.each(['pm_1Nv0FGQ9RKHgCVdK', 'pm_card_chargeDeclined', 'card_1Nv', 'src_1Nv', 'ba_1Nv'])(
    'takes the payment method %s',
    (paymentMethod) => {
      expect(accepted({ ...good, paymentMethod }).paymentMethod).toBe(paymentMethod);
    },
  );

  it('never accepts a text that could forge a line, whatever is typed', () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 });
    fc.assert(
      fc.property(text, text, text, text, text, (key, reference, description, name, value) => {
        const parsed = parseChargeRequest({
          ...good,
          key,
          reference,
          description,
          metadata: { [name]: value },
        });
        if (!parsed.ok) return;
        const { request } = parsed;
        const texts = [
          request.key,
          request.reference,
          request.description,
          ...Object.entries(request.metadata).flat(),
        ].join('');
        expect(texts).not.toMatch(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect([
          request.key,
          request.reference,
          request.description,
          request.metadata[name],
        ]).toEqual([key, reference, description, value]);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('differences', () => {
  it('are told with both values', () => {
    const base = accepted(full);
    const given = { ...base, amount: 1, email: null, metadata: { a: 'b=c' } };
    expect(differences({ ...base, metadata: { 'a=b': 'c' } }, given)).toEqual([
      { field: 'amount', recorded: '49.99 usd', given: '0.01 usd' },
      { field: 'email', recorded: '"ada@example.com"', given: 'none' },
      { field: 'metadata', recorded: '"a=b=c"', given: '"a=b=c"' },
    ]);
  });
});

describe('differingFields', () => {
  const base = accepted(full);

  it('is empty for a repetition, in whatever order it came', () => {
    const again = accepted({
      ...full,
      key: 'another key',
      amount: undefined,
      amountMinor: '4999',
      methodTypes: ['card', 'us_bank_account'],
      metadata: { basket: '17', shop: 'north' },
    });
    expect(differingFields(base, again)).toEqual([]);
    expect(differingFields(base, { ...base, methodTypes: ['us_bank_account', 'card'] })).toEqual(
      [],
    );
  });

  it.each<[string, Partial<ChargeRequest>]>([
    ['amount', { amount: 5000 }],
    ['currency', { currency: 'eur' }],
    ['customer', { customer: null }],
    ['payment_method', { paymentMethod: 'pm_2' }],
    ['method_types', { methodTypes: ['card'] }],
    ['reference', { reference: 'another' }],
    ['email', { email: 'bob@example.com' }],
    ['description', { description: null }],
    ['metadata', { metadata: { shop: 'north' } }],
    ['metadata', { metadata: { shop: 'north', basket: '18' } }],
    ['metadata', { metadata: { shop: '17', basket: 'north' } }],
  ])('names %s when it alone differs', (field, change) => {
    expect(differingFields(base, { ...base, ...change })).toEqual([field]);
  });

  it('names all of them together', () => {
    expect(differingFields(base, { ...base, amount: 1, email: null, metadata: {} })).toEqual([
      'amount',
      'email',
      'metadata',
    ]);
  });
});

describe('a card number in the place of a payment method', () => {
  it.each(['4242424242424242', '4242 4242 4242 4242', '4242-4242-4242-4242', '378282246310005'])(
    'is refused and not repeated: %s',
    (paymentMethod) => {
      const parsed = parseChargeRequest({
        key: 'k',
        amount: '1.00',
        currency: 'usd',
        paymentMethod,
      });
      expect(parsed).toMatchObject({
        ok: false,
        problems: [
          {
            field: '--payment-method',
            message: expect.stringContaining('what looks like a card number') as string,
          },
        ],
      });
      expect(JSON.stringify(parsed)).not.toContain(paymentMethod);
    },
  );
});

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DECLINE_CODES,
  ERROR_CODES,
  UNDECLARED_ERROR_CODES,
  type RefusalKind,
} from '../../../src/domain/refusals/refusal-codes.ts';
import {
  classifyRefusal,
  isBanksWord,
  type Refusal,
} from '../../../src/domain/refusals/refusals.ts';

const KINDS = ['declined', 'authentication', 'request', 'passing', 'unknown'] as const;
const TYPES = [
  null,
  'card_error',
  'invalid_request_error',
  'api_error',
  'idempotency_error',
  'rate_limit_error',
  'authentication_error',
  'of_next_year',
];
const STATUSES = [
  null,
  200,
  302,
  400,
  401,
  402,
  403,
  404,
  405,
  409,
  410,
  422,
  429,
  500,
  502,
  503,
  504,
];

type Table = Readonly<Record<RefusalKind, readonly string[]>>;

const all = (table: Table): string[] => KINDS.flatMap((kind) => table[kind]);
const codes = [...all(ERROR_CODES), ...all(UNDECLARED_ERROR_CODES)];
const declineCodes = all(DECLINE_CODES);

function refusal(more: Partial<Refusal>): Refusal {
  return { httpStatus: 402, type: 'card_error', code: null, declineCode: null, ...more };
}

/** The members of a union in the package's declarations. */
function declared(file: string, begin: string): string[] {
  const text = readFileSync(
    new URL(`../../../node_modules/stripe/esm/resources/${file}`, import.meta.url),
    'utf8',
  );
  const from = text.indexOf(begin);
  expect(from, `${begin} in ${file}`).toBeGreaterThan(0);
  const union = text.slice(from, text.indexOf(';', text.indexOf('type Code = ', from)));
  return [...union.matchAll(/'([a-z0-9_]+)'/g)].map(([, code]) => code!);
}

/** Everywhere that the package declares the codes of an API error. */
const DECLARATIONS = [
  ['PaymentIntents.d.ts', 'namespace LastPaymentError {'],
  ['SetupIntents.d.ts', 'namespace LastSetupError {'],
  ['SetupAttempts.d.ts', 'namespace SetupError {'],
  ['Invoices.d.ts', 'namespace LastFinalizationError {'],
  ['Terminal/Readers.d.ts', 'namespace ApiError {'],
] as const;

describe('the table', () => {
  it.each(DECLARATIONS)(
    'has every code that the stripe package declares in %s, and calls no other one declared',
    (file, begin) => {
      const union = declared(file, begin);
      expect(union.length).toBeGreaterThan(200);
      expect(all(ERROR_CODES).sort()).toEqual([...union].sort());
    },
  );

  it('has every code once', () => {
    expect(codes).toHaveLength(new Set(codes).size);
    expect(declineCodes).toHaveLength(new Set(declineCodes).size);
  });

  it('has every decline code that Stripe documents', () => {
    const cards = `authentication_required authentication_not_handled approve_with_id call_issuer card_not_supported card_velocity_exceeded
      currency_not_supported do_not_honor do_not_try_again duplicate_transaction expired_card fraudulent generic_decline
      incorrect_address incorrect_cvc incorrect_number incorrect_pin incorrect_zip insufficient_funds invalid_account
      invalid_amount invalid_cvc invalid_expiry_month invalid_expiry_year invalid_number invalid_pin issuer_not_available
      lost_card merchant_blacklist mobile_device_authentication_required new_account_information_available no_action_taken
      not_permitted offline_pin_required online_or_offline_pin_required pickup_card pin_try_exceeded processing_error
      reenter_transaction restricted_card revocation_of_all_authorizations revocation_of_authorization security_violation
      service_not_allowed stolen_card stop_payment_order testmode_decline test_mode_decline transaction_not_allowed
      try_again_later withdrawal_count_limit_exceeded`;
    const localMethods = `partner_generic_decline invalid_customer_account payment_limit_exceeded invalid_billing_agreement expired_card
      processing_error insufficient_funds currency_not_supported invalid_amount invalid_business_account
      partner_high_risk_customer compliance_violation payment_disputed invalid_authorization invalid_payment_information
      partner_payment_not_found expired_payment_information duplicate_transaction`;
    const debits = `account_closed bank_account_closed bank_account_frozen bank_account_invalid_details bank_account_restricted
      bank_account_unusable debit_not_authorized insufficient_funds no_account recipient_deceased refer_to_customer
      debit_disputed authorization_revoked debit_authorization_not_match branch_does_not_exist
      incorrect_account_holder_name invalid_account_number generic_could_not_process tokenized_account_number_deactivated`;
    const documented = `${cards} ${localMethods} ${debits}`.split(/\s+/);
    expect(documented.filter((code) => !declineCodes.includes(code))).toEqual([]);
  });

  it.each(KINDS)('is what a refused payment is classified by: %s', (kind) => {
    for (const code of [...ERROR_CODES[kind], ...UNDECLARED_ERROR_CODES[kind]]) {
      expect([code, classifyRefusal(refusal({ code }))]).toEqual([code, kind]);
      expect([code, classifyRefusal(refusal({ httpStatus: null, type: null, code }))]).toEqual([
        code,
        kind,
      ]);
    }
    for (const declineCode of DECLINE_CODES[kind]) {
      expect([
        declineCode,
        classifyRefusal(refusal({ code: 'card_declined', declineCode })),
      ]).toEqual([declineCode, kind]);
      expect([declineCode, classifyRefusal(refusal({ declineCode }))]).toEqual([declineCode, kind]);
    }
  });
});

describe('a refusal', () => {
  const CASES: readonly [words: string, refusal: Partial<Refusal>, kind: RefusalKind][] = [
    ['a decline', { code: 'card_declined', declineCode: 'insufficient_funds' }, 'declined'],
    [
      'a decline whose reason nobody knows',
      { code: 'card_declined', declineCode: 'of_next_year' },
      'declined',
    ],
    ['a decline without a reason', { code: 'card_declined' }, 'declined'],
    [
      'authentication wanted',
      { code: 'authentication_required', declineCode: 'authentication_required' },
      'authentication',
    ],
    [
      'authentication wanted, said by the decline code',
      { code: 'card_declined', declineCode: 'authentication_required' },
      'authentication',
    ],
    [
      'a real card with a test key',
      { code: 'card_declined', declineCode: 'test_mode_live_card' },
      'request',
    ],
    ['a real card with a test key, said by the code', { code: 'test_mode_live_card' }, 'request'],
    [
      'a test card with a live key',
      { code: 'card_declined', declineCode: 'live_mode_test_card' },
      'request',
    ],
    [
      'our request, whatever decline code stands beside it',
      { code: 'amount_too_small', declineCode: 'insufficient_funds' },
      'request',
    ],
    [
      'a code that nobody knows beside a known decline code',
      { code: 'of_next_year', declineCode: 'insufficient_funds' },
      'unknown',
    ],
    [
      'a decline code that nobody knows, without a code',
      { declineCode: 'of_next_year' },
      'unknown',
    ],
    ['a 402 that says nothing', {}, 'unknown'],
    [
      'a 402 that is no card_error',
      { type: 'invalid_request_error', code: 'card_declined', declineCode: 'do_not_honor' },
      'unknown',
    ],
    [
      'a 402 without a type',
      { type: null, code: 'card_declined', declineCode: 'do_not_honor' },
      'unknown',
    ],
    [
      'a 402 about our request that is no card_error',
      { type: 'invalid_request_error', code: 'testmode_charges_only' },
      'request',
    ],
    [
      'an object that does not exist',
      { httpStatus: 404, type: 'invalid_request_error', code: 'resource_missing' },
      'request',
    ],
    [
      'a parameter',
      { httpStatus: 400, type: 'invalid_request_error', code: 'parameter_invalid_integer' },
      'request',
    ],
    [
      'a missing mandate',
      { httpStatus: 400, type: 'invalid_request_error', code: 'payment_intent_mandate_invalid' },
      'request',
    ],
    ['a 400 without a code', { httpStatus: 400, type: 'invalid_request_error' }, 'request'],
    [
      'a 400 with a code that nobody knows',
      { httpStatus: 400, type: 'invalid_request_error', code: 'of_next_year' },
      'request',
    ],
    [
      "a 400 with a bank's code: the request was refused, no bank was asked",
      { httpStatus: 400, type: 'invalid_request_error', code: 'expired_card' },
      'request',
    ],
    [
      'a 400 of a type that nobody knows',
      { httpStatus: 400, type: 'of_next_year', code: 'parameter_missing' },
      'unknown',
    ],
    [
      'an intent in another state: it may have succeeded',
      { httpStatus: 400, type: 'invalid_request_error', code: 'payment_intent_unexpected_state' },
      'unknown',
    ],
    ['a key of another request', { httpStatus: 400, type: 'idempotency_error' }, 'unknown'],
    ['a wrong key', { httpStatus: 401, type: 'invalid_request_error' }, 'request'],
    ['a permission', { httpStatus: 403, type: 'invalid_request_error' }, 'request'],
    [
      'a rate limit',
      { httpStatus: 429, type: 'invalid_request_error', code: 'rate_limit' },
      'passing',
    ],
    [
      'a rate limit that came as 400',
      { httpStatus: 400, type: 'invalid_request_error', code: 'rate_limit' },
      'passing',
    ],
    ['a lock', { httpStatus: 429, type: 'invalid_request_error', code: 'lock_timeout' }, 'passing'],
    [
      'a twin of the same key',
      { httpStatus: 409, type: 'idempotency_error', code: 'idempotency_key_in_use' },
      'passing',
    ],
    ["a fault of Stripe's", { httpStatus: 500, type: 'api_error' }, 'unknown'],
    [
      "a fault of Stripe's with a bank's words",
      { httpStatus: 503, type: 'card_error', code: 'card_declined', declineCode: 'lost_card' },
      'unknown',
    ],
    [
      "an intent's last error of another type",
      {
        httpStatus: null,
        type: 'invalid_request_error',
        code: 'payment_intent_authentication_failure',
      },
      'authentication',
    ],
    [
      "an intent's last error that nobody knows",
      { httpStatus: null, type: 'card_error', code: 'of_next_year' },
      'unknown',
    ],
    [
      "an intent's last error by Stripe's fault",
      { httpStatus: null, type: 'api_error', code: 'processing_error' },
      'unknown',
    ],
  ];

  it.each(CASES)('%s', (_words, more, kind) => {
    expect(classifyRefusal(refusal(more))).toBe(kind);
  });

  const anyCode = fc.oneof(
    fc.constantFrom(null, ...codes),
    fc.stringMatching(/^[a-z_]{1,40}$/),
    fc.string(),
  );
  const anyDecline = fc.oneof(
    fc.constantFrom(null, ...declineCodes),
    fc.stringMatching(/^[a-z_]{1,40}$/),
    fc.string(),
  );
  const anyRefusal: fc.Arbitrary<Refusal> = fc.record({
    httpStatus: fc.constantFrom(...STATUSES),
    type: fc.constantFrom(...TYPES),
    code: anyCode,
    declineCode: anyDecline,
  });
  const isBanks = (kind: RefusalKind): boolean => kind === 'declined' || kind === 'authentication';
  const RUNS = { numRuns: 50_000 };

  it("is never a bank's when nobody knows its code", () => {
    fc.assert(
      fc.property(anyRefusal, fc.string(), (one, code) => {
        fc.pre(!codes.includes(code));
        expect(isBanks(classifyRefusal({ ...one, code }))).toBe(false);
      }),
      RUNS,
    );
  });

  it("is a bank's only on a card_error with 402, or on the intent itself, and only by a known word", () => {
    const banksCodes = [...ERROR_CODES.declined, ...ERROR_CODES.authentication] as string[];
    const banksDeclines = [...DECLINE_CODES.declined, ...DECLINE_CODES.authentication] as string[];
    fc.assert(
      fc.property(anyRefusal, (one) => {
        if (!isBanks(classifyRefusal(one))) return;
        expect(
          one.httpStatus === null || (one.httpStatus === 402 && one.type === 'card_error'),
        ).toBe(true);
        if (one.code === null) expect(banksDeclines).toContain(one.declineCode);
        else expect(banksCodes).toContain(one.code);
        expect(DECLINE_CODES.request as readonly string[]).not.toContain(one.declineCode);
      }),
      RUNS,
    );
  });

  it('is passing exactly where Stripe says that it executed nothing', () => {
    fc.assert(
      fc.property(anyRefusal, (one) => {
        const limited = one.httpStatus === 429 || one.httpStatus === 409;
        if (limited) expect(classifyRefusal(one)).toBe('passing');
        if (one.httpStatus !== null && one.httpStatus >= 500)
          expect(classifyRefusal(one)).toBe('unknown');
      }),
      RUNS,
    );
  });

  it('names no inherited property of an object as a code', () => {
    for (const code of ['constructor', 'toString', '__proto__', 'hasOwnProperty', '']) {
      expect(classifyRefusal(refusal({ code, declineCode: code }))).toBe('unknown');
    }
  });
});

describe("a bank's own word", () => {
  it('is one of the declines, and never one that Stripe can say without a bank', () => {
    const words = [...new Set([...codes, ...declineCodes])].filter((code) => isBanksWord(code));
    const declines = [...ERROR_CODES.declined, ...DECLINE_CODES.declined] as string[];
    expect(words.length).toBeGreaterThan(30);
    expect(words.filter((code) => !declines.includes(code))).toEqual([]);
    const notABanks =
      `fraudulent merchant_blacklist generic_decline card_declined processing_error issuer_not_available highest_risk_level
      rule blocklist previously_declined_do_not_retry card_decline_rate_limit_exceeded payment_method_customer_decline
      partner_generic_decline compliance_violation incorrect_number invalid_number duplicate_transaction`.split(
        /\s+/,
      );
    expect(words.filter((code) => notABanks.includes(code))).toEqual([]);
    expect([
      isBanksWord(null),
      isBanksWord('of_next_year'),
      isBanksWord('amount_too_small'),
    ]).toEqual([false, false, false]);
  });
});

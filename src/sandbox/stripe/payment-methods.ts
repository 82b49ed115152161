// Stripe's test payment methods: a name that anybody may use in place of an id, and what happens to a payment with it
// (docs.stripe.com/testing, and the test accounts on the pages of each bank debit).
import type { Failure } from './records.ts';

export type Behaviour =
  | { readonly kind: 'succeeds' }
  | {
      readonly kind: 'declines';
      readonly failure: Failure;
      /** Also refused when it is attached to a customer. */ readonly attach: boolean;
    }
  /** Wants 3-D Secure: always, unless it belongs to a customer, or only when the customer is there to do it. */
  | { readonly kind: 'authenticates'; readonly when: 'always' | 'unless_saved' | 'on_session' }
  /** A bank debit: processing first, decided later; `never` stays in processing. */
  | {
      readonly kind: 'debits';
      readonly outcome: 'succeeds' | 'never' | Failure;
      readonly slow: boolean;
      readonly mandate: boolean;
    };

export interface TestMethod {
  readonly type: 'card' | 'us_bank_account' | 'sepa_debit';
  readonly brand: string;
  readonly last4: string;
  readonly country: string;
  readonly behaviour: Behaviour;
}

const DECLINED = 'Your card was declined.';

function card(
  last4: string,
  behaviour: Behaviour = { kind: 'succeeds' },
  brand = 'visa',
  country = 'US',
): TestMethod {
  return { type: 'card', brand, last4, country, behaviour };
}

function declines(code: string, declineCode: string | null, message = DECLINED): Behaviour {
  return { kind: 'declines', failure: { code, declineCode, message }, attach: true };
}

const genericDecline = declines('card_declined', 'generic_decline');
const insufficientFunds: Failure = {
  code: 'card_declined',
  declineCode: 'insufficient_funds',
  message: 'Your card has insufficient funds.',
};

const CARDS: Readonly<Record<string, TestMethod>> = {
  pm_card_visa: card('4242'),
  pm_card_visa_debit: card('5556'),
  pm_card_mastercard: card('4444', { kind: 'succeeds' }, 'mastercard'),
  pm_card_mastercard_debit: card('8210', { kind: 'succeeds' }, 'mastercard'),
  pm_card_mastercard_prepaid: card('5100', { kind: 'succeeds' }, 'mastercard'),
  pm_card_amex: card('8431', { kind: 'succeeds' }, 'amex'),
  pm_card_discover: card('9424', { kind: 'succeeds' }, 'discover'),
  pm_card_diners: card('0004', { kind: 'succeeds' }, 'diners'),
  pm_card_jcb: card('0505', { kind: 'succeeds' }, 'jcb', 'JP'),
  pm_card_unionpay: card('0005', { kind: 'succeeds' }, 'unionpay', 'CN'),
  pm_card_us: card('4242'),
  pm_card_de: card('0016', { kind: 'succeeds' }, 'visa', 'DE'),
  pm_card_gb: card('0000', { kind: 'succeeds' }, 'visa', 'GB'),
  pm_card_fr: card('0003', { kind: 'succeeds' }, 'visa', 'FR'),
  pm_card_bypassPending: card('0077'),
  pm_card_threeDSecureOptional: card('3055'),
  pm_card_chargeDeclined: card('0002', genericDecline),
  pm_card_chargeDeclinedInsufficientFunds: card('9995', {
    kind: 'declines',
    failure: insufficientFunds,
    attach: true,
  }),
  pm_card_chargeDeclinedLostCard: card('9987', declines('card_declined', 'lost_card')),
  pm_card_chargeDeclinedStolenCard: card('9979', declines('card_declined', 'stolen_card')),
  pm_card_chargeDeclinedFraudulent: card('0019', declines('card_declined', 'fraudulent')),
  pm_card_chargeDeclinedVelocityLimitExceeded: card(
    '6975',
    declines(
      'card_declined',
      'card_velocity_exceeded',
      'Your card was declined for making repeated attempts too frequently or exceeding its amount limit.',
    ),
  ),
  pm_card_chargeDeclinedExpiredCard: card(
    '0069',
    declines('expired_card', null, 'Your card has expired.'),
  ),
  pm_card_chargeDeclinedIncorrectCvc: card(
    '0127',
    declines('incorrect_cvc', null, "Your card's security code is incorrect."),
  ),
  pm_card_chargeDeclinedProcessingError: card(
    '0119',
    declines(
      'processing_error',
      null,
      'An error occurred while processing your card. Try again in a little bit.',
    ),
  ),
  pm_card_radarBlock: card('0019', declines('card_declined', 'fraudulent')),
  pm_card_chargeCustomerFail: card('0341', {
    kind: 'declines',
    failure: { code: 'card_declined', declineCode: 'generic_decline', message: DECLINED },
    attach: false,
  }),
  pm_card_authenticationRequired: card('3184', { kind: 'authenticates', when: 'always' }),
  pm_card_threeDSecure2Required: card('3220', { kind: 'authenticates', when: 'always' }),
  pm_card_threeDSecureRequired: card('3063', { kind: 'authenticates', when: 'always' }),
  pm_card_authenticationRequiredOnSetup: card('3155', {
    kind: 'authenticates',
    when: 'unless_saved',
  }),
  pm_card_authenticationRequiredSetupForOffSession: card('3178', {
    kind: 'authenticates',
    when: 'on_session',
  }),
  pm_card_authenticationRequiredChargeDeclinedInsufficientFunds: card('8260', {
    kind: 'authenticates',
    when: 'always',
  }),
};

function bank(
  type: 'us_bank_account' | 'sepa_debit',
  last4: string,
  country: string,
  outcome: 'succeeds' | 'never' | Failure,
  slow = false,
): TestMethod {
  return {
    type,
    brand: type === 'sepa_debit' ? '19043' : 'STRIPE TEST BANK',
    last4,
    country,
    behaviour: { kind: 'debits', outcome, slow, mandate: true },
  };
}

function fails(code: string, message: string): Failure {
  return { code, declineCode: null, message };
}

const ach = (last4: string, outcome: 'succeeds' | 'never' | Failure) =>
  bank('us_bank_account', last4, 'US', outcome);

/** Bank accounts whose owner has agreed to debits before (Stripe finds that mandate by itself); the last one has not. */
const BANK_ACCOUNTS: Readonly<Record<string, TestMethod>> = {
  pm_usBankAccount: ach('6789', 'succeeds'),
  pm_usBankAccount_success: ach('6789', 'succeeds'),
  pm_usBankAccount_accountClosed: ach(
    '1113',
    fails('account_closed', "The customer's bank account has been closed."),
  ),
  pm_usBankAccount_noAccount: ach(
    '1116',
    fails('no_account', "The customer's bank account could not be located."),
  ),
  pm_usBankAccount_insufficientFunds: ach(
    '2227',
    fails(
      'insufficient_funds',
      "The customer's account has insufficient funds to cover this payment.",
    ),
  ),
  pm_usBankAccount_debitNotAuthorized: ach(
    '3335',
    fails(
      'debit_not_authorized',
      'The customer has notified their bank that this payment was unauthorized.',
    ),
  ),
  pm_usBankAccount_invalidCurrency: ach(
    '4440',
    fails('invalid_currency', 'The bank account does not support this currency.'),
  ),
  pm_usBankAccount_weeklyLimitExceeded: ach(
    '7771',
    fails(
      'charge_exceeds_weekly_limit',
      'The payment exceeds the weekly volume limit of the account.',
    ),
  ),
  pm_usBankAccount_dispute: ach('5559', 'succeeds'),
  pm_usBankAccount_processing: ach('0009', 'never'),
  pm_usBankAccount_noMandate: {
    ...ach('6789', 'succeeds'),
    behaviour: { kind: 'debits', outcome: 'succeeds', slow: false, mandate: false },
  },
};

const SEPA_COUNTRIES = [
  'at',
  'be',
  'hr',
  'ee',
  'fi',
  'fr',
  'de',
  'gi',
  'ie',
  'li',
  'lt',
  'lu',
  'nl',
  'no',
  'pt',
  'es',
  'se',
  'ch',
  'gb',
];

const SEPA_OUTCOMES: Readonly<
  Record<string, { readonly outcome: 'succeeds' | Failure; readonly slow: boolean }>
> = {
  success: { outcome: 'succeeds', slow: false },
  successDelayed: { outcome: 'succeeds', slow: true },
  failed: {
    outcome: fails('generic_could_not_process', 'The payment could not be processed.'),
    slow: false,
  },
  failedDelayed: {
    outcome: fails('generic_could_not_process', 'The payment could not be processed.'),
    slow: true,
  },
  disputed: { outcome: 'succeeds', slow: false },
  exceedsWeeklyVolumeLimit: {
    outcome: fails(
      'charge_exceeds_source_limit',
      'The payment exceeds the volume limit of the account.',
    ),
    slow: false,
  },
  exceedsWeeklyTransactionLimit: {
    outcome: fails(
      'charge_exceeds_weekly_limit',
      'The payment exceeds the weekly limit of the account.',
    ),
    slow: false,
  },
  insufficientFunds: {
    outcome: fails('insufficient_funds', 'The account has insufficient funds.'),
    slow: false,
  },
};

function sepaMethod(name: string): TestMethod | undefined {
  if (name === 'pm_sepaDebit') return bank('sepa_debit', '3000', 'DE', 'succeeds');
  const [, scenario = '', country = ''] = /^pm_([A-Za-z]+)_([a-z]{2})$/.exec(name) ?? [];
  const known = Object.hasOwn(SEPA_OUTCOMES, scenario) ? SEPA_OUTCOMES[scenario] : undefined;
  if (known === undefined || !SEPA_COUNTRIES.includes(country)) return undefined;
  return bank('sepa_debit', '3202', country.toUpperCase(), known.outcome, known.slow);
}

/** What stands behind a name such as `pm_card_visa`; nothing for other ids. */
export function testMethod(name: string): TestMethod | undefined {
  // Most declines are written both with and without the brand.
  const plain = name.replace(/^pm_card_visa_chargeDeclined/, 'pm_card_chargeDeclined');
  if (Object.hasOwn(CARDS, plain)) return CARDS[plain];
  return Object.hasOwn(BANK_ACCOUNTS, name) ? BANK_ACCOUNTS[name] : sepaMethod(name);
}

import { classifyRefusal, isBanksWord } from '../domain/refusals/refusals.ts';

/*
 * What a customer is told about a declined payment: our own words by Stripe's code, never the bank's
 * or Stripe's text. Codes that hint at fraud or at a stolen card have no words here on purpose: whoever
 * tries such a card must not learn why it was refused, so they are answered like a generic decline.
 * A bank is named only where domain/refusals/refusals.ts says that the code is the word of one.
 */

const ANOTHER = 'Please use another card or payment method.';
const ASK_BANK =
  'Your bank or card company did not approve it. Please ask them, or use another payment method.';

const REASONS: ReadonlyMap<string, string> = new Map([
  ['insufficient_funds', `There was not enough money available. ${ANOTHER}`],
  ['card_velocity_exceeded', `The card has reached its limit. ${ANOTHER}`],
  ['withdrawal_count_limit_exceeded', `The card has reached its limit. ${ANOTHER}`],
  ['expired_card', `The card has expired. ${ANOTHER}`],
  ['incorrect_number', 'The card number is not right. Please check it and try again.'],
  ['invalid_number', 'The card number is not right. Please check it and try again.'],
  ['incorrect_cvc', 'The security code of the card is not right. Please check it and try again.'],
  ['invalid_cvc', 'The security code of the card is not right. Please check it and try again.'],
  ['incorrect_zip', 'The postal code does not match the card. Please check it and try again.'],
  ['incorrect_address', 'The address does not match the card. Please check it and try again.'],
  [
    'invalid_expiry_month',
    'The expiry date of the card is not right. Please check it and try again.',
  ],
  [
    'invalid_expiry_year',
    'The expiry date of the card is not right. Please check it and try again.',
  ],
  ['card_not_supported', `The card does not support this kind of payment. ${ANOTHER}`],
  ['currency_not_supported', `The card does not support this currency. ${ANOTHER}`],
  [
    'processing_error',
    'Something went wrong while the payment was processed. Please try again in a while.',
  ],
  ['issuer_not_available', 'Your bank could not be reached. Please try again in a while.'],
  ['reenter_transaction', 'Your bank could not process the payment. Please try again in a while.'],
  ['try_again_later', 'Your bank could not process the payment. Please try again in a while.'],
  [
    'debit_not_authorized',
    'Your bank does not allow this debit. Please ask your bank, or use another payment method.',
  ],
  ['account_closed', 'The bank account is closed. Please use another account or payment method.'],
  [
    'bank_account_restricted',
    'The bank account cannot be debited. Please use another account or payment method.',
  ],
  // A bank's word, and nothing in it that a thief could use.
  ['call_issuer', ASK_BANK],
  ['do_not_honor', ASK_BANK],
  ['no_action_taken', ASK_BANK],
  ['not_permitted', ASK_BANK],
  ['refer_to_customer', ASK_BANK],
  ['service_not_allowed', ASK_BANK],
  ['stop_payment_order', ASK_BANK],
  ['transaction_not_allowed', ASK_BANK],
]);

const DECLINED = `It was declined. ${ANOTHER}`;
/** Of an e-mail that was queued before payrecon told a decline from a refused request. */
const NOT_MADE = 'It could not be made. Please try again, or use another payment method.';

interface Decline {
  /** Stripe's decline code or error code, as far as known. */
  readonly code: string | null;
  /** `failure_kind` of the payment; null in e-mails of older versions. */
  readonly kind: string | null;
}

export function declineReason({ code, kind }: Decline): string {
  if (kind !== 'declined' && !isDecline(code)) return NOT_MADE;
  return REASONS.get(code ?? '') ?? DECLINED;
}

function isDecline(code: string | null): boolean {
  if (code === null) return false;
  const asDeclineCode = classifyRefusal({
    httpStatus: null,
    type: null,
    code: null,
    declineCode: code,
  });
  const asErrorCode = classifyRefusal({ httpStatus: null, type: null, code, declineCode: null });
  return isBanksWord(code) || asDeclineCode === 'declined' || asErrorCode === 'declined';
}

/*
 * What a customer is told about a declined payment: our own words by Stripe's code, never the bank's
 * or Stripe's text. Codes that hint at fraud or at a stolen card have no words here on purpose: whoever
 * tries such a card must not learn why it was refused, so they are answered like any other refusal.
 */

const ANOTHER = 'Please use another card or payment method.';

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
  ['invalid_expiry_month', 'The expiry date of the card is not right. Please check it and try again.'],
  ['invalid_expiry_year', 'The expiry date of the card is not right. Please check it and try again.'],
  ['card_not_supported', `The card does not support this kind of payment. ${ANOTHER}`],
  ['currency_not_supported', `The card does not support this currency. ${ANOTHER}`],
  ['authentication_required', 'Your bank wanted you to confirm the payment, and that did not happen. Please try again and confirm it with your bank.'],
  ['payment_intent_authentication_failure', 'Your bank could not confirm that it was you. Please try again, or use another payment method.'],
  ['processing_error', 'Something went wrong while the payment was processed. Please try again in a while.'],
  ['issuer_not_available', 'Your bank could not be reached. Please try again in a while.'],
  ['reenter_transaction', 'Your bank could not process the payment. Please try again in a while.'],
  ['try_again_later', 'Your bank could not process the payment. Please try again in a while.'],
  ['debit_not_authorized', 'Your bank does not allow this debit. Please ask your bank, or use another payment method.'],
  ['account_closed', 'The bank account is closed. Please use another account or payment method.'],
  ['bank_account_restricted', 'The bank account cannot be debited. Please use another account or payment method.'],
]);

const GENERAL = 'Your bank or card company did not approve it. Please contact them, or use another payment method.';

/** Stripe's decline code or error code, as far as known. */
export function declineReason(code: string | null): string {
  return REASONS.get(code ?? '') ?? GENERAL;
}

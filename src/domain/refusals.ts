/**
 * Whose word a refusal is: a bank's (`declined`), a bank's that wants the customer (`authentication`),
 * Stripe's about our own request or configuration (`request`: no bank was asked), one that passes by
 * itself and was not executed (`passing`), or nobody's that is known (`unknown`).
 */
export type RefusalKind = 'declined' | 'authentication' | 'request' | 'passing' | 'unknown';

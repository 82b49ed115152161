/** What came of one plain request: the payment intent's status, or null when no answer came. */
export type PlainAnswer = string | null;

export interface PlainOrder {
  readonly amount: number;
  readonly currency: string;
  readonly paymentMethod: string;
}

/**
 * Charges the way most programs do: create and confirm in one call, and when no answer comes, say
 * "could not be completed". No idempotency key, so Stripe takes a retry for another payment.
 */
export async function chargePlainly(
  apiBase: string,
  secretKey: string,
  order: PlainOrder,
): Promise<PlainAnswer> {
  const body = new URLSearchParams({
    amount: String(order.amount),
    currency: order.currency,
    payment_method: order.paymentMethod,
    'allowed_payment_method_types[]': 'card',
    confirm: 'true',
    'metadata[client]': 'plain',
  });
  let response: Response;
  try {
    response = await fetch(`${apiBase}/v1/payment_intents`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secretKey}` },
      body,
    });
  } catch (error) {
    // fetch says every lost connection as a TypeError.
    if (error instanceof TypeError) return null;
    throw error;
  }
  const intent: unknown = await response.json();
  if (
    typeof intent === 'object' &&
    intent !== null &&
    'status' in intent &&
    typeof intent.status === 'string'
  )
    return intent.status;
  throw new Error(
    `the local Stripe answered the plain client with ${String(response.status)}: ${JSON.stringify(intent)}`,
  );
}

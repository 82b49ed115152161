import type { Answer } from '../../domain/answer.ts';
import { isStripeId } from '../../domain/stripe-ids.ts';
import type { StripeCaller } from '../http/call.ts';
import { classify } from '../classify.ts';

/** One `GET /v1/payment_intents/{id}`; what is no id of one is not sent, as it would name something else. */
export async function retrieveIntent(
  caller: StripeCaller,
  secret: string,
  id: string,
  signal: AbortSignal,
): Promise<Answer> {
  if (!isStripeId('pi', id))
    return {
      kind: 'missing',
      requestId: null,
      message: 'what is stored is not the id of a payment intent',
    };
  const outcome = await caller.call({
    endpoint: 'retrieve',
    signal,
    send: (stripe) => stripe.paymentIntents.retrieve(id),
  });
  return classify(outcome, { endpoint: 'retrieve', paymentIntent: id, secret });
}

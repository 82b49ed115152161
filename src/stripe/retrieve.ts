import { type Answer } from '../domain/answer.ts';
import { type StripeCaller } from './caller.ts';
import { classify } from './classify.ts';

/** One `GET /v1/payment_intents/{id}`. */
export async function retrieveIntent(caller: StripeCaller, secret: string, id: string, signal: AbortSignal): Promise<Answer> {
  const outcome = await caller.call({
    endpoint: 'retrieve',
    signal,
    send: (stripe) => stripe.paymentIntents.retrieve(id),
  });
  return classify(outcome, { endpoint: 'retrieve', paymentIntent: id, secret });
}

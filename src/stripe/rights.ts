import type Stripe from 'stripe';
import type { Right, RightAnswer } from '../app/ports.ts';
import type { Endpoint } from './rate-limit/local-limiter.ts';
import type { StripeCaller } from './http/call.ts';
import { classify } from './classify.ts';

/** Of the right form and of no payment: a key that may retrieve is answered 404. */
const NO_SUCH_INTENT = 'pi_000000000000000000000000';

interface Try {
  readonly right: Right;
  readonly endpoint: Endpoint;
  readonly send: (stripe: Stripe) => Promise<unknown>;
}

const TRIES: readonly Try[] = [
  {
    right: 'list',
    endpoint: 'list',
    send: (stripe) => stripe.paymentIntents.list({ limit: 1 }),
  },
  {
    right: 'retrieve',
    endpoint: 'retrieve',
    send: (stripe) => stripe.paymentIntents.retrieve(NO_SUCH_INTENT),
  },
  {
    right: 'search',
    endpoint: 'search',
    send: (stripe) => stripe.paymentIntents.search({ query: "status:'succeeded'", limit: 1 }),
  },
  { right: 'events', endpoint: 'events', send: (stripe) => stripe.events.list({ limit: 1 }) },
];

/** Asks for each thing that can be asked for without changing anything. */
export async function readRights(
  caller: StripeCaller,
  secret: string,
): Promise<readonly RightAnswer[]> {
  const answers: RightAnswer[] = [];
  for (const { right, endpoint, send } of TRIES) {
    const outcome = await caller.call({ endpoint, send });
    const status = outcome.kind === 'fault' ? outcome.fault.status : null;
    if (outcome.kind === 'value' || status === 404) answers.push({ right, kind: 'granted' });
    else {
      const answer = classify(outcome, { endpoint: 'retrieve', paymentIntent: null, secret });
      const message = 'message' in answer ? answer.message : 'no answer that can be read';
      answers.push({ right, kind: status === 403 ? 'missing' : 'unknown', message });
    }
  }
  return answers;
}

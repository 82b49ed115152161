import type { AccountAnswer } from '../app/ports.ts';
import { isStripeId } from '../domain/stripe-ids.ts';
import type { StripeCaller } from './http/call.ts';
import { classify } from './classify.ts';
import { header, type Outcome } from './http/result.ts';
import { isFields, word } from './parse-intent.ts';

/** `GET /v1/account`: cheap, changes nothing, and tells whose key it is. */
export async function readAccount(caller: StripeCaller, secret: string): Promise<AccountAnswer> {
  const outcome = await caller.call({
    endpoint: 'account',
    send: (stripe) => stripe.accounts.retrieveCurrent(),
  });
  const id = accountId(outcome);
  if (outcome.kind === 'value' && id !== null) {
    const { value } = outcome;
    return {
      kind: 'account',
      id,
      name: accountName(value),
      country: field(value, 'country'),
      dateHeader: dateOf(outcome),
    };
  }
  const answer = classify(outcome, { endpoint: 'retrieve', paymentIntent: null, secret });
  if (answer.kind === 'unauthorized') {
    // 401: no key of Stripe's. 403: a good one, restricted, that may not read its account.
    if (answer.httpStatus === 403) return { kind: 'forbidden', message: answer.message };
    return { kind: 'unauthorized', httpStatus: answer.httpStatus, message: answer.message };
  }
  if (outcome.wire.status === 404)
    return {
      kind: 'not_offered',
      message: 'what answers at the address of Stripe knows no accounts (HTTP 404)',
    };
  const message =
    'message' in answer ? answer.message : 'what answers at the address of Stripe is not Stripe';
  return { kind: 'unreachable', message };
}

function accountId(outcome: Outcome): string | null {
  if (
    outcome.kind !== 'value' ||
    outcome.wire.status !== 200 ||
    field(outcome.value, 'object') !== 'account'
  )
    return null;
  const id = field(outcome.value, 'id');
  return id !== null && isStripeId('acct', id) ? id : null;
}

/** The name that the owner chose, for the banner: the business's, else the Dashboard's. */
function accountName(value: unknown): string | null {
  if (!isFields(value)) return null;
  const settings = value['settings'];
  const dashboard = isFields(settings) ? settings['dashboard'] : null;
  return field(value['business_profile'], 'name') ?? field(dashboard, 'display_name');
}

function field(value: unknown, name: string): string | null {
  return isFields(value) ? word(value[name]) : null;
}

/** Stripe's clock, to the second. */
function dateOf(outcome: Outcome): number | null {
  const parsed = Date.parse(header(outcome.wire, 'date') ?? '');
  return Number.isNaN(parsed) ? null : parsed;
}

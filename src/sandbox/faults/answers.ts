import type { FaultName } from './kinds.ts';
import { permissionDenied, shownKeyOf } from '../stripe/request/access.ts';
import type { Incoming } from '../stripe/executor.ts';
import { keyInUse } from '../stripe/idempotency.ts';
import { DEFAULT_ACCOUNT } from '../stripe/owner.ts';
import { tooMany } from '../stripe/rate-limits.ts';
import { Refusal } from '../stripe/refusal.ts';

/** Stripe's answer for a fault that answers with an error. */
export function faultRefusal(kind: FaultName, incoming: Incoming, endpoint: string): Refusal {
  switch (kind) {
    case '401':
      return new Refusal({
        status: 401,
        error: {
          type: 'invalid_request_error',
          message: `Invalid API Key provided: ${shownKeyOf(incoming.authorization)}`,
        },
      });
    case '403':
      return permissionDenied(shownKeyOf(incoming.authorization), DEFAULT_ACCOUNT, endpoint);
    case '409':
      return keyInUse(incoming.idempotencyKey ?? '');
    case '429':
      return tooMany('endpoint-rate');
    case '429_lock':
      return new Refusal({
        status: 429,
        error: {
          type: 'invalid_request_error',
          code: 'lock_timeout',
          message:
            'This object cannot be accessed right now because another API request or Stripe process is currently accessing it. If you see this error intermittently, retry the request.',
        },
        headers: { 'Stripe-Should-Retry': 'true' },
      });
    default:
      return serverError();
  }
}

export function serverError(): Refusal {
  return new Refusal({
    status: 500,
    kept: true,
    error: {
      type: 'api_error',
      message:
        'Sorry! We have encountered an error. Please try again, or contact us at https://support.stripe.com/ if the problem persists.',
    },
    headers: { 'Stripe-Should-Retry': 'false' },
  });
}

import { PayreconError } from '../domain/errors.ts';

/** Ends a pass: with a refused key every call would be, and no transaction is to blame. */
export function stripeUnauthorized(): PayreconError {
  return new PayreconError(
    'configuration',
    'stripe_unauthorized',
    'Stripe refused the key, so the pass stopped; no attempt was spent and nothing is lost. Correct STRIPE_SECRET_KEY and run it again.',
    { problems: [{ field: 'STRIPE_SECRET_KEY', message: 'refused by Stripe' }] },
  );
}

import { PayreconError } from '../../domain/errors.ts';

/** How Stripe refused the key: 401 all of it, 403 one kind of call. */
export interface KeyRefusal {
  readonly httpStatus: number;
  /** What was seen, with Stripe's words (which name the right that is missing). */
  readonly summary: string;
}

/** Ends a pass: no transaction is to blame. With one right missing, what needs other calls was done. */
export function stripeUnauthorized(refusal: KeyRefusal | null = null): PayreconError {
  const said = refusal === null ? 'Stripe refused the key' : refusal.summary;
  const done =
    refusal?.httpStatus === 403
      ? 'Payments that need this call stay open; the others were reconciled. No attempt was spent. Give the key that right'
      : 'So the pass stopped; no attempt was spent and nothing is lost. Correct STRIPE_SECRET_KEY';
  return new PayreconError('stripe_unauthorized', `${said}. ${done} and run it again.`, {
    problems: [{ field: 'STRIPE_SECRET_KEY', message: 'refused by Stripe' }],
  });
}

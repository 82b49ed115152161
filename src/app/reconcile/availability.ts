import { type Answer, showsStripeWorking } from '../../domain/answer.ts';

/** Consecutive failures after which Stripe is considered down. */
export const OUTAGE_AFTER_FAILURES = 5;

/**
 * What this pass has seen of Stripe, for two rules: stop when it is away, and blame a single
 * transaction for its failures only when others get through.
 */
export interface StripeHealth {
  saw(answer: Answer): void;
  sawWorking(): void;
  sawFailure(): void;
  /** Something got through in this pass. */
  worked(): boolean;
  failuresInARow(): number;
  away(): boolean;
  /** Others get through: what fails now is the fault of its transaction, and counts against it. */
  blamesOne(): boolean;
}

export function watchStripe(): StripeHealth {
  let worked = false;
  let failuresInARow = 0;
  const sawWorking = (): void => {
    worked = true;
    failuresInARow = 0;
  };
  const sawFailure = (): void => {
    failuresInARow += 1;
  };
  const away = (): boolean => failuresInARow >= OUTAGE_AFTER_FAILURES;
  return {
    saw(answer) {
      if (showsStripeWorking(answer)) sawWorking();
      // What was never sent, or was broken off here, is nothing that Stripe did.
      else if (
        answer.kind === 'unknown' &&
        answer.reason !== 'interrupted' &&
        answer.reason !== 'queue'
      )
        sawFailure();
    },
    sawWorking,
    sawFailure,
    worked: () => worked,
    failuresInARow: () => failuresInARow,
    away,
    blamesOne: () => worked && !away(),
  };
}

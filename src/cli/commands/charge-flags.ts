/** As typed. */
export interface ChargeFlags {
  readonly key?: string | undefined;
  readonly amount?: string | undefined;
  readonly amountMinor?: string | undefined;
  readonly currency?: string | undefined;
  readonly paymentMethod?: string | undefined;
  readonly methodType?: readonly string[] | undefined;
  readonly customer?: string | undefined;
  readonly reference?: string | undefined;
  readonly email?: string | undefined;
  readonly description?: string | undefined;
  readonly metadata?: readonly string[] | undefined;
  readonly wait?: string | undefined;
  readonly allowDuplicate?: true | undefined;
  readonly onSession?: true | undefined;
  readonly file?: string | undefined;
  readonly concurrency?: string | undefined;
}

export const defaultWaitMs = 5_000;

/**
 * A charge at Stripe takes a second or two over its two calls; so many at a time keep both endpoints at 25 calls a
 * second, and none of them waits longer for its turn than a call may take.
 */
export const defaultConcurrency = 64;

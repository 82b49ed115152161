import { PayreconError } from '../../src/domain/errors.ts';

/** The expected error that the work ends in; anything else fails the test. */
export async function errorOf(work: Promise<unknown>): Promise<PayreconError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof PayreconError))
    throw new Error(`not an expected error: ${String(error)}`, { cause: error });
  return error;
}

/** No secret and no data of a payment may be in what a person sees of an error, however deep. */
export function everythingIn(error: Error): string {
  const causes: string[] = [];
  for (let current: unknown = error; current instanceof Error; current = current.cause)
    causes.push(`${current.message} ${String(current.stack)} ${JSON.stringify(current)}`);
  return causes.join('\n');
}

import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/stripe/look-up/page.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return replaced(original, {
    pageReader:
      ({ caller, secret }, signal) =>
      async (asked) => {
        const range =
          'fromSeconds' in asked ? asked : { fromSeconds: 0, toSeconds: 99_999_999_999 };
        const query = `created>=${range.fromSeconds} AND created<=${range.toSeconds}`;
        const outcome = await caller.call({
          endpoint: 'list',
          ...(signal === undefined ? {} : { signal }),
          send: (stripe) => stripe.paymentIntents.search({ query, limit: 100 }),
        });
        return { page: original.searchPageOf(outcome, secret), outcome };
      },
  });
});

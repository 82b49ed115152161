import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/domain/decide/transitions.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return replaced(original, {
    sendCancel: (transaction, fence, context) => {
      const { intent, failure, kind, requestId } = fence;
      if (failure === null || kind !== 'request') {
        return original.sendCancel(transaction, fence, context);
      }
      const changes = {
        paymentIntent: intent.id,
        stripeStatus: intent.status,
        ...original.failureOf(failure, kind),
      };
      const outcome = { changes, summary: 'refused', detail: {}, requestId };
      return original.settle(transaction, { ...outcome, status: 'failed' }, context);
    },
  });
});

vi.mock(import('../../../../src/domain/attempts.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return replaced(original, {
    mayBeginAttempt: (transaction) => {
      const asIfNeverMade = { ...transaction, paymentIntent: null };
      return original.mayBeginAttempt(asIfNeverMade);
    },
  });
});

// The list is read before a later attempt is confirmed, and would show the intent of the last one.
vi.mock(import('../../../../src/domain/decide/decide.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return replaced(original, {
    decide: (transaction, lastCall, context) => {
      const asIfTheFirst = { ...transaction, attempt: 1 };
      return original.decide(asIfTheFirst, lastCall, context);
    },
  });
});

import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/domain/decide/decide.ts'), async (importOriginal) => {
  const original = await importOriginal();
  const { failureOf, settle } = await import('../../../../src/domain/decide/transitions.ts');
  return replaced(original, {
    decide: (transaction, lastCall, context) => {
      if (lastCall?.answer.kind !== 'declined')
        return original.decide(transaction, lastCall, context);
      const { intent, failure, requestId } = lastCall.answer;
      const changes = {
        paymentIntent: intent.id,
        stripeStatus: intent.status,
        ...failureOf(failure, 'declined'),
      };
      const outcome = { changes, summary: 'declined', detail: {}, requestId };
      return settle(transaction, { ...outcome, status: 'failed' }, context);
    },
  });
});

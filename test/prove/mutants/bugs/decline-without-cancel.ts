import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/domain/decide/decide.ts'), async (importOriginal) => {
  const original = await importOriginal();
  const { failureOf, settleMove } = await import('../../../../src/domain/decide/transitions.ts');
  return replaced(original, {
    plan: (transaction, seen, context) => {
      if (seen?.answer.kind !== 'declined') return original.plan(transaction, seen, context);
      const { intent, failure, requestId } = seen.answer;
      const changes = {
        paymentIntent: intent.id,
        stripeStatus: intent.status,
        ...failureOf(failure, 'declined'),
      };
      const outcome = { changes, words: 'declined', detail: {}, requestId };
      return settleMove(transaction, { ...outcome, status: 'failed' }, context);
    },
  });
});

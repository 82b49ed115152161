import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/domain/plan.ts'), async (importOriginal) => {
  const original = await importOriginal();
  const { settleMove } = await import('../../../../src/domain/moves.ts');
  const { failureOf } = await import('../../../../src/domain/sends.ts');
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

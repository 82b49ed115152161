import { expect, test, vi } from 'vitest';
import type { Priority } from '../../src/domain/rate-limit/budget.ts';
import { sqlite } from '../storage/targets.ts';
import { aPaymentWorld } from '../support/payment-world.ts';
import { aCard, AT_ONCE, EVERYTHING_DUE } from './payments-left.ts';

/** With which priority permits were asked for, in order. */
const asked: Priority[] = [];

vi.mock(import('../../src/stripe/rate-limit/shared-limiter.ts'), async (importOriginal) => {
  const { SharedLimiter } = await importOriginal();
  class Watched extends SharedLimiter {
    constructor(...args: ConstructorParameters<typeof SharedLimiter>) {
      const [limits, shared] = args;
      const { budgets, priority } = shared;
      super(limits, {
        ...shared,
        budgets: {
          ...budgets,
          take: async (names, wanted) => {
            asked.push(priority);
            return await budgets.take(names, wanted);
          },
        },
      });
    }
  }
  return { SharedLimiter: Watched };
});

test('a program that charges and reconciles gives way to live charges in its passes only', async () => {
  const world = await aPaymentWorld(sqlite);
  const payrecon = await world.open('library');
  world.sandbox.setFaults('payment_intents.confirm#*=html_502_after');
  await payrecon.charge(aCard('order'), AT_ONCE);
  world.sandbox.setFaults('');
  expect(new Set(asked)).toEqual(new Set(['live']));

  asked.length = 0;
  const { report } = await payrecon.reconcile(EVERYTHING_DUE);
  expect(report.settled.succeeded).toBe(1);
  expect(new Set(asked)).toEqual(new Set(['pass']));
});

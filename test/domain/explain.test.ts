import { expect, test } from 'vitest';
import { explain } from '../../src/domain/explain.ts';
import { aConfirmSent, NOW } from '../support/transactions.ts';

test.each([
  [-1, 'The next reconciliation asks Stripe.'],
  [1, 'Stripe is asked again in 1s.'],
  [59_312, 'Stripe is asked again in 1m.'],
  [61_000, 'Stripe is asked again in 61s.'],
  [299_969, 'Stripe is asked again in 5m.'],
  [3_600_001, 'Stripe is asked again in 61m.'],
])('what is due in %d ms is said as people say it', (inMs, sentence) => {
  expect(explain(aConfirmSent({ nextAttemptAt: NOW + inMs }), NOW)).toContain(sentence);
});

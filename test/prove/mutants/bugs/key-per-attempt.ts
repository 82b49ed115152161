import { randomUUID } from 'node:crypto';
import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/stripe/idempotency.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return replaced(original, {
    createIdempotencyKey: (transaction) => original.createIdempotencyKey(transaction, randomUUID()),
  });
});

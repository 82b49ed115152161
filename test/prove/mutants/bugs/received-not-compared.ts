import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/domain/money/received.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return replaced(original, { receivedAsAsked: original.matchesAmount });
});

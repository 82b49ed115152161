import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/domain/refusals/refusals.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return replaced(original, {
    classifyRefusal: (refusal) => {
      const kind = original.classifyRefusal(refusal);
      return kind === 'request' ? 'declined' : kind;
    },
  });
});

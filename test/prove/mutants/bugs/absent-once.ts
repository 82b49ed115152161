import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/domain/decide/on-absent.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return replaced(original, {
    onAbsent: (transaction, answer, context) => {
      const asIfMissedIn1970 = { ...transaction, absentSince: 0 };
      return original.onAbsent(asIfMissedIn1970, answer, context);
    },
  });
});

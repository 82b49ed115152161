import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/app/reconcile/availability.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return replaced(original, {
    watchStripe: () => ({ ...original.watchStripe(), blamesOne: () => true }),
  });
});

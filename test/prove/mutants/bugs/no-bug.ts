import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

/* Replaces nothing, by the means of the others: what it is caught by would catch anything. */

vi.mock(import('../../../../src/domain/marks.ts'), async (importOriginal) =>
  replaced(await importOriginal(), {}),
);

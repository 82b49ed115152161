import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/domain/decide/decision.ts'), async (importOriginal) =>
  replaced(await importOriginal(), { KEY_LIFETIME_MS: 2_300 * 3_600_000 }),
);

import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/domain/decide/key-age.ts'), async (importOriginal) =>
  replaced(await importOriginal(), { isYoungKey: (firstSentAt, { now }) => firstSentAt <= now }),
);

import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/domain/money/received.ts'), async (importOriginal) =>
  replaced(await importOriginal(), { receivedAsAsked: () => true }),
);

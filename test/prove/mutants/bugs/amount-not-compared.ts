import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/domain/received.ts'), async (importOriginal) =>
  replaced(await importOriginal(), { receivedAsAsked: () => true }),
);

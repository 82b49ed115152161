import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/storage/ledger/bulk-update.ts'), async (importOriginal) =>
  replaced(await importOriginal(), { OURS: 'transactions.id = input.id' }),
);

import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/storage/ledger/row-update.ts'), async (importOriginal) =>
  replaced(await importOriginal(), { OURS: 'transactions.id = input.id' }),
);

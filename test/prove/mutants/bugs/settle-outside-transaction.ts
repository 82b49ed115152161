import { vi } from 'vitest';
import type { Database } from '../../../../src/storage/database.ts';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/storage/ledger/record.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return replaced(original, {
    createRecorder: (database) => {
      const oneByOne = Object.create(database) as Database;
      oneByOne.transact = async (work) => await work(database.knex, 1);
      return original.createRecorder(oneByOne);
    },
  });
});

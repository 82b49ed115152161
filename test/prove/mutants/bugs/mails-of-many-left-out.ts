import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/storage/ledger/record-many.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return replaced(original, {
    recordMany: async (database, recordings) => {
      const withoutMails = recordings.map((recording) => ({ ...recording, mails: [] }));
      const written = recordings.length === 1 ? recordings : withoutMails;
      return await original.recordMany(database, written);
    },
  });
});

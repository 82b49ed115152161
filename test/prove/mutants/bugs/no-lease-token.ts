import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/storage/ledger/recording.ts'), async (importOriginal) =>
  replaced(await importOriginal(), {
    whereOurs: ({ current: { id, version } }) => ({
      text: 'id = ? and version = ?',
      bindings: [id, version],
    }),
  }),
);

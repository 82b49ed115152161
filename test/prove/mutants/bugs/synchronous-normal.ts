import { vi } from 'vitest';
import type { SqliteConnection } from '../../../../src/storage/sqlite/client.ts';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/storage/sqlite/client.ts'), async (importOriginal) => {
  const original = await importOriginal();
  class Hasty extends original.SqliteClient {
    override async acquireRawConnection(): Promise<SqliteConnection> {
      const connection = await super.acquireRawConnection();
      connection.exec('pragma synchronous = normal');
      return connection;
    }
  }
  return replaced(original, { SqliteClient: Hasty });
});

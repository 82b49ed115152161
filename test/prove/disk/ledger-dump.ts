import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import Sqlite from 'libsql';

type Row = Readonly<Record<string, unknown>>;

/** All that a ledger holds, looked at past the product. */
export interface LedgerDump {
  /** Of every row of every table, so that two ledgers are the same or not. */
  readonly fingerprint: string;
  /** Whether the ledger has all its tables: payrecon makes those that lack when it opens it. */
  readonly schema: string;
  /** For people: how many rows each table has. */
  readonly summary: string;
  readonly transactions: readonly Row[];
  /** What SQLite's own checks complain about. */
  readonly damage: readonly string[];
}

/** There is no file, or it has no tables. */
export const NOTHING: LedgerDump = {
  fingerprint: '',
  schema: '',
  summary: 'no tables',
  transactions: [],
  damage: [],
};

/** Opens, recovers and reads the ledger; the file is left as SQLite leaves it. */
export function dumpLedger(path: string): LedgerDump {
  if (!existsSync(path)) return NOTHING;
  try {
    return read(path);
  } catch (error) {
    return { ...NOTHING, damage: [`it cannot be read: ${String(error)}`] };
  }
}

function read(path: string): LedgerDump {
  const database = new Sqlite(path, { timeout: 1_000 });
  try {
    const all = (sql: string): Row[] => database.prepare(sql).all() as Row[];
    const damage = [
      ...all('pragma integrity_check').flatMap((row) =>
        row['integrity_check'] === 'ok' ? [] : [String(row['integrity_check'])],
      ),
      ...all('pragma foreign_key_check').map((row) => `foreign key: ${JSON.stringify(row)}`),
    ];
    const tables = all(
      `select name, sql from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name`,
    );
    if (tables.length === 0) return { ...NOTHING, damage };
    const rows = tables.map(
      ({ name }) =>
        [String(name), all(`select * from "${String(name)}"`).map(withoutTimeOfMigration)] as const,
    );
    const schema = JSON.stringify(
      all('select type, name, sql from sqlite_master order by type, name'),
    );
    return {
      schema,
      fingerprint: createHash('sha256')
        .update(
          JSON.stringify([
            schema,
            rows.map(([name, each]) => [name, each.map((row) => JSON.stringify(row)).sort()]),
          ]),
        )
        .digest('hex'),
      summary: rows
        .filter(([, each]) => each.length > 0)
        .map(([name, each]) => `${name} ${each.length}`)
        .join(', '),
      transactions: rows.find(([name]) => name === 'transactions')?.[1] ?? [],
      damage,
    };
  } finally {
    database.close();
  }
}

/** A migration that is made again after the cut is the same one, and so is a ledger that belongs to nobody yet. */
function withoutTimeOfMigration(row: Row): Row {
  const other = 'bound_at' in row && row['bound_at'] === null ? OF_A_NEW_LEDGER : OF_A_MIGRATION;
  return Object.fromEntries(Object.entries(row).filter(([column]) => !other.has(column)));
}

const OF_A_MIGRATION: ReadonlySet<string> = new Set(['migration_time']);
const OF_A_NEW_LEDGER: ReadonlySet<string> = new Set(['id', 'created_at', 'seal']);

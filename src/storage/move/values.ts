import { Buffer } from 'node:buffer';
import { rowsOf, type Binding, type Database, type Row } from '../database.ts';
import { MOVED_TABLES, unfit, type MovedTable } from './tables.ts';
import { integer, text } from '../rows.ts';

/*
 * Finds what SQLite keeps and PostgreSQL cannot: text with a zero byte or that is not UTF-8, integers past
 * what JavaScript holds exactly. Looked for in SQL and as hexadecimal digits, since the driver ends the whole
 * process at a text that is not UTF-8.
 */

const BATCH = 500;

interface Column {
  readonly name: string;
  readonly isText: boolean;
  /** Its place in the primary key, from 1; 0 for none. */
  readonly inKey: number;
}

/** @throws PayreconError `move_unfit`. */
export async function refuseUnfitValues(database: Database): Promise<void> {
  for (const table of MOVED_TABLES) {
    const columns = await columnsOf(database, table);
    await refuseLargeNumbers(database, table, columns);
    await refuseOtherText(database, table, columns);
  }
}

async function columnsOf(database: Database, { name }: MovedTable): Promise<readonly Column[]> {
  const rows = await database.read((sql) =>
    rowsOf(sql, 'select name, type, pk from pragma_table_info(?)', [name]),
  );
  return rows.map((row) => ({
    name: text(row, 'name'),
    isText: /^text$/i.test(text(row, 'type')),
    inKey: integer(row, 'pk'),
  }));
}

async function refuseLargeNumbers(
  database: Database,
  { name }: MovedTable,
  columns: readonly Column[],
): Promise<void> {
  for (const column of columns.filter(({ isText }) => !isText)) {
    const bounds = `not between ${String(Number.MIN_SAFE_INTEGER)} and ${String(Number.MAX_SAFE_INTEGER)}`;
    const found = await database.read((sql) =>
      rowsOf(sql, `select 1 as found from ${name} where ${column.name} ${bounds} limit 1`),
    );
    if (found.length > 0)
      throw unfit(
        name,
        `a number in the column ${column.name} that is too large to be copied exactly`,
      );
  }
}

/** Any character but those of ASCII, or a zero byte, at which `length` stops. */
function isSuspicious(column: string): string {
  return `${column} glob '*[^' || char(1) || '-' || char(127) || ']*' or length(${column}) <> octet_length(${column})`;
}

async function refuseOtherText(
  database: Database,
  { name }: MovedTable,
  columns: readonly Column[],
): Promise<void> {
  const texts = columns.filter(({ isText }) => isText).map((column) => column.name);
  const key = columns.filter(({ inKey }) => inKey > 0).sort((a, b) => a.inKey - b.inKey);
  const keyNames = key.map((column) => column.name).join(', ');
  const numbers = key.filter(({ isText }) => !isText).map((column) => column.name);
  const selected = [...numbers, ...texts.map((column) => `hex(${column}) as ${column}`)];
  const suspicious = texts.length === 0 ? 'false' : texts.map(isSuspicious).join(' or ');
  const beyond = `(${keyNames}) > (${key.map(({ isText }) => (isText ? 'cast(unhex(?) as text)' : '?')).join(', ')})`;
  const order = key.map((column) => `${name}.${column.name}`).join(', ');
  for (let after: readonly Binding[] | null = null; ;) {
    const where = `${after === null ? '' : `${beyond} and `}(${suspicious})`;
    const query = `select ${selected.join(', ')} from ${name} where ${where} order by ${order} limit ${String(BATCH)}`;
    const bindings: readonly Binding[] = after ?? [];
    const rows: readonly Row[] = await database.read((sql) => rowsOf(sql, query, bindings));
    for (const row of rows) for (const column of texts) refuseText(name, column, row);
    const last = rows.at(-1);
    if (last === undefined) return;
    after = key.map((column) => last[column.name] as Binding);
  }
}

function refuseText(table: string, column: string, row: Row): void {
  const bytes = Buffer.from(text(row, column), 'hex');
  const where = `in the column ${column}`;
  if (bytes.includes(0))
    throw unfit(table, `text with a zero byte ${where}, which PostgreSQL does not take`);
  // What is not UTF-8 is decoded to replacement characters, which have other bytes.
  if (!Buffer.from(bytes.toString('utf8')).equals(bytes))
    throw unfit(table, `text that is not UTF-8 ${where}, which PostgreSQL does not take`);
}

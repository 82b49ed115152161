/*
 * Many rows as one bound text: a statement has the same number of bindings, and the same plan, however many they are.
 */

/** SQLite: the rows of one bound JSON text as a table. */
export function fromJson(columns: readonly string[]): string {
  return `select ${columns.map((column) => `value->>'${column}' as ${column}`).join(', ')} from json_each(?)`;
}

/** PostgreSQL: the columns of a table that is one JSON text. */
export function declared(types: Readonly<Record<string, string>>): string {
  return Object.entries(types)
    .map(([column, type]) => `${column} ${type}`)
    .join(', ');
}

/** Half of a character, as Stripe's JSON may hold one, is no text to a database: it becomes what UTF-8 makes of it. */
export function wellFormed(value: string): string {
  return value.replaceAll(/\p{Surrogate}/gu, '\uFFFD');
}

export function json(rows: readonly object[]): string {
  const text = JSON.stringify(rows);
  // JSON.stringify escapes only lone surrogates as `\ud…`, so this check avoids scanning every string (a third of the time).
  if (!text.includes('\\ud')) return text;
  return JSON.stringify(rows, (_name, value: unknown) =>
    typeof value === 'string' ? wellFormed(value) : value,
  );
}

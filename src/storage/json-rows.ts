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
  // Halves are the only thing that is written so; looking at each text before would cost a third of the writing.
  if (!text.includes('\\ud')) return text;
  return JSON.stringify(rows, (_name, value: unknown) =>
    typeof value === 'string' ? wellFormed(value) : value,
  );
}

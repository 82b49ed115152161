/**
 * Sees every statement (BEGIN and COMMIT too) before it leaves and after it has come back, and may
 * throw: the seam at which tests let a process die between any two statements. Absent in production.
 */
export interface Gate {
  before(kind: string, sql: string): Promise<void> | void;
  after(kind: string, sql: string): Promise<void> | void;
}

/** `begin`, `commit`, `select`, `update`, ..; a common table expression is `with`. */
export function statementKind(sql: string): string {
  return (/[a-z]+/i.exec(sql)?.[0] ?? 'empty').toLowerCase();
}

/** The one way through: used by both clients, and by nothing else. */
export async function through<T>(gate: Gate | undefined, sql: string, send: () => Promise<T>): Promise<T> {
  if (gate === undefined) return send();
  const kind = statementKind(sql);
  await gate.before(kind, sql);
  const result = await send();
  await gate.after(kind, sql);
  return result;
}

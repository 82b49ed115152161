/**
 * Sees every statement (BEGIN and COMMIT too) before it leaves and after it has come back, and may
 * throw or wait: the seam at which tests let a process die between any two statements, and decide in which order its
 * connections go on. Absent in production.
 */
export interface Gate {
  before(kind: string, sql: string, connection: object): Promise<void> | void;
  after(kind: string, sql: string, connection: object): Promise<void> | void;
  /** The statement failed: `after` is not called. */
  failed?(kind: string, sql: string, connection: object): Promise<void> | void;
  /** A connection is being opened, which is no statement. */
  opening?(opened: Promise<unknown>): void;
}

/** `begin`, `commit`, `select`, `update`, ..; a common table expression is `with`. */
export function statementKind(sql: string): string {
  return (/[a-z]+/i.exec(sql)?.[0] ?? 'empty').toLowerCase();
}

export interface Statement {
  readonly sql: string;
  readonly connection: object;
}

/** The one way through: used by both clients, and by nothing else. */
export async function through<T>(
  gate: Gate | undefined,
  { sql, connection }: Statement,
  send: () => Promise<T>,
): Promise<T> {
  if (gate === undefined) return send();
  const kind = statementKind(sql);
  await gate.before(kind, sql, connection);
  let result: T;
  try {
    result = await send();
  } catch (error) {
    await gate.failed?.(kind, sql, connection);
    throw error;
  }
  await gate.after(kind, sql, connection);
  return result;
}

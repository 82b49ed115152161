import type { Actor } from '../app/ports.ts';
import type { JsonObject } from '../domain/transaction.ts';
import type { Database } from './database.ts';

const records = new WeakMap<Actor, { readonly user: string | null; readonly record: JsonObject }>();

/** Who acted, as the audit trail keeps it; the database adds whom it took us for. The same object for the same actor. */
export function actorRecord(database: Database, actor: Actor): JsonObject {
  const known = records.get(actor);
  if (known?.user === database.user) return known.record;
  const record = recordOf(database, actor);
  records.set(actor, { user: database.user, record });
  return record;
}

function recordOf(database: Database, actor: Actor): JsonObject {
  return {
    role: actor.role,
    operator: actor.operator,
    system_user: actor.systemUser,
    host: actor.host,
    pid: actor.pid,
    ...(database.user === null ? {} : { database_user: database.user }),
  };
}

/** Shown to whoever wonders who holds a lease. */
export function holderOf(actor: Actor): string {
  return `${actor.role}@${actor.host}:${String(actor.pid)}`;
}

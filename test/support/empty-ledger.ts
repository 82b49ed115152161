import { type RawConnection } from '../storage/targets.ts';

const TABLES = ['audit_events', 'notifications', 'passes', 'outages', 'transactions', 'stripe_budgets'];

/**
 * Takes everything out of a ledger whose processes go on, past the triggers that let nobody do that: making a new
 * one, and opening it, takes longer than most cases.
 */
export async function emptyLedger(raw: RawConnection, dialect: 'sqlite' | 'postgres'): Promise<void> {
  const emptying = [...TABLES.map((table) => `delete from ${table}`), 'update ledger_counts set transactions = 0, entries = 0'].join('; ');
  if (dialect === 'postgres') {
    await raw.run(`set session_replication_role = replica; ${emptying}; set session_replication_role = origin`);
    return;
  }
  const triggers = await raw.rows(`select name, sql from sqlite_schema where type = 'trigger'`);
  const dropped = triggers.map(({ name }) => `drop trigger ${String(name)}`);
  await raw.run(`begin immediate; ${[...dropped, emptying, ...triggers.map(({ sql }) => String(sql))].join(';\n')}; commit`);
}

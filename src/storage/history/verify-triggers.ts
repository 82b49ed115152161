import type { AuditFinding } from '../../app/ports.ts';
import { rowsOf, type Database } from '../database.ts';

/*
 * The triggers that refuse what no statement may do: all there, as they were made, and in force. Only
 * their absence would let somebody change a payment without a trace in the database's own log.
 */

interface Trigger {
  readonly name: string;
  readonly text: string;
}

export async function triggersFinding(database: Database): Promise<AuditFinding | null> {
  const expected = await expectedTriggers(database);
  const there =
    database.dialect === 'sqlite'
      ? await sqliteTriggers(database)
      : await postgresTriggers(database);
  for (const { name, text } of expected) {
    const found = there.find((trigger) => trigger.name === name);
    if (found === undefined) return finding(name, 'the trigger is gone, or does not fire');
    if (found.text !== text) return finding(name, 'the trigger is another one than payrecon made');
  }
  const known = new Set(expected.map(({ name }) => name));
  const strange = there.find(({ name }) => !known.has(name));
  return strange === undefined ? null : finding(strange.name, 'payrecon did not make this trigger');
}

function finding(id: string, problem: string): AuditFinding {
  return { table: 'triggers', id, transactionId: null, seq: null, problem };
}

async function expectedTriggers({ dialect }: Database): Promise<readonly Trigger[]> {
  const [{ ledgerTriggers }, { movedTriggers, requestTriggers }] = await Promise.all([
    import('../../../migrations/0001_triggers.ts'),
    import('../../../migrations/0004_triggers.ts'),
  ]);
  const sqlite = dialect === 'sqlite';
  const texts = new Map<string, string>();
  // A later migration makes one of the same name anew.
  for (const text of [
    ...ledgerTriggers(sqlite),
    ...requestTriggers(sqlite),
    ...movedTriggers(sqlite),
  ])
    texts.set(nameOf(text), text);
  return [...texts].map(([name, text]) => ({
    name,
    text: sqlite ? text : asPostgresShows(name, text),
  }));
}

function asPostgresShows(name: string, text: string): string {
  return name.startsWith(FUNCTION) ? bodyOf(text) : plain(text);
}

const FUNCTION = 'function ';

/** `create trigger NAME ..`, `create function NAME() ..`. */
function nameOf(text: string): string {
  const [, what = '', name = ''] = /^create (trigger|function) (\w+)/.exec(text) ?? [];
  return what === 'function' ? `${FUNCTION}${name}` : name;
}

function bodyOf(text: string): string {
  return text.split('$$')[1] ?? '';
}

async function sqliteTriggers(database: Database): Promise<readonly Trigger[]> {
  const rows = await database.read((sql) =>
    rowsOf(sql, `select name, sql from sqlite_schema where type = 'trigger'`),
  );
  // SQLite keeps the text as it was given, but for the first two words.
  return rows.map(({ name, sql }) => ({
    name: String(name),
    text: String(sql).replace(/^CREATE TRIGGER/, 'create trigger'),
  }));
}

async function postgresTriggers(database: Database): Promise<readonly Trigger[]> {
  const rows = await database.read((sql) =>
    rowsOf(
      sql,
      `select tgname as name, pg_get_triggerdef(pg_trigger.oid) as text from pg_trigger
        where not tgisinternal and tgenabled in ('O', 'A')
          and tgrelid in ('transactions'::regclass, 'audit_events'::regclass, 'notifications'::regclass, 'passes'::regclass,
            'outages'::regclass, 'ledger'::regclass, 'stripe_keys'::regclass, 'ledger_counts'::regclass)
       union all
       select 'function ' || proname, prosrc from pg_proc
        where proname like 'payrecon!_%' escape '!' and pronamespace = (select relnamespace from pg_class where oid = 'transactions'::regclass)`,
    ),
  );
  return rows.map(({ name, text }) => ({
    name: String(name),
    text: String(name).startsWith(FUNCTION) ? String(text) : plain(String(text)),
  }));
}

/**
 * PostgreSQL gives a trigger back in its own words: with the schema, its events in another order, ROW
 * before a list, casts, more brackets and other letters. What is left of both without these is the same.
 */
function plain(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/::text\b/g, '')
    .replace(/(?<=\bbefore )[\w ]+?(?= on )/, (events) => events.split(' or ').sort().join(' or '))
    .replaceAll(/\brow\s*\(/g, '(')
    .replaceAll(/\bon \w+\.(\w+)/g, 'on $1')
    .replaceAll(/\bexecute (?:procedure|function) (?:\w+\.)?(\w+)/g, 'execute $1')
    .replaceAll(/[\s()"]/g, '');
}

import type { Knex } from 'knex';
import type { Identity, KeyAccount, LedgerIdentity, Standing } from '../app/ports.ts';
import { BugError } from '../domain/errors.ts';
import type { JsonObject } from '../domain/transaction.ts';
import { canonicalJson } from './ledger/audit-chain.ts';
import { changed, firstRow, rowsOf, type Binding, type Database, type Row } from './database.ts';
import { insertCounted } from './counts.ts';
import { newId } from './identifiers.ts';
import { integer, integerOrNull, jsonObject, text, textOrNull } from './rows.ts';
import { insertOf, SEALED_COLUMNS, sealOf, withSeal } from './seals.ts';

/*
 * Who this ledger is: one row, which every change seals anew. What decides about a payment (the
 * account, the mode, the marks) is read from here before anything is sent.
 */

type Column = (typeof SEALED_COLUMNS)['ledger'][number];
export type LedgerValues = Readonly<Record<Column, Binding>>;

/** Ids in one statement; far below what either database takes. */
const IDS_A_STATEMENT = 500;

export function createIdentity(database: Database, witness: () => Promise<string>): Identity {
  return {
    async read() {
      const row = await database.read((sql) => ledgerRow(sql));
      return row === null ? null : identityOf(row);
    },
    create: (namespace) => create(database, namespace),
    async bind(owner) {
      return identityOf(await change(database, (row, now) => binding(row, owner, now)));
    },
    keyAccount: (keyHash) => keyAccount(database, keyHash),
    rememberKey: (keyHash, owner) => rememberKey(database, keyHash, owner),
    witness,
    async markWhole(seenIn) {
      await change(database, (_row, now) => ({ whole_checked_at: now, whole_witness: seenIn }));
    },
    async markRolledBack(evidence) {
      return await markRolledBack(database, evidence);
    },
    async clearRolledBack() {
      await change(database, () => ({ rolled_back_at: null, rolled_back_evidence: null }));
    },
    standings: (ids) => standings(database, ids),
    async isEmpty() {
      return (
        (await database.read((sql) => firstRow(sql, 'select id from transactions limit 1'))) ===
        null
      );
    },
  };
}

export async function ledgerRow(sql: Knex, lock = ''): Promise<Row | null> {
  return await firstRow(sql, `select * from ledger where one = 1${lock}`);
}

function identityOf(row: Row): LedgerIdentity {
  const livemode = integerOrNull(row, 'livemode');
  return {
    id: text(row, 'id'),
    account: textOrNull(row, 'account'),
    livemode: livemode === null ? null : livemode === 1,
    namespace: text(row, 'namespace'),
    createdAt: integer(row, 'created_at'),
    boundAt: integerOrNull(row, 'bound_at'),
    movedTo: textOrNull(row, 'moved_to'),
    movedAt: integerOrNull(row, 'moved_at'),
    rolledBackAt: integerOrNull(row, 'rolled_back_at'),
    rolledBackEvidence:
      row['rolled_back_evidence'] === null ? null : jsonObject(row, 'rolled_back_evidence'),
    wholeCheckedAt: integerOrNull(row, 'whole_checked_at'),
    wholeWitness: textOrNull(row, 'whole_witness'),
  };
}

/** Whoever comes second, also after a COMMIT whose answer was lost, finds the first one's row. */
async function create(database: Database, namespace: string): Promise<LedgerIdentity> {
  const row = await database.transact(async (sql) => {
    const now = await clock(database, sql);
    const nothing = Object.fromEntries(
      SEALED_COLUMNS.ledger.map((column) => [column, null]),
    ) as LedgerValues;
    const values: LedgerValues = { ...nothing, id: newId('led', now), namespace, created_at: now };
    const insert = insertOf('ledger', { one: 1, ...withSeal('ledger', values) });
    await insertCounted(
      database,
      sql,
      { ...insert, text: `${insert.text} on conflict do nothing` },
      { ledgers: 1 },
    );
    return await ledgerRow(sql);
  });
  if (row === null) throw new BugError('the ledger has no row although one was just made');
  return identityOf(row);
}

async function clock(database: Database, sql: Knex): Promise<number> {
  return integer((await firstRow(sql, `select ${database.now()} as now`)) ?? {}, 'now');
}

/** Changes the row under its lock and seals it anew; an empty change writes nothing. */
async function change(
  database: Database,
  decide: (row: Row, now: number, attempt: number) => Partial<LedgerValues>,
): Promise<Row> {
  return await database.transact(async (sql, attempt) => {
    const row = await ledgerRow(sql, database.dialect === 'postgres' ? ' for update' : '');
    if (row === null) throw new BugError('the ledger has no identity yet');
    const wanted = decide(row, await clock(database, sql), attempt);
    if (Object.keys(wanted).length === 0) return row;
    return await updateLedger(sql, row, wanted);
  });
}

/** The ledger's row with other values, and the seal that fits them. */
export function resealedLedger(
  row: Row,
  wanted: Partial<LedgerValues>,
): Partial<LedgerValues> & { readonly seal: string } {
  const before = Object.fromEntries(
    SEALED_COLUMNS.ledger.map((column) => [column, row[column]]),
  ) as LedgerValues;
  return { ...wanted, seal: sealOf('ledger', { ...before, ...wanted }) };
}

/** Under the row's lock; returns the row as it is then. */
export async function updateLedger(
  sql: Knex,
  row: Row,
  wanted: Partial<LedgerValues>,
): Promise<Row> {
  const next = resealedLedger(row, wanted);
  await changed(
    sql,
    `update ledger set ${Object.keys(next)
      .map((column) => `${column} = ?`)
      .join(', ')} where one = 1`,
    Object.values(next),
  );
  return { ...row, ...next };
}

/** What is set stays. A ledger that was bound by mode alone gets its account from a key of that mode which may read it. */
function binding(row: Row, { account, livemode }: KeyAccount, now: number): Partial<LedgerValues> {
  const bound = integerOrNull(row, 'livemode');
  if (bound === null) return { account, livemode: livemode ? 1 : 0, bound_at: now };
  const fills =
    textOrNull(row, 'account') === null && account !== null && (bound === 1) === livemode;
  return fills ? { account } : {};
}

async function markRolledBack(database: Database, evidence: JsonObject): Promise<boolean> {
  let marked = false;
  const written = canonicalJson(evidence);
  await change(database, (row, now, attempt) => {
    const isNew = row['rolled_back_at'] === null;
    // After a COMMIT whose answer was lost our own first try stands there.
    marked = isNew || (attempt > 1 && row['rolled_back_evidence'] === written);
    return isNew ? { rolled_back_at: now, rolled_back_evidence: written } : {};
  });
  return marked;
}

async function keyAccount(database: Database, keyHash: string): Promise<KeyAccount | null> {
  const row = await database.read((sql) =>
    firstRow(sql, 'select * from stripe_keys where key_hash = ?', [keyHash]),
  );
  return row === null
    ? null
    : { account: textOrNull(row, 'account'), livemode: integer(row, 'livemode') === 1 };
}

/** A key belongs to one account for good: a key that may not read it any more does not make it forgotten. */
async function rememberKey(database: Database, keyHash: string, owner: KeyAccount): Promise<void> {
  await database.transact(async (sql) => {
    const known = await firstRow(sql, 'select account from stripe_keys where key_hash = ?', [
      keyHash,
    ]);
    const values = {
      key_hash: keyHash,
      account: owner.account ?? (known === null ? null : textOrNull(known, 'account')),
      livemode: owner.livemode ? 1 : 0,
      seen_at: await clock(database, sql),
    };
    const insert = insertOf('stripe_keys', withSeal('stripe_keys', values));
    const { key_hash: hash, ...next } = withSeal('stripe_keys', values);
    const inserted = await insertCounted(
      database,
      sql,
      { ...insert, text: `${insert.text} on conflict do nothing` },
      { keys: 1 },
    );
    if (inserted > 0) return;
    await changed(
      sql,
      `update stripe_keys set ${Object.keys(next)
        .map((column) => `${column} = ?`)
        .join(', ')} where key_hash = ?`,
      [...Object.values(next), hash ?? null],
    );
  });
}

async function standings(database: Database, ids: readonly string[]): Promise<readonly Standing[]> {
  const found: Standing[] = [];
  for (let at = 0; at < ids.length; at += IDS_A_STATEMENT) {
    const wanted = ids.slice(at, at + IDS_A_STATEMENT);
    const rows = await database.read((sql) =>
      rowsOf(
        sql,
        `select id, step, attempt, payment_intent from transactions where id in (${wanted.map(() => '?').join(', ')})`,
        wanted,
      ),
    );
    found.push(...rows.map(standingOf));
  }
  return found;
}

function standingOf(row: Row): Standing {
  return {
    id: text(row, 'id'),
    step: text(row, 'step'),
    attempt: integer(row, 'attempt'),
    paymentIntent: textOrNull(row, 'payment_intent'),
  };
}

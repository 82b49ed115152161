import { onTestFinished } from 'vitest';
import type { AuditVerification } from '../../src/app/ports.ts';
import type { Books } from '../../src/sandbox/server.ts';
import type { RawConnection, TestDatabase } from '../storage/targets.ts';

/*
 * What is known from outside about payments: the local Stripe's and SendGrid's own books, and the rows
 * of the ledger, read past the product by a connection of its own. invariants.ts compares the two.
 */

type Row = Record<string, unknown>;

export interface LedgerRow {
  readonly id: string;
  readonly key: string;
  readonly reference: string | null;
  readonly status: string;
  readonly step: string;
  readonly amount: number;
  readonly currency: string;
  readonly email: string | null;
  readonly paymentIntent: string | null;
  readonly failureCode: string | null;
  readonly failureKind: string | null;
  readonly canceledBy: string | null;
  /** Stripe has called the key used by something else. */
  readonly keyConflict: boolean;
  readonly attempt: number;
  /** 1: its creates bear only the transaction's id; 2: the ledger's, the attempt and the key's hash as well. */
  readonly paramsVersion: number;
  readonly amountReceived: number | null;
  readonly currencyReceived: string | null;
  readonly version: number;
  readonly leaseToken: string | null;
  readonly leaseExpiresAt: number | null;
  readonly review: { readonly reason: string; readonly byHand: boolean } | null;
}

export interface TrailEntry {
  readonly transactionId: string;
  readonly seq: number;
  readonly action: string;
  readonly fromStatus: string | null;
  readonly toStatus: string;
  readonly toStep: string;
  /** Whose fault the entry says that a failure is; null where it says nothing. */
  readonly failureKind: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface QueuedMail {
  readonly id: string;
  readonly transactionId: string | null;
  readonly kind: string;
  readonly version: number;
  readonly resend: number;
  readonly state: string;
  readonly recipient: string | null;
  readonly claimToken: string | null;
  /** What its sentences are made of. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** Whose the ledger says it is. */
export interface LedgerOwner {
  readonly id: string;
  readonly account: string | null;
  readonly livemode: boolean | null;
  readonly namespace: string;
  /** It was found to lack payments that it has made. */
  readonly rolledBack: boolean;
}

export interface Evidence {
  /** The books, as they were when the evidence was gathered. */
  readonly intents: Books['paymentIntents'];
  /** By the transaction that their metadata names. */
  readonly intentsOf: ReadonlyMap<string, Books['paymentIntents']>;
  readonly charges: Books['charges'];
  readonly delivered: Books['mails'];
  readonly requests: Books['requests'];
  /** Null before the first use. */
  readonly owner: LedgerOwner | null;
  readonly rows: readonly LedgerRow[];
  readonly trail: readonly TrailEntry[];
  readonly trailOf: ReadonlyMap<string, readonly TrailEntry[]>;
  readonly mails: readonly QueuedMail[];
  /** Every text of every table, named, to look for what must not be there. */
  readonly texts: readonly { readonly where: string; readonly text: string }[];
  readonly audit: AuditVerification;
  /** What the database's own check complains about. */
  readonly damage: readonly string[];
}

export interface EvidenceSource {
  readonly books: Books;
  readonly raw: RawConnection;
  readonly dialect: 'sqlite' | 'postgres';
  readonly verifyAudit: () => Promise<AuditVerification>;
}

/** Opens what is needed to look at a ledger again and again; closed when the test is over. */
export async function evidenceSource(
  books: Books,
  database: TestDatabase,
): Promise<EvidenceSource> {
  const storage = await database.open();
  onTestFinished(() => storage.close());
  const raw = await database.raw();
  if (storage.dialect === 'postgres') await raw.run('create extension if not exists amcheck');
  return {
    books,
    raw,
    dialect: storage.dialect,
    verifyAudit: () => storage.history.verifyAudit(null),
  };
}

export async function gatherEvidence({
  books,
  raw,
  dialect,
  verifyAudit,
}: EvidenceSource): Promise<Evidence> {
  const rows = await raw.rows('select * from transactions order by id');
  const trail = await raw.rows('select * from audit_events order by transaction_id, seq');
  const mails = await raw.rows('select * from notifications order by id');
  const intents = books.paymentIntents;
  const entries = trail.map(trailEntry);
  const others = {
    passes: await raw.rows('select * from passes'),
    outages: await raw.rows('select * from outages'),
  };
  return {
    intents,
    charges: books.charges,
    delivered: books.mails,
    requests: books.requests,
    intentsOf: grouped(intents, (intent) => intent.metadata['payrecon_transaction'] ?? ''),
    owner: ownerOf(await raw.rows('select * from ledger')),
    rows: rows.map(ledgerRow),
    trail: entries,
    trailOf: grouped(entries, (entry) => entry.transactionId),
    mails: mails.map(queuedMail),
    texts: Object.entries({
      transactions: rows,
      audit_events: trail,
      notifications: mails,
      ...others,
    }).flatMap(([table, each]) => textsOf(table, each)),
    audit: await verifyAudit(),
    damage: await (dialect === 'sqlite' ? sqliteDamage(raw) : postgresDamage(raw)),
  };
}

function grouped<Item>(
  items: readonly Item[],
  name: (item: Item) => string,
): ReadonlyMap<string, readonly Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(name(item));
    if (group === undefined) groups.set(name(item), [item]);
    else group.push(item);
  }
  return groups;
}

function ownerOf([row]: readonly Row[]): LedgerOwner | null {
  if (row === undefined) return null;
  const livemode = row['livemode'] === null ? null : Number(row['livemode']) === 1;
  return {
    id: text(row, 'id'),
    account: textOrNull(row, 'account'),
    livemode,
    namespace: text(row, 'namespace'),
    rolledBack: row['rolled_back_at'] !== null,
  };
}

function ledgerRow(row: Row): LedgerRow {
  const review =
    row['review'] === null
      ? null
      : (JSON.parse(text(row, 'review')) as { reason: string; resolution: unknown });
  return {
    id: text(row, 'id'),
    key: text(row, 'key'),
    reference: textOrNull(row, 'reference'),
    status: text(row, 'status'),
    step: text(row, 'step'),
    amount: Number(row['amount']),
    currency: text(row, 'currency'),
    email: textOrNull(row, 'email'),
    paymentIntent: textOrNull(row, 'payment_intent'),
    failureCode: textOrNull(row, 'failure_code'),
    failureKind: textOrNull(row, 'failure_kind'),
    canceledBy: textOrNull(row, 'canceled_by'),
    keyConflict: row['key_conflict_at'] !== null,
    attempt: Number(row['attempt']),
    paramsVersion: Number(row['params_version']),
    amountReceived: row['amount_received'] === null ? null : Number(row['amount_received']),
    currencyReceived: textOrNull(row, 'currency_received'),
    version: Number(row['version']),
    leaseToken: textOrNull(row, 'lease_token'),
    leaseExpiresAt: row['lease_expires_at'] === null ? null : Number(row['lease_expires_at']),
    review: review === null ? null : { reason: review.reason, byHand: review.resolution !== null },
  };
}

function trailEntry(row: Row): TrailEntry {
  return {
    transactionId: text(row, 'transaction_id'),
    seq: Number(row['seq']),
    action: text(row, 'action'),
    fromStatus: textOrNull(row, 'from_status'),
    toStatus: text(row, 'to_status'),
    toStep: text(row, 'to_step'),
    failureKind: failureKindSet(textOrNull(row, 'changes')),
    detail: JSON.parse(text(row, 'detail')) as Record<string, unknown>,
  };
}

/** Null where the entry did not write it. */
function failureKindSet(changes: string | null): string | null {
  const { set = {} } =
    changes === null
      ? {}
      : (JSON.parse(changes) as { readonly set?: Readonly<Record<string, unknown>> });
  return typeof set['failure_kind'] === 'string' ? set['failure_kind'] : null;
}

function queuedMail(row: Row): QueuedMail {
  return {
    id: text(row, 'id'),
    transactionId: textOrNull(row, 'transaction_id'),
    kind: text(row, 'kind'),
    version: Number(row['version']),
    resend: Number(row['resend']),
    state: text(row, 'state'),
    recipient: textOrNull(row, 'recipient'),
    claimToken: textOrNull(row, 'claim_token'),
    data: row['data'] === null ? {} : (JSON.parse(text(row, 'data')) as Record<string, unknown>),
  };
}

function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new TypeError(`${column} is no text: ${String(value)}`);
  return value;
}

function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

function textsOf(table: string, rows: readonly Row[]): { where: string; text: string }[] {
  return rows.flatMap((row) =>
    Object.entries(row).flatMap(([column, value]) =>
      typeof value === 'string' ? [{ where: `${table}.${column}`, text: value }] : [],
    ),
  );
}

async function sqliteDamage(raw: RawConnection): Promise<readonly string[]> {
  const integrity = await raw.rows('pragma integrity_check');
  const foreign = await raw.rows('pragma foreign_key_check');
  return [
    ...integrity.map((row) => text(row, 'integrity_check')).filter((said) => said !== 'ok'),
    ...foreign.map((row) => `foreign key: ${JSON.stringify(row)}`),
  ];
}

const BTREES = `from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
  where a.amname = 'btree' and c.relnamespace = 'public'::regnamespace and i.indisvalid`;

/** Every B-tree, compared with the table that it belongs to, unique indexes for duplicates as well; one by one only where something is wrong. */
async function postgresDamage(raw: RawConnection): Promise<readonly string[]> {
  const whole = await raw
    .rows(`select bt_index_check(c.oid, true, i.indisunique) ${BTREES}`)
    .catch((error: unknown) => error);
  if (!(whole instanceof Error)) return [];
  const damage: string[] = [];
  for (const index of await raw.rows(
    `select c.oid, c.relname as name, i.indisunique as is_unique ${BTREES}`,
  )) {
    const checked = await raw
      .rows(
        `select bt_index_check(${String(index['oid'])}::regclass, true, ${String(index['is_unique'])})`,
      )
      .catch((error: unknown) => error);
    if (checked instanceof Error) damage.push(`${text(index, 'name')}: ${checked.message}`);
  }
  return damage.length > 0 ? damage : [whole.message];
}

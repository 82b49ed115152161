import Sqlite from 'libsql';
import pg from 'pg';
import type { ChargeRequest } from '../src/domain/transaction.ts';
import { fingerprint } from '../src/domain/fingerprint.ts';
import { canonicalJson, entryHash, sha256, type UnsealedEntry } from '../src/storage/audit-chain.ts';
import { newId } from '../src/storage/identifiers.ts';
import { requestText } from '../src/storage/ledger-open.ts';

/*
 * Many transactions at once, each with the audit trail that the product would have written: past the product, because a
 * hundred thousand charges would take longer than what is measured with them.
 */

export interface FilledRow {
  readonly paymentIntent: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly status: 'pending' | 'succeeded';
}

type Cells = Readonly<Record<string, string | number | null>>;

const ACTOR = { role: 'charge', operator: 'bench', system_user: 'bench', host: 'bench', pid: 1 };

/** In the order of time, so that ids sort as they would. */
export async function fillLedger(url: string, rows: Iterable<FilledRow>, prefix = 'order'): Promise<number> {
  const sink = url.startsWith('sqlite:') ? sqliteSink(url.slice('sqlite:'.length)) : await postgresSink(url);
  let count = 0;
  let batch: FilledRow[] = [];
  const flush = async (): Promise<void> => {
    const made = batch.map((row, index) => cellsOf(row, `${prefix}-${count - batch.length + index}`));
    await sink.insert('transactions', made.map(({ transaction }) => transaction));
    await sink.insert('audit_events', made.flatMap(({ entries }) => entries));
    batch = [];
  };
  for (const row of rows) {
    batch.push(row);
    count += 1;
    if (batch.length === BATCH) await flush();
  }
  if (batch.length > 0) await flush();
  await sink.close();
  return count;
}

const BATCH = 2_000;

function cellsOf(row: FilledRow, key: string): { readonly transaction: Cells; readonly entries: readonly Cells[] } {
  const request: ChargeRequest = {
    ...{ key, reference: null, amount: 4999, currency: 'usd', customer: `cus_${key}`, paymentMethod: 'pm_card_visa', methodTypes: ['card'] },
    ...{ email: `${key}@example.com`, description: null, metadata: {} },
  };
  const at = row.createdAt;
  const id = newId('txn', at);
  const sent = requestText(request);
  const settled = row.status === 'succeeded';
  const steps: UnsealedEntry[] = [
    entry(id, 1, at, 'opened', null, 'pending', 'create_sent', { request_sha256: sha256(sent) }),
    entry(id, 2, at, 'confirm_sent', 'create_sent', 'pending', 'confirm_sent', { asked: 'confirm', payment_intent: row.paymentIntent }),
    ...(settled ? [entry(id, 3, at, 'settled', 'confirm_sent', 'succeeded', 'settled', { asked: 'confirm', payment_intent: row.paymentIntent })] : []),
  ];
  let hash = '';
  const entries = steps.map((step) => {
    hash = entryHash(hash, step);
    return {
      ...{ transaction_id: id, seq: step.seq, at, actor: canonicalJson(step.actor), action: step.action, from_status: step.from?.status ?? null, from_step: step.from?.step ?? null },
      ...{ to_status: step.to.status, to_step: step.to.step, detail: canonicalJson(step.detail), request_id: step.requestId, hash },
    };
  });
  const transaction = {
    ...{ id, key, fingerprint: fingerprint(request), reference: null, amount: request.amount, currency: request.currency, customer: request.customer },
    ...{ payment_method: request.paymentMethod, method_types: JSON.stringify(request.methodTypes), email: request.email, description: null, metadata: '{}', sent_params: sent },
    ...{ status: row.status, step: settled ? 'settled' : 'confirm_sent', payment_intent: row.paymentIntent, stripe_status: settled ? 'succeeded' : 'requires_confirmation' },
    ...{ create_sent_at: at, confirm_sent_at: at, next_attempt_at: settled ? null : at, version: steps.length, audit_hash: hash },
    ...{ created_at: at, updated_at: at, settled_at: settled ? at : null },
  };
  return { transaction, entries };
}

function entry(id: string, seq: number, at: number, action: UnsealedEntry['action'], from: 'create_sent' | 'confirm_sent' | null, ...to: readonly ['pending' | 'succeeded', 'create_sent' | 'confirm_sent' | 'settled', UnsealedEntry['detail']]): UnsealedEntry {
  const [status, step, detail] = to;
  return { transactionId: id, seq, at, actor: ACTOR, action, from: from === null ? null : { status: 'pending', step: from }, to: { status, step }, detail, requestId: null };
}

interface Sink {
  insert(table: string, rows: readonly Cells[]): Promise<void>;
  close(): Promise<void>;
}

function sqliteSink(path: string): Sink {
  const database = new Sqlite(path);
  database.exec('pragma journal_mode = wal; pragma synchronous = off');
  return {
    insert(table, rows) {
      const columns = Object.keys(rows[0] ?? {});
      database.prepare(`insert into ${table} (${columns.join(', ')}) select ${columns.map((column) => `value->>'${column}'`).join(', ')} from json_each(?)`).run(JSON.stringify(rows));
      return Promise.resolve();
    },
    close() {
      database.exec('pragma wal_checkpoint(truncate); analyze');
      database.close();
      return Promise.resolve();
    },
  };
}

async function postgresSink(url: string): Promise<Sink> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    async insert(table, rows) {
      const columns = Object.keys(rows[0] ?? {}).join(', ');
      await client.query(`insert into ${table} (${columns}) select ${columns} from jsonb_populate_recordset(null::${table}, $1::jsonb)`, [JSON.stringify(rows)]);
    },
    async close() {
      await client.query('analyze transactions; analyze audit_events');
      await client.end();
    },
  };
}

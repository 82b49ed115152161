import type { ChargeRequest } from '../src/domain/transaction.ts';
import { fingerprint } from '../src/domain/request/fingerprint.ts';
import {
  canonicalJson,
  entryHash,
  sha256,
  type UnsealedEntry,
} from '../src/storage/ledger/audit-chain.ts';
import { newId, notificationId } from '../src/storage/identifiers.ts';
import { requestText } from '../src/storage/columns.ts';
import { openSink, type Cells } from './ledger-sink.ts';

/*
 * Many transactions at once, each with the audit trail that the product would have written: past the product, because a
 * hundred thousand charges would take longer than what is measured with them.
 */

export interface FilledRow {
  /** Where Stripe's payment intent must bear it (`transactionIdOf`); otherwise a new one. */
  readonly id?: string;
  readonly paymentIntent: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly status: 'pending' | 'succeeded' | 'failed';
  /** One of its own, where nothing is said. */
  readonly customer?: string;
  readonly reference?: string;
}

const ID_DIGITS = 26;

/** What the metadata of the nth seeded payment intent names: without it the intent would not be the row's own. */
export function transactionIdOf(n: number): string {
  return `txn_${String(n).padStart(ID_DIGITS, '0')}`;
}

export const SEEDED_METADATA = { payrecon_transaction: `txn_{n:${String(ID_DIGITS)}}` };

const ACTOR = { role: 'charge', operator: 'bench', system_user: 'bench', host: 'bench', pid: 1 };

/** In the order of time, so that ids sort as they would. */
export async function fillLedger(
  url: string,
  rows: Iterable<FilledRow>,
  prefix = 'order',
): Promise<number> {
  const sink = await openSink(url);
  let count = 0;
  let batch: FilledRow[] = [];
  // One batch is written while the next one is made.
  let written: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    const made = batch.map((row, index) =>
      cellsOf(row, `${prefix}-${count - batch.length + index}`),
    );
    batch = [];
    await written;
    written = sink.insert([
      ['transactions', made.map(({ transaction }) => transaction)],
      ['audit_events', made.flatMap(({ entries }) => entries)],
    ]);
  };
  for (const row of rows) {
    batch.push(row);
    count += 1;
    if (batch.length === BATCH) await flush();
  }
  if (batch.length > 0) await flush();
  await written;
  await sink.close();
  return count;
}

/** The e-mail that told the customer. */
export function emailOf({ id, status, version, email, created_at: at }: Cells): readonly Cells[] {
  if (status === 'pending') return [];
  const kind = `customer_${String(status)}`;
  return [
    {
      id: notificationId(String(id), kind, Number(version), 0),
      transaction_id: id ?? null,
      kind,
      version: version ?? null,
      recipient: email ?? null,
      state: 'sent',
      attempts: 1,
      created_at: at ?? null,
      sent_at: at ?? null,
      data: '{"amount":4999,"currency":"usd"}',
    },
  ];
}

const BATCH = 2_000;

export function cellsOf(
  row: FilledRow,
  key: string,
): { readonly transaction: Cells; readonly entries: readonly Cells[] } {
  const request: ChargeRequest = {
    key,
    reference: row.reference ?? null,
    amount: 4999,
    currency: 'usd',
    customer: row.customer ?? `cus_${key}`,
    paymentMethod: 'pm_card_visa',
    methodTypes: ['card'],
    email: `${key}@example.com`,
    description: null,
    metadata: {},
    onSession: false,
  };
  const at = row.createdAt;
  const id = row.id ?? newId('txn', at);
  const sent = requestText(request);
  const settled = row.status !== 'pending';
  const print = fingerprint(request);
  const trail = [
    {
      action: 'opened',
      from: null,
      to: { status: 'pending', step: 'create_sent' },
      detail: { fingerprint: print, request_sha256: sha256(sent) },
    },
    {
      action: 'confirm_sent',
      from: 'create_sent',
      to: { status: 'pending', step: 'confirm_sent' },
      detail: { asked: 'confirm', payment_intent: row.paymentIntent },
    },
    ...(settled
      ? [
          {
            action: 'settled',
            from: 'confirm_sent',
            to: { status: row.status, step: 'settled' },
            detail: { asked: 'confirm', payment_intent: row.paymentIntent },
          } as const,
        ]
      : []),
  ] as const;
  const steps = trail.map(({ from, ...step }, index): UnsealedEntry => ({
    transactionId: id,
    seq: index + 1,
    at,
    actor: ACTOR,
    ...step,
    from: from === null ? null : { status: 'pending', step: from },
    requestId: null,
    changes: null,
  }));
  let hash = '';
  const entries = steps.map((step) => {
    hash = entryHash(hash, step);
    return {
      transaction_id: id,
      seq: step.seq,
      at,
      actor: canonicalJson(step.actor),
      action: step.action,
      from_status: step.from?.status ?? null,
      from_step: step.from?.step ?? null,
      to_status: step.to.status,
      to_step: step.to.step,
      detail: canonicalJson(step.detail),
      request_id: step.requestId,
      hash,
    };
  });
  const statusAtStripe = row.status === 'failed' ? 'canceled' : 'succeeded';
  const transaction = {
    id,
    key,
    fingerprint: print,
    reference: request.reference,
    amount: request.amount,
    currency: request.currency,
    customer: request.customer,
    payment_method: request.paymentMethod,
    method_types: JSON.stringify(request.methodTypes),
    email: request.email,
    description: null,
    metadata: '{}',
    sent_params: sent,
    status: row.status,
    step: settled ? 'settled' : 'confirm_sent',
    payment_intent: row.paymentIntent,
    stripe_status: settled ? statusAtStripe : 'requires_confirmation',
    create_sent_at: at,
    confirm_sent_at: at,
    next_attempt_at: settled ? null : at,
    version: steps.length,
    audit_hash: hash,
    created_at: at,
    updated_at: at,
    settled_at: settled ? at : null,
  };
  return { transaction, entries };
}

import * as z from 'zod';

/*
 * What the command line prints with --json, written down a second time from its contract: a key that is
 * missing, renamed or new fails every test that reads a document.
 */

const instant = z.iso.datetime();
const status = z.enum(['pending', 'succeeded', 'failed', 'canceled', 'stuck']);
const step = z.enum([
  'recorded',
  'create_sent',
  'created',
  'confirm_sent',
  'cancel_sent',
  'settled',
]);
const json = z.record(z.string(), z.json());

const review = z.strictObject({
  reason: z.string(),
  message: z.string(),
  at: instant,
  evidence: json,
  resolution: z
    .strictObject({ as: z.string(), reason: z.string(), operator: z.string(), at: instant })
    .nullable(),
});

export const transactionDocument = z.strictObject({
  id: z.string().regex(/^txn_[0-9A-Z]{26}$/),
  key: z.string(),
  attempt: z.int().min(1),
  reference: z.string().nullable(),
  status,
  step,
  amount: z.int(),
  currency: z.string().length(3),
  amount_decimal: z.string(),
  amount_received: z.int().nullable(),
  currency_received: z.string().length(3).nullable(),
  customer: z.string().nullable(),
  payment_method: z.string(),
  email: z.string().nullable(),
  description: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  payment_intent: z.string().nullable(),
  stripe_status: z.string().nullable(),
  failure_kind: z.enum(['declined', 'authentication', 'request']).nullable(),
  failure_code: z.string().nullable(),
  failure_message: z.string().nullable(),
  canceled_by: z.enum(['fence', 'person', 'stripe']).nullable(),
  attempts: z.int(),
  overdue: z.boolean(),
  expected_by: instant.nullable(),
  next_attempt_at: instant.nullable(),
  created_at: instant,
  updated_at: instant,
  settled_at: instant.nullable(),
  review: review.nullable(),
});

const place = z.strictObject({ status, step });

const auditEntry = z.strictObject({
  seq: z.int(),
  at: instant,
  actor: json,
  action: z.string(),
  from: place.nullable(),
  to: place,
  detail: json,
  request_id: z.string().nullable(),
  hash: z.string().length(64),
});

const notification = z.strictObject({
  id: z.string(),
  kind: z.string(),
  to: z.string().nullable(),
  state: z.enum(['queued', 'sending', 'sent', 'failed']),
  attempts: z.int(),
  sent_at: instant.nullable(),
});

export const shownDocument = transactionDocument.extend({
  audit: z.array(auditEntry),
  notifications: z.array(notification),
});

export type Shown = z.infer<typeof shownDocument>;

export const pageDocument = z.strictObject({
  data: z.array(transactionDocument),
  has_more: z.boolean(),
  next_cursor: z.string().nullable(),
});

export const passDocument = z.strictObject({
  pass: z.string().nullable(),
  started_at: instant,
  due: z.int(),
  too_young: z.int(),
  not_sent: z.int(),
  settled: z.strictObject({ succeeded: z.int(), failed: z.int(), canceled: z.int() }),
  pending: z.int(),
  stuck: z.int(),
  stripe_calls: z.strictObject({ list: z.int(), retrieve: z.int(), other: z.int() }),
  outage: z.boolean(),
  stopped_by: z.string().nullable(),
  duration_ms: z.int(),
});

export const verificationDocument = z.strictObject({
  transactions: z.int(),
  entries: z.int(),
  partly_covered: z.int(),
  first_bad: z
    .strictObject({
      table: z.string(),
      id: z.string().nullable(),
      transaction_id: z.string().nullable(),
      seq: z.int().nullable(),
      problem: z.string(),
    })
    .nullable(),
});

/** Of another payment a refusal shows what finds it, and nothing about its customer. */
const refusedDocument = z.strictObject({
  id: z.string(),
  key: z.string(),
  reference: z.string().nullable(),
  status: z.string(),
  amount: z.number(),
  currency: z.string(),
  amount_decimal: z.string().nullable(),
  payment_intent: z.string().nullable(),
  created_at: z.string(),
  settled_at: z.string().nullable(),
});

export const errorDocument = z.strictObject({
  error: z.strictObject({
    code: z.string(),
    message: z.string(),
    fields: z.array(z.string()),
    transaction: z.union([refusedDocument, transactionDocument]).optional(),
  }),
  notices: z.array(z.string().min(1)).optional(),
});

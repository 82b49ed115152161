import type { Evidence, LedgerRow, QueuedMail, TrailEntry } from './evidence.ts';

/*
 * Which e-mail has to be there for which entry of the audit trail, and what its sentences say, held against the books
 * of the local Stripe. Written from what people are promised, and not from how payrecon chooses.
 */

type Intent = Evidence['intents'][number];

/** Letters about one entry: one of `one` and no other; none where it is empty. */
interface Due {
  readonly one: readonly string[];
  /** Nothing is wrong without one, either. */
  readonly optional: boolean;
}

const NONE: Due = { one: [], optional: false };
const CUSTOMER = ['customer_failed', 'customer_authentication', 'customer_canceled'];
const AUTHENTICATION: ReadonlySet<unknown> = new Set([
  'authentication_required',
  'payment_intent_authentication_failure',
]);

/** Those that are missing, and those that tell of what did not happen; each letter once for an entry. */
export function lettersOfTrail({ rows, trail, trailOf, mails }: Evidence): readonly string[] {
  const addressed = new Set(rows.flatMap((row) => (row.email === null ? [] : [row.id])));
  const queued = new Map<string, string[]>();
  for (const { resend, kind, transactionId, version } of mails) {
    if (resend !== 0 || !/^(customer_|operator_stuck)/.test(kind)) continue;
    const entry = `${transactionId ?? ''} ${String(version)}`;
    queued.set(entry, [...(queued.get(entry) ?? []), kind]);
  }
  const wrong = trail.flatMap((entry) => {
    const name = `${entry.transactionId} ${String(entry.seq)}`;
    const told = queued.get(name) ?? [];
    queued.delete(name);
    const { one, optional } = dueAt(entry, trailOf.get(entry.transactionId) ?? [], addressed);
    const untrue = told
      .filter((kind) => !one.includes(kind))
      .map((kind) => `${name} ${kind} tells of what did not happen`);
    const twice = told.length > 1 ? [`${name} is told by ${told.join(' and ')}`] : [];
    const missing =
      told.length === 0 && one.length > 0 && !optional
        ? [`${name} ${one.join(' or ')} was never queued`]
        : [];
    return [...untrue, ...twice, ...missing];
  });
  return [
    ...wrong,
    ...[...queued].map(([name, kinds]) => `${name} ${kinds.join()} tells of what did not happen`),
  ];
}

/** The kinds of letter of which the customer has to have one about how the payment ended; none while it has not, or where none is due. */
export function customerLettersOf({ trailOf }: Evidence, row: LedgerRow): readonly string[] {
  const own = trailOf.get(row.id) ?? [];
  const ended = own.findLast(({ fromStatus, toStatus }) => fromStatus !== toStatus);
  if (row.email === null || ended?.toStatus !== row.status) return [];
  const { one, optional } = dueAt(ended, own, new Set([row.id]));
  return optional ? [] : one.filter((kind) => kind.startsWith('customer_'));
}

function dueAt(entry: TrailEntry, own: readonly TrailEntry[], addressed: ReadonlySet<string>): Due {
  // What is stuck may become a second question, e.g. when another amount shows up.
  const changed = entry.fromStatus !== entry.toStatus || entry.action === 'marked_stuck';
  if (entry.fromStatus === null || !changed || entry.toStatus === 'pending') return NONE;
  if (entry.toStatus === 'stuck') return { one: ['operator_stuck'], optional: false };
  return addressed.has(entry.transactionId) ? dueToCustomer(entry, own) : NONE;
}

/** A customer hears of what happened at the bank, and of an end after money may have moved. */
function dueToCustomer(entry: TrailEntry, own: readonly TrailEntry[]): Due {
  const corrected = entry.action === 'truth_corrected';
  const canceled: Due =
    confirmWasSent(entry, own) || corrected
      ? { one: ['customer_canceled'], optional: false }
      : NONE;
  switch (entry.toStatus) {
    case 'succeeded':
      return { one: ['customer_succeeded'], optional: false };
    case 'canceled':
      return canceled;
    default:
      // A person may say that it failed, whatever is known of the reason.
      if (entry.action === 'resolved')
        return { one: CUSTOMER, optional: !confirmWasSent(entry, own) };
      return dueToFailure(entry, own) ?? canceled;
  }
}

/** Null where no bank was asked. */
function dueToFailure(entry: TrailEntry, own: readonly TrailEntry[]): Due | null {
  const seen = sinceLastAttempt(entry, own).flatMap(({ detail }) =>
    isObject(detail['last_error']) ? [detail['last_error']] : [],
  );
  const error = seen.at(-1);
  if (error !== undefined) {
    const authentication =
      AUTHENTICATION.has(error['code']) || AUTHENTICATION.has(error['decline_code']);
    return {
      one: [authentication ? 'customer_authentication' : 'customer_failed'],
      optional: false,
    };
  }
  if (!confirmWasSent(entry, own)) return null;
  // Our own mistake is the operator's; whether it was one is held against the books elsewhere (invariant 12).
  const kind = sinceLastAttempt(entry, own).findLast(
    ({ failureKind }) => failureKind !== null,
  )?.failureKind;
  return kind === 'request' ? NONE : { one: CUSTOMER, optional: false };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** One that Stripe has provably not carried out is as if it had not been sent: the step goes back. */
function confirmWasSent(entry: TrailEntry, own: readonly TrailEntry[]): boolean {
  const last = sinceLastAttempt(entry, own).findLast(
    ({ action, toStep }) =>
      action === 'confirm_sent' || (action === 'not_sent' && toStep === 'created'),
  );
  return last?.action === 'confirm_sent';
}

/** The entries of the same attempt, up to this one. */
function sinceLastAttempt(entry: TrailEntry, own: readonly TrailEntry[]): readonly TrailEntry[] {
  const until = own.filter(({ seq }) => seq <= entry.seq);
  return until.slice(
    Math.max(
      0,
      until.findLastIndex(({ action }) => action === 'new_attempt'),
    ),
  );
}

/** What each template says, as a question to the books; looked at when Stripe has told everything. */
const SENTENCES: Readonly<Record<string, (mail: QueuedMail, books: BooksOf) => string | null>> = {
  customer_succeeded: ({ data }, { paid }) => {
    if (data['amount_received'] === null && data['review_reason'] === 'resolved_by_hand')
      return null;
    const same = paid.some(
      (intent) =>
        intent.amount_received === data['amount_received'] &&
        intent.currency === data['currency_received'],
    );
    return same
      ? null
      : `says ${String(data['amount_received'])} ${String(data['currency_received'])} was received`;
  },
  customer_failed: (_mail, { refused, notCharged }) =>
    refused.length === 0 ? 'blames a bank, and none refused it' : notCharged,
  customer_authentication: (_mail, { intents, paid, notCharged }) => {
    const asked = intents.some(
      ({ last_payment_error: error }) =>
        error !== null &&
        (AUTHENTICATION.has(error.code) || AUTHENTICATION.has(error.decline_code)),
    );
    return asked || paid.length > 0
      ? notCharged
      : 'says that the bank asks for a confirmation, and it did not';
  },
  customer_canceled: (_mail, { notCharged }) => notCharged,
};

interface BooksOf {
  readonly intents: readonly Intent[];
  readonly paid: readonly Intent[];
  /** Charges that a bank refused. */
  readonly refused: Evidence['charges'];
  /** What is wrong with "You have not been charged"; null where it is true. */
  readonly notCharged: string | null;
}

/** Every sentence of every letter is true of what the books show, or a later letter says so. */
export function untrueSentences(evidence: Evidence): readonly string[] {
  return evidence.mails.flatMap((mail) => {
    const sentence = SENTENCES[mail.kind];
    const row = evidence.rows.find(({ id }) => id === mail.transactionId);
    if (sentence === undefined || row === undefined || mail.resend !== 0) return [];
    const wrong = sentence(mail, booksOf(evidence, row, mail));
    return wrong === null ? [] : [`${mail.id} (${mail.kind}, ${row.key}) ${wrong}`];
  });
}

function booksOf(evidence: Evidence, row: LedgerRow, mail: QueuedMail): BooksOf {
  const intents = evidence.intentsOf.get(row.id) ?? [];
  const ids = new Set(intents.map(({ id }) => id));
  const paid = intents.filter(({ status }) => status === 'succeeded');
  const refused = evidence.charges.filter(
    ({ status, payment_intent: id }) => status === 'failed' && ids.has(id),
  );
  const corrected = evidence.mails.some(
    (other) =>
      other.transactionId === row.id &&
      other.kind === 'customer_succeeded' &&
      other.version > mail.version,
  );
  // A mismatch that no person has decided about yet is a question, and the customer hears of the answer.
  const open = row.status === 'stuck';
  return {
    intents,
    paid,
    refused,
    notCharged:
      paid.length === 0 || corrected || open
        ? null
        : `says that nothing was charged, and ${paid.map(({ id }) => id).join()} succeeded`,
  };
}

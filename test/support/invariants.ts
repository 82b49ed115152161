import { expect } from 'vitest';
import { gatherEvidence, type Evidence, type EvidenceSource, type LedgerRow } from './evidence.ts';

/*
 * What must hold whatever has gone wrong: each rule compares the books of the local Stripe and SendGrid with the
 * ledger and answers what is wrong. The rules have tests of their own: one that cannot fail proves nothing.
 */

export interface Expectations {
  /** Stripe and the mail service have answered, at most two passes were made and nothing is running: everything is settled and sent. */
  readonly atRest: boolean;
  /** Keys and passwords, which must appear nowhere. */
  readonly secrets?: readonly string[];
  /** False where nobody can send e-mails: they stay queued. */
  readonly mailWorks?: boolean;
  /** Answers of the mail service that a process did not live to record; its books show none of them as lost. */
  readonly mailAnswersUnseen?: number;
  /** The database's clock: a lease that ran out on a settled row is held by nobody, and nobody needs to take it over. */
  readonly now?: number;
}

type Rule = (evidence: Evidence, expectations: Expectations) => readonly string[];
type Intent = Evidence['intents'][number];

const FINAL: ReadonlySet<string> = new Set(['succeeded', 'failed', 'canceled']);
/** At Stripe nothing follows on these. */
const TERMINAL: ReadonlySet<string> = new Set(['succeeded', 'canceled']);
/** Open for days without anything being wrong. */
const WAITING: ReadonlySet<string> = new Set(['processing', 'requires_action']);

/** All violations of all rules, each with the number of its rule; empty when everything holds. */
export async function violations(source: EvidenceSource, expectations: Expectations): Promise<readonly string[]> {
  return judge(await gatherEvidence(source), expectations);
}

export async function expectInvariants(source: EvidenceSource, expectations: Expectations): Promise<void> {
  expect(await violations(source, expectations)).toEqual([]);
}

export function judge(evidence: Evidence, expectations: Expectations): readonly string[] {
  return Object.entries(RULES).flatMap(([name, rule]) => rule(evidence, expectations).map((violation) => `${name}: ${violation}`));
}

const RULES: Readonly<Record<string, Rule>> = {
  '1 one payment a key and reference': onePaymentEach,
  '2 every payment is recorded': everyPaymentRecorded,
  '2 the ledger says what the books say': ledgerAgrees,
  '3 no success without a payment': noSuccessAlone,
  '4 what is settled stays settled': settledStays,
  '5 the audit trail is whole': trailWhole,
  '6 every e-mail, with one identity': mailsRight,
  '7 nothing is sent with other parameters': sentAsAsked,
  '7 one idempotency key a call': oneKeyACall,
  '8 nothing is held after the drain': nothingHeld,
  '9 the database is sound': ({ damage }) => damage,
  '10 no secret, no address where it is not the subject': nothingLeaked,
};

function intentsOf(evidence: Evidence, row: LedgerRow): readonly Intent[] {
  return evidence.intentsOf.get(row.id) ?? [];
}

function succeededOf(evidence: Evidence, row: LedgerRow): readonly Intent[] {
  return intentsOf(evidence, row).filter((intent) => intent.status === 'succeeded');
}

function named(row: LedgerRow): string {
  return `${row.key} (${row.id}, ${row.status})`;
}

function onePaymentEach(evidence: Evidence): readonly string[] {
  const paid = new Map<string, string[]>();
  for (const row of evidence.rows) {
    const ids = succeededOf(evidence, row).map((intent) => intent.id);
    for (const name of [`key ${row.key}`, ...(row.reference === null ? [] : [`reference ${row.reference}`])]) paid.set(name, [...(paid.get(name) ?? []), ...ids]);
  }
  return [...paid].filter(([, ids]) => ids.length > 1).map(([name, ids]) => `${name} was charged ${ids.length} times: ${ids.join(', ')}`);
}

function everyPaymentRecorded(evidence: Evidence, { atRest }: Expectations): readonly string[] {
  const rows = new Map(evidence.rows.map((row) => [row.id, row]));
  return evidence.intents.flatMap((intent) => {
    if (intent.status !== 'succeeded') return [];
    const row = rows.get(intent.metadata['payrecon_transaction'] ?? '');
    if (row === undefined) return [`${intent.id} succeeded, and no row is about it`];
    const same = intent.amount === row.amount && intent.currency === row.currency;
    if (!same && row.status === 'succeeded' && row.review?.byHand !== true) return [`${intent.id} took ${intent.amount} ${intent.currency}, ${named(row)} says ${row.amount} ${row.currency}`];
    if (!atRest || (!same && row.status === 'stuck')) return [];
    const recorded = row.status === 'succeeded' && row.paymentIntent === intent.id;
    return recorded ? [] : [`${intent.id} succeeded, and ${named(row)} with ${row.paymentIntent ?? 'no id'} does not say so`];
  });
}

/** What a row must say once Stripe has told everything. */
function outcomeAtStripe(evidence: Evidence, row: LedgerRow): readonly string[] {
  const intents = intentsOf(evidence, row);
  if (intents.some((intent) => intent.status === 'succeeded')) return ['succeeded'];
  if (intents.some((intent) => WAITING.has(intent.status))) return ['pending'];
  const ids = new Set(intents.map((intent) => intent.id));
  // An authentication that failed is a decline without a charge.
  const declined = evidence.charges.some((charge) => charge.status === 'failed' && ids.has(charge.payment_intent)) || intents.some((intent) => intent.last_payment_error !== null);
  if (declined) return ['failed'];
  // A request that Stripe refused before it made anything has failed; one that it never saw is canceled.
  return intents.length === 0 ? ['canceled', 'failed'] : ['canceled'];
}

function ledgerAgrees(evidence: Evidence, { atRest }: Expectations): readonly string[] {
  if (!atRest) return [];
  return evidence.rows.flatMap((row) => {
    if (row.review?.byHand === true || row.review?.reason === 'amount_mismatch') return [];
    const allowed = outcomeAtStripe(evidence, row);
    return allowed.includes(row.status) ? [] : [`${named(row)} should be ${allowed.join(' or ')}: ${intentsOf(evidence, row).map((intent) => `${intent.id} is ${intent.status}`).join(', ')}`];
  });
}

function noSuccessAlone(evidence: Evidence): readonly string[] {
  return evidence.rows.flatMap((row) => {
    if (row.status !== 'succeeded' || row.review?.byHand === true) return [];
    const paid = succeededOf(evidence, row).some((intent) => intent.id === row.paymentIntent);
    return paid ? [] : [`${named(row)} says ${row.paymentIntent ?? 'no id'}, which did not succeed`];
  });
}

function settledStays(evidence: Evidence): readonly string[] {
  const open = evidence.rows.flatMap((row) => {
    if (!FINAL.has(row.status) || row.review?.byHand === true) return [];
    const alive = intentsOf(evidence, row).filter((intent) => !TERMINAL.has(intent.status) || (intent.status === 'succeeded' && row.status !== 'succeeded'));
    return alive.map((intent) => `${named(row)} is settled, but ${intent.id} is ${intent.status}`);
  });
  const changed = [...evidence.trailOf.values()].flatMap((entries) => {
    const last = entries.findIndex((entry) => FINAL.has(entry.toStatus) && entry.toStep === 'settled' && TERMINAL.has(String(entry.detail['stripe_status'])));
    return last === -1 ? [] : entries.slice(last + 1).filter((entry) => entry.toStatus !== entries[last]?.toStatus);
  });
  return [...open, ...changed.map((entry) => `${entry.transactionId} was final at Stripe, and entry ${entry.seq} (${entry.action}) made it ${entry.toStatus}`)];
}

function trailWhole({ rows, trail, trailOf, audit }: Evidence): readonly string[] {
  const bad = audit.firstBad === null ? [] : [`${audit.firstBad.transactionId} entry ${audit.firstBad.seq}: ${audit.firstBad.problem}`];
  const counted = audit.firstBad === null && audit.entries !== trail.length ? [`${audit.entries} entries were verified of ${trail.length}`] : [];
  const gaps = rows.flatMap((row) => {
    const own = trailOf.get(row.id) ?? [];
    const whole = own.length === row.version && own.every((entry, index) => entry.seq === index + 1 && entry.fromStatus === (own[index - 1]?.toStatus ?? null));
    const ends = own.at(-1)?.toStatus === row.status && own.at(-1)?.toStep === row.step;
    return whole && ends ? [] : [`${named(row)} is at version ${row.version} and has the entries ${own.map((entry) => `${entry.seq} ${entry.toStatus}`).join(', ')}`];
  });
  return [...bad, ...counted, ...gaps];
}

function mailsRight(evidence: Evidence, { atRest, mailWorks = true, mailAnswersUnseen = 0 }: Expectations): readonly string[] {
  const { mails, trail, delivered, requests } = evidence;
  const addressed = new Set(evidence.rows.flatMap((row) => (row.email === null ? [] : [row.id])));
  const amounts = new Map(evidence.rows.map((row) => [row.id, row.amount]));
  const due = trail.flatMap((entry) => {
    // What is stuck may become a second question, e.g. when another amount shows up.
    const changed = entry.fromStatus !== entry.toStatus || entry.action === 'marked_stuck';
    if (entry.fromStatus === null || !changed || entry.toStatus === 'pending') return [];
    // The e-mail would name an amount that was not charged: whoever accepted the other one writes to the customer.
    const seen = entry.detail['amount'] ?? amounts.get(entry.transactionId);
    if (entry.action === 'resolved' && entry.toStatus === 'succeeded' && seen !== amounts.get(entry.transactionId)) return [];
    const kind = entry.toStatus === 'stuck' ? 'operator_stuck' : `customer_${entry.toStatus}`;
    return kind.startsWith('customer_') && !addressed.has(entry.transactionId) ? [] : [`${entry.transactionId} ${kind} ${entry.seq}`];
  });
  const queued = mails.filter((mail) => mail.resend === 0 && /^(customer_|operator_stuck)/.test(mail.kind)).map((mail) => `${mail.transactionId ?? ''} ${mail.kind} ${mail.version}`);
  const told = new Set(queued);
  const happened = new Set(due);
  const missing = due.filter((each) => !told.has(each)).map((each) => `${each} was never queued`);
  const untrue = queued.filter((each) => !happened.has(each)).map((each) => `${each} tells of what did not happen`);
  const unsent = mails.filter((mail) => atRest && mailWorks && mail.state !== 'sent').map((mail) => `${mail.id} (${mail.kind}) is still ${mail.state}`);
  const copies = new Map<string, number>();
  for (const { body } of delivered) {
    const id = String((body as { custom_args?: Record<string, unknown> }).custom_args?.['payrecon_notification']);
    copies.set(id, (copies.get(id) ?? 0) + 1);
  }
  const known = new Set(mails.map((mail) => mail.id));
  const strange = [...copies.keys()].filter((id) => !known.has(id)).map((id) => `an e-mail with the identity ${id} was sent, which the outbox does not know`);
  const lost = mails.filter((mail) => mail.state === 'sent' && !copies.has(mail.id)).map((mail) => `${mail.id} (${mail.kind}) says sent, and was not`);
  const repeated = [...copies.values()].reduce((sum, count) => sum + count - 1, 0);
  const answersLost = requests.filter((request) => request.endpoint === 'mail.send' && request.executed && request.fault !== null).length + mailAnswersUnseen;
  const tooMany = repeated > answersLost ? [`${repeated} copies of e-mails, and only ${answersLost} answers of the mail service were lost`] : [];
  return [...missing, ...untrue, ...unsent, ...strange, ...lost, ...tooMany];
}

function sentAsAsked(evidence: Evidence): readonly string[] {
  return evidence.rows.flatMap((row) => {
    if (row.review?.reason === 'amount_mismatch' || row.review?.byHand === true) return [];
    const other = intentsOf(evidence, row).filter((intent) => intent.amount !== row.amount || intent.currency !== row.currency);
    return other.map((intent) => `${intent.id} is about ${intent.amount} ${intent.currency}, ${named(row)} about ${row.amount} ${row.currency}`);
  });
}

/** What is asked twice of Stripe must be recognisable as the same: a second key would charge a second time. */
function oneKeyACall({ requests }: Evidence): readonly string[] {
  const keys = new Map<string, Set<string | null>>();
  for (const { endpoint, path, idempotency_key: key } of requests) {
    if (endpoint === 'payment_intents.confirm' || (endpoint === 'payment_intents.create' && key === null)) keys.set(path, (keys.get(path) ?? new Set()).add(key));
  }
  return [...keys].filter(([, used]) => used.size > 1 || used.has(null)).map(([path, used]) => `${path} was asked under the keys ${[...used].join(', ')}`);
}

function nothingHeld({ rows, mails }: Evidence, { atRest, now = 0 }: Expectations): readonly string[] {
  if (!atRest) return [];
  const leased = rows.filter((row) => row.leaseToken !== null && !(FINAL.has(row.status) && (row.leaseExpiresAt ?? now) < now)).map((row) => `${named(row)} is still leased`);
  return [...leased, ...mails.filter((mail) => mail.claimToken !== null).map((mail) => `${mail.id} is still claimed`)];
}

/** Where an address is the subject: what was asked for, and whom an e-mail is for. */
const ABOUT_ADDRESSES: ReadonlySet<string> = new Set(['transactions.email', 'transactions.sent_params', 'notifications.recipient']);

function nothingLeaked({ texts, rows }: Evidence, { secrets = [] }: Expectations): readonly string[] {
  const addresses = [...new Set(rows.flatMap((row) => (row.email === null ? [] : [row.email])))];
  return texts.flatMap(({ where, text }) => {
    const found = [...secrets, ...(ABOUT_ADDRESSES.has(where) ? [] : addresses)].filter((each) => text.includes(each));
    return found.length === 0 ? [] : [`${where} holds a secret or an address: ${text.slice(0, 80)}`];
  });
}

import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import {
  gatherEvidence,
  type Evidence,
  type EvidenceSource,
  type LedgerRow,
  type TrailEntry,
} from './evidence.ts';
import { lettersOfTrail, untrueSentences } from './letters.ts';

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
  /** How many ledgers of one namespace a person has allowed on the account. */
  readonly ledgers?: number;
}

type Rule = (evidence: Evidence, expectations: Expectations) => readonly string[];
type Intent = Evidence['intents'][number];

const FINAL: ReadonlySet<string> = new Set(['succeeded', 'failed', 'canceled']);
/** At Stripe nothing follows on these. */
const TERMINAL: ReadonlySet<string> = new Set(['succeeded', 'canceled']);
/** Open for days without anything being wrong. */
const WAITING: ReadonlySet<string> = new Set(['processing', 'requires_action']);

/** All violations of all rules, each with the number of its rule; empty when everything holds. */
export async function violations(
  source: EvidenceSource,
  expectations: Expectations,
): Promise<readonly string[]> {
  return judge(await gatherEvidence(source), expectations);
}

export async function expectInvariants(
  source: EvidenceSource,
  expectations: Expectations,
): Promise<void> {
  expect(await violations(source, expectations)).toEqual([]);
}

export function judge(evidence: Evidence, expectations: Expectations): readonly string[] {
  return Object.entries(RULES).flatMap(([name, rule]) =>
    rule(evidence, expectations).map((violation) => `${name}: ${violation}`),
  );
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
  '12 no bank is blamed for our own mistakes': blamesRightly,
  '13 what is shown is what Stripe received': receivedShown,
  '14 nothing of another account, mode or ledger': onlyOurs,
  '15 every sentence of every letter is true': (evidence, { atRest }) =>
    atRest ? untrueSentences(evidence) : [],
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

function onePaymentEach(evidence: Evidence, { atRest }: Expectations): readonly string[] {
  const paid = new Map<string, Set<string>>();
  const alive = new Map<string, Set<string>>();
  const add = (
    groups: Map<string, Set<string>>,
    name: string,
    id: string,
  ): Map<string, Set<string>> => groups.set(name, (groups.get(name) ?? new Set()).add(id));
  for (const intent of evidence.intents) {
    const name = keyOfIntent(evidence, intent);
    if (name === null || intent.status === 'canceled') continue;
    add(alive, name, intent.id);
    if (intent.status === 'succeeded') add(paid, name, intent.id);
  }
  for (const row of evidence.rows) {
    if (row.reference === null) continue;
    for (const intent of succeededOf(evidence, row))
      add(paid, `reference ${row.reference}`, intent.id);
  }
  const more = (groups: Map<string, Set<string>>, what: string): readonly string[] =>
    [...groups]
      .filter(([, ids]) => ids.size > 1)
      .map(([name, ids]) => `${name} ${what} ${ids.size} times: ${[...ids].join(', ')}`);
  // What Stripe carries out late is found and canceled by the next look; at rest there has been one.
  return [...more(paid, 'was charged'), ...(atRest ? more(alive, 'could be charged') : [])];
}

/** A row that a restored backup does not have any more is still the same key of the same ledger. */
function keyOfIntent(evidence: Evidence, { metadata }: Intent): string | null {
  const ledger = metadata['payrecon_ledger'];
  const hash = metadata['payrecon_key'];
  const id = metadata['payrecon_transaction'];
  const row = evidence.rows.find((each) => each.id === id);
  if (row !== undefined) return `key ${row.key}`;
  const known = evidence.rows.find(
    ({ key }) => hash === createHash('sha256').update(key).digest('hex'),
  );
  if (known !== undefined && ledger === evidence.owner?.id) return `key ${known.key}`;
  return ledger === undefined || hash === undefined ? null : `key ${hash} of ${ledger}`;
}

function everyPaymentRecorded(evidence: Evidence, { atRest }: Expectations): readonly string[] {
  const rows = new Map(evidence.rows.map((row) => [row.id, row]));
  return evidence.intents.flatMap((intent) => {
    if (intent.status !== 'succeeded') return [];
    const row = rows.get(intent.metadata['payrecon_transaction'] ?? '');
    if (row !== undefined) return recordedWrongly(intent, row, atRest);
    return evidence.owner?.rolledBack === true || !isOwn(evidence, intent)
      ? []
      : [`${intent.id} succeeded, and no row is about it`];
  });
}

function recordedWrongly(intent: Intent, row: LedgerRow, atRest: boolean): readonly string[] {
  const same = intent.amount_received === row.amount && intent.currency === row.currency;
  if (!same && row.status === 'succeeded' && row.review?.byHand !== true)
    return [
      `${intent.id} took ${intent.amount_received} ${intent.currency}, ${named(row)} says ${row.amount} ${row.currency}`,
    ];
  if (!atRest || (!same && row.status === 'stuck')) return [];
  const recorded = row.status === 'succeeded' && row.paymentIntent === intent.id;
  return recorded
    ? []
    : [
        `${intent.id} succeeded, and ${named(row)} with ${row.paymentIntent ?? 'no id'} does not say so`,
      ];
}

/** Another ledger's payments are no business of this one. */
function isOwn({ owner }: Evidence, { metadata }: Intent): boolean {
  return metadata['payrecon_ledger'] === undefined || metadata['payrecon_ledger'] === owner?.id;
}

/** What a row must say once Stripe has told everything. */
function outcomeAtStripe(evidence: Evidence, row: LedgerRow): readonly string[] {
  const intents = intentsOf(evidence, row);
  if (intents.some((intent) => intent.status === 'succeeded')) return ['succeeded'];
  if (intents.some((intent) => WAITING.has(intent.status))) return ['pending'];
  const ids = new Set(intents.map((intent) => intent.id));
  // An authentication that failed is a decline without a charge.
  const declined =
    evidence.charges.some(
      (charge) => charge.status === 'failed' && ids.has(charge.payment_intent),
    ) || intents.some((intent) => intent.last_payment_error !== null);
  if (declined) return ['failed'];
  // What somebody else has charged under the key is a question to a person, whatever its age.
  if (intents.length === 0 && row.keyConflict) return ['stuck'];
  // What was never sent waits for its caller; a request that Stripe refused has failed, whatever earlier attempts left.
  if (intents.length === 0)
    return row.step === 'recorded' ? ['pending', 'canceled'] : ['canceled', 'failed'];
  return row.step === 'recorded' || row.failureKind === 'request'
    ? ['canceled', 'failed', 'pending']
    : ['canceled'];
}

function ledgerAgrees(evidence: Evidence, { atRest }: Expectations): readonly string[] {
  if (!atRest) return [];
  return evidence.rows.flatMap((row) => {
    if (row.review?.byHand === true || row.review?.reason === 'amount_mismatch') return [];
    const allowed = outcomeAtStripe(evidence, row);
    return allowed.includes(row.status)
      ? []
      : [
          `${named(row)} should be ${allowed.join(' or ')}: ${intentsOf(evidence, row)
            .map((intent) => `${intent.id} is ${intent.status}`)
            .join(', ')}`,
        ];
  });
}

function noSuccessAlone(evidence: Evidence): readonly string[] {
  return evidence.rows.flatMap((row) => {
    if (row.status !== 'succeeded' || row.review?.byHand === true) return [];
    const paid = succeededOf(evidence, row).some((intent) => intent.id === row.paymentIntent);
    return paid
      ? []
      : [`${named(row)} says ${row.paymentIntent ?? 'no id'}, which did not succeed`];
  });
}

function settledStays(evidence: Evidence, expectations: Expectations): readonly string[] {
  const open = evidence.rows.flatMap((row) => {
    if (!FINAL.has(row.status) || row.review?.byHand === true) return [];
    const alive = intentsOf(evidence, row).filter(
      (intent) =>
        !TERMINAL.has(intent.status) ||
        (intent.status === 'succeeded' && row.status !== 'succeeded'),
    );
    return alive.map((intent) => `${named(row)} is settled, but ${intent.id} is ${intent.status}`);
  });
  const changed = [...evidence.trailOf.values()].flatMap(attemptsOf).flatMap((entries) => {
    const last = entries.findIndex(
      (entry) =>
        FINAL.has(entry.toStatus) &&
        entry.toStep === 'settled' &&
        TERMINAL.has(String(entry.detail['stripe_status'])),
    );
    return last === -1
      ? []
      : entries.slice(last + 1).filter((entry) => entry.toStatus !== entries[last]?.toStatus);
  });
  return [
    ...open,
    ...begunAlive(evidence, expectations),
    ...changed.map(
      (entry) =>
        `${entry.transactionId} was final at Stripe, and entry ${entry.seq} (${entry.action}) made it ${entry.toStatus}`,
    ),
  ];
}

/** The entries of each attempt by themselves. */
function attemptsOf(entries: readonly TrailEntry[]): readonly (readonly TrailEntry[])[] {
  const begins = entries.flatMap(({ action }, index) => (action === 'new_attempt' ? [index] : []));
  return [0, ...begins].map((begin, index) =>
    entries.slice(begin, begins[index] ?? entries.length),
  );
}

/** A new attempt begins on what has failed or was canceled, and when all earlier ones are dead at Stripe. */
function begunAlive(evidence: Evidence, { atRest }: Expectations): readonly string[] {
  const early = evidence.trail.filter(
    ({ action, fromStatus }) =>
      action === 'new_attempt' && fromStatus !== 'failed' && fromStatus !== 'canceled',
  );
  const alive = evidence.rows.flatMap((row) =>
    intentsOf(evidence, row)
      .filter(
        (intent) =>
          atRest &&
          row.status !== 'stuck' &&
          Number(intent.metadata['payrecon_attempt'] ?? '1') < row.attempt &&
          intent.status !== 'canceled' &&
          intent.id !== row.paymentIntent,
      )
      .map(
        (intent) =>
          `${named(row)} is at attempt ${row.attempt}, and ${intent.id} of an earlier one is ${intent.status}`,
      ),
  );
  return [
    ...early.map(
      ({ transactionId, fromStatus }) =>
        `${transactionId} began a new attempt while it was ${fromStatus ?? 'nothing'}`,
    ),
    ...alive,
  ];
}

function trailWhole({ rows, trail, trailOf, audit }: Evidence): readonly string[] {
  const bad =
    audit.firstBad === null
      ? []
      : [
          `${audit.firstBad.table} ${String(audit.firstBad.id)} entry ${String(audit.firstBad.seq)}: ${audit.firstBad.problem}`,
        ];
  const counted =
    audit.firstBad === null && audit.entries !== trail.length
      ? [`${audit.entries} entries were verified of ${trail.length}`]
      : [];
  const gaps = rows.flatMap((row) => {
    const own = trailOf.get(row.id) ?? [];
    const whole =
      own.length === row.version &&
      own.every(
        (entry, index) =>
          entry.seq === index + 1 && entry.fromStatus === (own[index - 1]?.toStatus ?? null),
      );
    const ends = own.at(-1)?.toStatus === row.status && own.at(-1)?.toStep === row.step;
    return whole && ends
      ? []
      : [
          `${named(row)} is at version ${row.version} and has the entries ${own.map((entry) => `${entry.seq} ${entry.toStatus}`).join(', ')}`,
        ];
  });
  return [...bad, ...counted, ...gaps];
}

/** The identity that a message to the mail service bears. */
export function notificationOf(body: unknown): string {
  return String(
    (body as { custom_args?: Record<string, unknown> }).custom_args?.['payrecon_notification'],
  );
}

function mailsRight(
  evidence: Evidence,
  { atRest, mailWorks = true, mailAnswersUnseen = 0 }: Expectations,
): readonly string[] {
  const { mails, delivered, requests } = evidence;
  const unsent = mails
    .filter((mail) => atRest && mailWorks && mail.state !== 'sent')
    .map((mail) => `${mail.id} (${mail.kind}) is still ${mail.state}`);
  const copies = new Map<string, number>();
  for (const { body } of delivered) {
    const id = notificationOf(body);
    copies.set(id, (copies.get(id) ?? 0) + 1);
  }
  const known = new Set(mails.map((mail) => mail.id));
  const strange = [...copies.keys()]
    .filter((id) => !known.has(id))
    .map((id) => `an e-mail with the identity ${id} was sent, which the outbox does not know`);
  const lost = mails
    .filter((mail) => mail.state === 'sent' && !copies.has(mail.id))
    .map((mail) => `${mail.id} (${mail.kind}) says sent, and was not`);
  const repeated = [...copies.values()].reduce((sum, count) => sum + count - 1, 0);
  const answersLost =
    requests.filter(
      (request) => request.endpoint === 'mail.send' && request.executed && request.fault !== null,
    ).length + mailAnswersUnseen;
  const tooMany =
    repeated > answersLost
      ? [
          `${repeated} copies of e-mails, and only ${answersLost} answers of the mail service were lost`,
        ]
      : [];
  return [...lettersOfTrail(evidence), ...unsent, ...strange, ...lost, ...tooMany];
}

function sentAsAsked(evidence: Evidence): readonly string[] {
  return evidence.rows.flatMap((row) => {
    if (row.review?.reason === 'amount_mismatch' || row.review?.byHand === true) return [];
    const other = intentsOf(evidence, row).filter(
      (intent) => intent.amount !== row.amount || intent.currency !== row.currency,
    );
    return other.map(
      (intent) =>
        `${intent.id} is about ${intent.amount} ${intent.currency}, ${named(row)} about ${row.amount} ${row.currency}`,
    );
  });
}

/** What is asked twice of Stripe must be recognisable as the same: a second key would charge a second time. */
function oneKeyACall(evidence: Evidence): readonly string[] {
  const keys = new Map<string, Set<string | null>>();
  for (const { endpoint, path, idempotency_key: key } of evidence.requests) {
    if (
      endpoint === 'payment_intents.confirm' ||
      (endpoint === 'payment_intents.create' && key === null)
    )
      keys.set(path, (keys.get(path) ?? new Set()).add(key));
  }
  const under = [...keys]
    .filter(([, used]) => used.size > 1 || used.has(null))
    .map(([path, used]) => `${path} was asked under the keys ${[...used].join(', ')}`);
  return [...under, ...madeTwice(evidence)];
}

/** Stripe knows a key for a day: a create that is repeated sooner under its key makes no second intent of an attempt. */
function madeTwice({ intents }: Evidence): readonly string[] {
  const first = new Map<string, Intent>();
  return [...intents]
    .sort((a, b) => a.created - b.created)
    .flatMap((intent) => {
      const name = `attempt ${intent.metadata['payrecon_attempt'] ?? '1'} of ${intent.metadata['payrecon_transaction'] ?? intent.id}`;
      const before = first.get(name);
      if (before === undefined) first.set(name, intent);
      const soon = before !== undefined && intent.created - before.created < SECONDS_A_KEY_IS_KNOWN;
      return soon ? [`${name} made ${before.id} and ${intent.id} under two keys`] : [];
    });
}

const SECONDS_A_KEY_IS_KNOWN = 86_400;

function nothingHeld(
  { rows, mails }: Evidence,
  { atRest, now = 0 }: Expectations,
): readonly string[] {
  if (!atRest) return [];
  const leased = rows
    .filter(
      (row) =>
        row.leaseToken !== null && !(FINAL.has(row.status) && (row.leaseExpiresAt ?? now) < now),
    )
    .map((row) => `${named(row)} is still leased`);
  return [
    ...leased,
    ...mails
      .filter((mail) => mail.claimToken !== null)
      .map((mail) => `${mail.id} is still claimed`),
  ];
}

/** Where an address is the subject: what was asked for, and whom an e-mail is for. */
const ABOUT_ADDRESSES: ReadonlySet<string> = new Set([
  'transactions.email',
  'transactions.sent_params',
  'notifications.recipient',
]);

function nothingLeaked(
  { texts, rows }: Evidence,
  { secrets = [] }: Expectations,
): readonly string[] {
  const addresses = [...new Set(rows.flatMap((row) => (row.email === null ? [] : [row.email])))];
  return texts.flatMap(({ where, text }) => {
    const found = [...secrets, ...(ABOUT_ADDRESSES.has(where) ? [] : addresses)].filter((each) =>
      text.includes(each),
    );
    return found.length === 0
      ? []
      : [`${where} holds a secret or an address: ${text.slice(0, 80)}`];
  });
}

/** A decline is a bank's word, and a payment that failed for another reason was never declined. */
function blamesRightly(evidence: Evidence): readonly string[] {
  return evidence.rows.flatMap((row) => {
    if (row.status !== 'failed' || row.review?.byHand === true) return [];
    const ids = new Set(intentsOf(evidence, row).map(({ id }) => id));
    const asked =
      evidence.charges.some(
        (charge) => charge.status === 'failed' && ids.has(charge.payment_intent),
      ) || intentsOf(evidence, row).some((intent) => intent.last_payment_error !== null);
    if (row.failureKind === 'request')
      return asked ? [`${named(row)} is said to be our own mistake, and a bank refused it`] : [];
    return asked
      ? []
      : [
          `${named(row)} is said to be ${row.failureKind ?? 'nobody'}'s refusal (${row.failureCode ?? 'no code'}), and no bank was asked`,
        ];
  });
}

function receivedShown(evidence: Evidence): readonly string[] {
  return evidence.rows.flatMap((row) => {
    const intent = succeededOf(evidence, row).find(({ id }) => id === row.paymentIntent);
    if (row.status !== 'succeeded' || intent === undefined) return [];
    const shown = `${String(row.amountReceived)} ${row.currencyReceived ?? ''}`;
    const received = `${String(intent.amount_received)} ${intent.currency}`;
    return shown === received
      ? []
      : [`${named(row)} shows ${shown} as received, and Stripe received ${received}`];
  });
}

function onlyOurs(evidence: Evidence, { ledgers = 1 }: Expectations): readonly string[] {
  const { owner } = evidence;
  if (owner === null)
    return evidence.rows.length === 0
      ? []
      : ['there are payments, and nobody knows whose ledger it is'];
  const taken = evidence.rows.flatMap((row) => {
    const intent = evidence.intents.find(({ id }) => id === row.paymentIntent);
    if (intent === undefined || row.review?.reason === 'not_ours' || row.review?.byHand === true)
      return [];
    const marked =
      intent.metadata['payrecon_transaction'] === row.id &&
      (row.paramsVersion === 1 || intent.metadata['payrecon_ledger'] === owner.id);
    const there = owner.livemode === null || intent.livemode === owner.livemode;
    return marked && there
      ? []
      : [
          `${named(row)} has ${intent.id}, which is ${marked ? 'of the other mode' : "somebody else's"}`,
        ];
  });
  const others = new Set(
    evidence.intents
      .filter(({ metadata }) => (metadata['payrecon_namespace'] ?? '') === owner.namespace)
      .flatMap(({ metadata }) => metadata['payrecon_ledger'] ?? []),
  );
  return [
    ...taken,
    ...(others.size > ledgers
      ? [`${others.size} ledgers have made payments under one namespace: ${[...others].join(', ')}`]
      : []),
  ];
}

import { createIdempotencyKey, keyDigest } from '../../../src/stripe/idempotency.ts';
import type { AtStripe } from './history.ts';
import type { Ended } from './process.ts';
import type { Intent, Request, Row, Snapshot } from './world.ts';

/*
 * The reference model: from what is at Stripe (the truth) and what was there before, which ledgers are allowed. It is
 * written from the promises in the README and knows nothing of how payrecon comes to its verdicts.
 */

/** What happened between two looks at everything. */
export interface Step {
  readonly before: Snapshot;
  readonly after: Snapshot;
  readonly ended: readonly Ended[];
  readonly atStripe: readonly AtStripe[];
  /** Payments that Stripe made long after it was asked: a row that was settled without them is right until it is looked at again. */
  readonly rolledForward: ReadonlySet<string>;
  /** A row that came back with an older copy of the ledger and was not looked at since. */
  readonly isOld: (row: Row) => boolean;
  /** How many requests had been made when a clock was set. */
  readonly clocksSet: readonly number[];
  /** Calls that were sent before and reached Stripe only now. */
  readonly arrived: number;
}

type Rule = (step: Step) => readonly string[];

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Two scans that prove an absence are further apart than a request can be under way. */
const SCANS_APART_MS = 5 * MINUTE_MS;
/** Stripe's keys last a day; an hour of margin, and a minute for clocks that differ. */
const KEY_AGE_MS = 23 * HOUR_MS + MINUTE_MS;

export function isFinal({ status }: Row): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'canceled';
}

/**
 * Whether the same key may begin a new attempt: Stripe refused what we sent, or nobody confirmed it and it was fenced off
 * or proved absent. What a bank refused, a person decided or Stripe did by itself uses the key up.
 */
export function leavesKeyFree({
  status,
  failureKind,
  canceledBy,
  keyConflict,
  review,
}: Row): boolean {
  const ours =
    (status === 'failed' && failureKind === 'request') ||
    (status === 'canceled' && canceledBy === 'fence');
  return ours && !keyConflict && review === null;
}

/** Other parameters may be given while no payment intent has ever existed. */
export function mayBeCorrected(row: Row): boolean {
  return (
    leavesKeyFree(row) &&
    row.failureKind === 'request' &&
    row.intents === 0 &&
    row.paymentIntent === null
  );
}

export function intentsOf(snapshot: Snapshot, row: Row): readonly Intent[] {
  return snapshot.intentsOf.get(row.id) ?? [];
}

export function newRequests({ before, after }: Step): readonly Request[] {
  return after.requests.slice(before.requests.length);
}

function named(row: Row): string {
  return `${row.key} (${row.status}, version ${String(row.version)})`;
}

/** Whether Stripe itself has said the last word on it, and the row says the same. */
function settledByStripe(snapshot: Snapshot, row: Row): boolean {
  return (
    isFinal(row) &&
    intentsOf(snapshot, row).some(
      (intent) =>
        intent.id === row.paymentIntent &&
        intent.status === (row.status === 'succeeded' ? 'succeeded' : 'canceled'),
    )
  );
}

/** Whether a row that nobody decided by hand may say this, as things are at Stripe. */
function fits(snapshot: Snapshot, row: Row): boolean {
  const intents = intentsOf(snapshot, row);
  if (row.status === 'succeeded')
    return intents.some(
      (intent) =>
        intent.id === row.paymentIntent &&
        intent.status === 'succeeded' &&
        intent.amount === row.amount,
    );
  if (row.status === 'failed' || row.status === 'canceled')
    return intents.every((intent) => intent.status === 'canceled');
  return true;
}

const answersStay: Rule = ({ before, after }) =>
  before.rows.flatMap((was) => {
    const is = after.rows.find(({ id }) => id === was.id);
    if (is === undefined) return [`${named(was)} is gone`];
    if (is.version < was.version)
      return [`${named(was)} went back to version ${String(is.version)}`];
    if (is.attempt > was.attempt) return begunAgain(was, is);
    if (is.amount !== was.amount || is.key !== was.key)
      return [`${named(was)} became another payment`];
    if (is.status === was.status) return [];
    if (is.version === was.version)
      return [`${named(was)} became ${is.status} without a recorded transition`];
    if (settledByStripe(before, was))
      return [`${named(was)} was settled by Stripe's last word, and became ${is.status}`];
    return isFinal(was) && !isFinal(is) && is.status !== 'stuck'
      ? [`${named(was)} was settled, and became ${is.status}`]
      : [];
  });

/** A new attempt, of what had left its key free by then; for another amount only where no payment intent has ever existed. */
function begunAgain(was: Row, is: Row): readonly string[] {
  if (isFinal(was) && !leavesKeyFree(was))
    return [`${named(was)} had used its key up, and began attempt ${String(is.attempt)}`];
  const corrected = was.intents === 0 && was.paymentIntent === null;
  return is.key !== was.key || (is.amount !== was.amount && !corrected)
    ? [`${named(was)} became another payment`]
    : [];
}

const rowsTellTheTruth: Rule = ({ after, rolledForward, isOld }) => {
  // What was paid at an attempt that the ledger does not have is said of the whole ledger.
  const behind = new Set(
    after.rolledBack
      ? lostPayments(after).map(({ metadata }) => metadata['payrecon_transaction'])
      : [],
  );
  return after.rows.flatMap((row) => {
    const byHand = row.review?.byHand === row.status;
    if (
      byHand ||
      isOld(row) ||
      behind.has(row.id) ||
      fits(after, row) ||
      (rolledForward.has(row.id) && row.paymentIntent === null)
    )
      return [];
    const shown = intentsOf(after, row).map(
      (intent) => `${intent.id} is ${intent.status}, ${String(intent.amount)}`,
    );
    return [
      `${named(row)} with ${row.paymentIntent ?? 'no id'}: ${shown.length === 0 ? 'Stripe has nothing' : shown.join(', ')}`,
    ];
  });
};

const onePayment: Rule = ({ after }) => {
  const paid = new Map<string, number>();
  for (const row of after.rows) {
    const count = intentsOf(after, row).filter(({ status }) => status === 'succeeded').length;
    for (const name of [row.key, ...(row.reference === null ? [] : [row.reference])])
      paid.set(name, (paid.get(name) ?? 0) + count);
  }
  return [...paid]
    .filter(([, count]) => count > 1)
    .map(([name, count]) => `${name} is paid ${String(count)} times`);
};

const idBeforeMoney: Rule = (step) =>
  newRequests(step).flatMap(({ endpoint, path }) => {
    if (endpoint !== 'payment_intents.confirm') return [];
    const known = step.after.rows.some(
      ({ paymentIntent }) => paymentIntent !== null && path.includes(`/${paymentIntent}/`),
    );
    // A confirm that was under way arrives when its row is at another attempt.
    const isOfEarlier = (row: Row): boolean =>
      intentsOf(step.after, row).some(
        ({ id, metadata }) =>
          path.includes(`/${id}/`) && Number(metadata['payrecon_attempt'] ?? '1') < row.attempt,
      );
    if (step.arrived > 0 && step.after.rows.some(isOfEarlier)) return [];
    return known ? [] : [`${path} was sent, and the ledger does not know that id`];
  });

const nothingForgotten: Rule = ({ after }) =>
  after.rows.flatMap((row) =>
    (row.status === 'pending' || row.status === 'stuck') && row.nextAttemptAt === null
      ? [`${named(row)} is open, and nobody will look at it again`]
      : [],
  );

const processingIsLeftAlone: Rule = (step) =>
  step.before.rows.flatMap((row) => {
    const touched =
      step.atStripe.some(({ key }) => key === row.key) ||
      step.ended.some(({ command }) => command.do === 'resolve' && command.key === row.key);
    if (touched) return [];
    return intentsOf(step.before, row).flatMap((was) => {
      const is = intentsOf(step.after, row).find(({ id }) => id === was.id);
      const canceled =
        was.status === 'processing' && is?.status === 'canceled' && is.last_payment_error === null;
      return canceled ? [`${named(row)}: ${was.id} was processing, and was canceled`] : [];
    });
  });

/** Answers that show that Stripe works, whatever they say. */
function shows({ endpoint, status, fault }: Request): boolean {
  if (endpoint === 'mail.send' || status === null || status >= 500) return false;
  return status !== 429 || fault === '429_lock';
}

const attemptsInReason: Rule = (step) => {
  const passes = step.ended.filter(({ command }) => command.do === 'pass').length;
  const away = !newRequests(step).some(shows);
  return step.before.rows.flatMap((was) => {
    const spent = (step.after.rows.find(({ id }) => id === was.id)?.attempts ?? 0) - was.attempts;
    if (spent > passes)
      return [`${named(was)}: ${String(spent)} attempts were spent in ${String(passes)} passes`];
    return spent > 0 && away
      ? [`${named(was)}: an attempt was spent while Stripe answered nobody`]
      : [];
  });
};

/** Whether it may have done anything, seen from the client. */
function provablyNothing({ status, replayed }: Request): boolean {
  return !replayed && (status === 401 || status === 403 || status === 429 || status === 400);
}

const keysInTime: Rule = (step) => {
  const keys = new Map<string, Request[]>();
  // Where a clock was set meanwhile nobody can know how old a key is. A second intent of it is found before it is confirmed.
  const since = step.clocksSet.at(-1) ?? 0;
  for (const request of step.after.requests.slice(since)) {
    const { endpoint, idempotency_key: key } = request;
    if (
      key !== null &&
      (endpoint === 'payment_intents.create' || endpoint === 'payment_intents.confirm')
    )
      keys.set(key, [...(keys.get(key) ?? []), request]);
  }
  return [...keys].flatMap(([key, requests]) => {
    const executed = requests.filter((request) => request.executed && !request.replayed).length;
    const first = requests.find((request) => !provablyNothing(request));
    const last = requests.at(-1);
    const agedMs = first === undefined || last === undefined ? 0 : last.at - first.at;
    return [
      ...(executed > 1 ? [`${key} was carried out ${String(executed)} times`] : []),
      ...(agedMs > KEY_AGE_MS
        ? [`${key} was sent again after ${(agedMs / HOUR_MS).toFixed(1)} hours`]
        : []),
    ];
  });
};

/** An answer that only took its time is a whole one. */
function isWhole(fault: string | null): boolean {
  return fault === null || /^(?:slow|out_of_order)\b/.test(fault);
}

const absenceIsProven: Rule = (step) =>
  step.after.rows.flatMap((row) => {
    const was = step.before.rows.find(({ id }) => id === row.id);
    const settledNow =
      row.status === 'canceled' && was?.status !== 'canceled' && row.review?.byHand !== 'canceled';
    if (!settledNow || row.paymentIntent !== null) return [];
    const sent = createIdempotencyKey({ key: row.key, attempt: row.attempt });
    const mayExist = step.after.requests.some(
      (request) => request.idempotency_key === sent && !provablyNothing(request),
    );
    // By their order: Stripe's clock may have been set back meanwhile.
    const sentBefore = step.after.requests.findIndex((request) => request.idempotency_key === sent);
    // A clock that was set forward in between shows more than has gone by; what is made late is never confirmed.
    if (step.clocksSet.some((requests) => requests > sentBefore)) return [];
    const scans = step.after.requests
      .slice(sentBefore + 1)
      .filter(
        ({ endpoint, status, fault }) =>
          endpoint === 'payment_intents.list' && status === 200 && isWhole(fault),
      );
    const times = scans.map(({ at }) => at);
    const apartMs = times.length === 0 ? 0 : Math.max(...times) - Math.min(...times);
    return mayExist && apartMs < SCANS_APART_MS
      ? [
          `${named(row)} was taken as absent after ${String(scans.length)} scans within ${String(apartMs / MINUTE_MS)} minutes`,
        ]
      : [];
  });

/** Payments of this ledger are at Stripe, and its rows are from before they were made. */
export function lostPayments({ ledger, rows, intents }: Snapshot): readonly Intent[] {
  return intents.filter(({ metadata }) => {
    if (ledger === null || metadata['payrecon_ledger'] !== ledger) return false;
    const row = rows.find(({ id }) => id === metadata['payrecon_transaction']);
    const attempt = Number(metadata['payrecon_attempt'] ?? '1');
    return (
      row === undefined ||
      row.attempt < attempt ||
      (row.attempt === attempt && row.step === 'recorded')
    );
  });
}

const SENDS: ReadonlySet<string> = new Set(['payment_intents.create', 'payment_intents.confirm']);

/** Calls that were under way when the ledger was replaced may have made payments meanwhile. */
const rolledBackLedgersRest: Rule = (step) => {
  const lost = lostPayments(step.before);
  if (lost.length === 0 || step.arrived > 0) return [];
  return newRequests(step)
    .filter(({ endpoint, executed }) => executed && SENDS.has(endpoint))
    .map(
      ({ endpoint }) =>
        `${endpoint} was sent from a ledger that lacks ${lost.map(({ id }) => id).join(', ')}`,
    );
};

/** What bears the same key and namespace, whoever made it. */
function madeUnder({ intents }: Snapshot, { key }: Row): readonly Intent[] {
  return intents.filter(({ metadata }) => metadata['payrecon_key'] === keyDigest(key));
}

/** A key that Stripe knows for another payment is never sent again, and "nothing was charged" needs that payment's end. */
const keysUsedElsewhere: Rule = (step) => {
  const sent = newRequests(step).map(({ idempotency_key: key }) => key);
  return step.after.rows.flatMap((row) => {
    const was = step.before.rows.find(({ id }) => id === row.id);
    const again =
      was?.keyConflict === true && step.arrived === 0 && sent.includes(createIdempotencyKey(row));
    const made = madeUnder(step.after, row);
    const ended = made.length > 0 && made.every(({ status }) => status === 'canceled');
    const freed =
      row.keyConflict && (row.status === 'failed' || row.status === 'canceled') && !ended;
    return [
      ...(again ? [`${named(row)}: its key was used elsewhere, and was sent again`] : []),
      ...(freed
        ? [
            `${named(row)}: its key was used elsewhere, where ${made.map(({ id, status }) => `${id} is ${status}`).join(', ') || 'nothing is known'}`,
          ]
        : []),
    ];
  });
};

const onlyCallersConfirm: Rule = (step) => {
  if (
    step.arrived > 0 ||
    step.ended.length === 0 ||
    step.ended.some(({ command }) => command.do === 'charge')
  )
    return [];
  return newRequests(step)
    .filter(({ endpoint }) => endpoint === 'payment_intents.confirm')
    .map(({ path }) => `${path}: nobody was charging`);
};

const RULES: Readonly<Record<string, Rule>> = {
  'answers stay': answersStay,
  'rows tell the truth': rowsTellTheTruth,
  'one payment a key and reference': onePayment,
  'the id before the money': idBeforeMoney,
  'nothing is forgotten': nothingForgotten,
  'processing is left alone': processingIsLeftAlone,
  'attempts in reason': attemptsInReason,
  'keys in time': keysInTime,
  'absence is proven': absenceIsProven,
  'only callers confirm': onlyCallersConfirm,
  'keys used elsewhere rest': keysUsedElsewhere,
  'ledgers that lost payments charge nothing': rolledBackLedgersRest,
};

/** What the model does not allow; each with the name of its rule. */
export function disallowed(step: Step): readonly string[] {
  return Object.entries(RULES).flatMap(([name, rule]) =>
    rule(step).map((wrong) => `model, ${name}: ${wrong}`),
  );
}

/** When Stripe has told everything, no decision of a person stands against it. */
export function uncorrected(after: Snapshot): readonly string[] {
  return after.rows.flatMap((row) => {
    // What was canceled before this attempt began says nothing about it.
    const intents = intentsOf(after, row).filter(
      ({ status, metadata }) =>
        status !== 'canceled' || Number(metadata['payrecon_attempt'] ?? '1') >= row.attempt,
    );
    if ((row.review?.byHand ?? null) === null || intents.length === 0) return [];
    const accepted =
      row.status === 'succeeded' && intents.some(({ status }) => status === 'succeeded');
    if (accepted || (row.status !== 'succeeded' && fits(after, row))) return [];
    return [
      `model, decisions are corrected: ${named(row)} was decided by hand, and ${intents.map(({ id, status }) => `${id} is ${status}`).join(', ')}`,
    ];
  });
}

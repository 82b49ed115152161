import type { LookUp } from '../../app/ports.ts';
import type { Answer, IntentSnapshot } from '../../domain/answer.ts';
import { attemptOf, foreignMark } from '../../domain/marks.ts';
import type { Match, ScanEnd, ScanRange } from './scan.ts';

/** Of several intents of one transaction the one that matters most: money moved, then money may move. */
const IMPORTANCE = [
  'canceled',
  'requires_payment_method',
  'requires_confirmation',
  'requires_action',
  'requires_capture',
  'processing',
  'succeeded',
];

/** What such an intent shows is true whatever else there is; of the others a second one could be the one that counts. */
const MONEY_MOVES: ReadonlySet<string> = new Set([
  'succeeded',
  'processing',
  'requires_capture',
  'requires_action',
]);

/**
 * What a scan tells about one transaction. The intent is the row's own one; where there are more that
 * bear its id, they are in `others`. Only a list that was read to its end shows that there is no other.
 */
export function answerOfScan(
  query: LookUp,
  matches: readonly Match[],
  end: ScanEnd & ScanRange,
): Answer {
  const chosen = choose(query, matches);
  if (chosen !== null && (end.unanswered === null || MONEY_MOVES.has(chosen.main.intent.status))) {
    const { main, others } = chosen;
    return { kind: 'intent', ...main, replayed: false, ...(others.length === 0 ? {} : { others }) };
  }
  if (end.unanswered !== null) return end.unanswered;
  const { fromSeconds, toSeconds, pages, requestId } = end;
  return {
    kind: 'absent',
    scannedFrom: fromSeconds * 1_000,
    scannedTo: toSeconds * 1_000,
    pages,
    requestId,
  };
}

function choose(
  query: LookUp,
  matches: readonly Match[],
): { readonly main: Match; readonly others: readonly IntentSnapshot[] } | null {
  const sorted = matches.toSorted((one, other) => compare(one.intent, other.intent));
  const [foremost] = sorted;
  if (foremost === undefined) return null;
  const ours = sorted.filter(({ intent }) => isOurs(query, intent));
  // It bears our id and is not ours: that is a question to a person, and no absence.
  if (ours.length === 0) return { main: foremost, others: [] };
  const main = ownOf(query, ours);
  if (main === null) return null;
  return { main, others: ours.filter((match) => match !== main).map(({ intent }) => intent) };
}

function isOurs({ transactionId, row }: LookUp, intent: IntentSnapshot): boolean {
  return (
    row === undefined ||
    foreignMark({ id: transactionId, paramsVersion: row.paramsVersion }, intent, row.ledger) ===
      null
  );
}

/**
 * The intent that the row is about: one that succeeded, before all; then the one whose id is stored;
 * without one, the one of the row's attempt; then one of an earlier attempt that could still succeed.
 * Null: all that is left of earlier attempts is dead, or the stored id is not on the list.
 */
function ownOf({ row }: LookUp, ours: readonly Match[]): Match | null {
  if (row === undefined) return ours[0] ?? null;
  const isStored = ({ intent }: Match): boolean => intent.id === row.paymentIntent;
  const isOfAttempt = ({ intent }: Match): boolean => attemptOf(intent) === row.attempt;
  const succeeded = ours.filter(({ intent }) => intent.status === 'succeeded');
  const paid = succeeded.find(isStored) ?? succeeded.find(isOfAttempt) ?? succeeded[0];
  if (paid !== undefined) return paid;
  if (row.paymentIntent !== null) return ours.find(isStored) ?? null;
  return ours.find(isOfAttempt) ?? ours.find(({ intent }) => intent.status !== 'canceled') ?? null;
}

/** What matters most first; of two that matter alike the newer one, in whichever order their pages came. */
function compare(one: IntentSnapshot, other: IntentSnapshot): number {
  const difference =
    IMPORTANCE.indexOf(other.status) - IMPORTANCE.indexOf(one.status) ||
    other.created - one.created;
  return difference === 0 ? one.id.localeCompare(other.id) : difference;
}

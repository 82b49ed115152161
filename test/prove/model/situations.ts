import type { Evidence } from '../../support/evidence.ts';
import type { Asked } from './answers.ts';
import type { Action, AtStripe } from './history.ts';
import type { Ended } from './process.ts';
import { isFinal, newRequests } from './rules.ts';

/*
 * What really took place in the histories. A generator that never comes to a situation proves nothing about it, so a
 * lane fails when one of these was never met.
 */

export const SITUATIONS = [
  'first charges',
  'charges again',
  'new attempts',
  'corrected parameters',
  'answers from the ledger',
  'keys with other parameters',
  'references taken',
  'passes',
  'mails sent by hand',
  'decisions refused',
  'decided succeeded',
  'decided failed',
  'decided canceled',
  'decided retry',
  'canceled at Stripe by a person',
  'settled at Stripe',
  'paid after a decline',
  'another amount',
  'refunds',
  'rolled forward',
  'late arrivals',
  'waits past a lease',
  'waits past 23 h',
  'waits past days',
  'passes in an outage',
  'outages recorded',
  'mail outages',
  'crashes',
  'crashes beside others',
  'at the same time',
  'changes of turn',
  'late writers refused',
  'time jumped meanwhile',
  'faults met',
  'lost answers after the effect',
  'stuck',
  'absences proven',
  'late truths',
  'decisions corrected',
  'overdue or waiting',
  'crowded scans',
  'backups',
  'restores',
  'newest put back',
  'charges refused to a restored ledger',
  'clocks set',
  'charges of a second ledger',
  'second ledgers refused',
  'keys used elsewhere',
] as const;
/** Too rare to be looked for in a few histories. */
export const RARE: ReadonlySet<Situation> = new Set([
  'corrected parameters',
  'another amount',
  'paid after a decline',
  'decisions corrected',
  'canceled at Stripe by a person',
  'late writers refused',
  'decided failed',
  'decided canceled',
  'decided retry',
  'refunds',
  'crowded scans',
  'restores',
  'newest put back',
  'charges refused to a restored ledger',
  'second ledgers refused',
  'keys used elsewhere',
]);
/** A ledger on a server is not replaced under its address by an older copy: it gets another one, which is refused. */
export const OF_FILES: ReadonlySet<Situation> = new Set([
  'backups',
  'restores',
  'newest put back',
  'charges refused to a restored ledger',
]);
export type Situation = (typeof SITUATIONS)[number];
export type Counts = ReadonlyMap<string, number>;

const DECIDED = {
  succeeded: 'decided succeeded',
  failed: 'decided failed',
  canceled: 'decided canceled',
  retry: 'decided retry',
} as const;

interface Outages {
  readonly stripe: string | null;
  readonly mail: string | null;
}

export function countStep(
  counts: Map<string, number>,
  action: Action,
  asked: Asked,
  outages: Outages,
): void {
  const add: Add = (what, count = 1) => {
    if (count > 0) counts.set(what, (counts.get(what) ?? 0) + count);
  };
  for (const ended of asked.ended) {
    if (ended.died) add(asked.alone ? 'crashes' : 'crashes beside others');
    countCommand(asked, ended, add, outages);
  }
  for (const event of asked.atStripe) countAtStripe(asked, event, add);
  add('late arrivals', asked.arrived);
  countTime(action, add, outages);
  countWire(asked, add);
}

type Add = (what: Situation, count?: number) => void;

function countCommand(asked: Asked, ended: Ended, add: Add, outages: Outages): void {
  const { command, exitCode } = ended;
  switch (command.do) {
    case 'charge':
      countCharge(asked, ended, add);
      break;
    case 'pass':
      add('passes');
      if (outages.stripe !== null && newRequests(asked).length > 0) add('passes in an outage');
      break;
    case 'send':
      add('mails sent by hand');
      break;
    case 'resolve':
      if (exitCode === 4) add('decisions refused');
      if (exitCode !== 0) break;
      add(DECIDED[command.as]);
      if (
        command.cancel &&
        newRequests(asked).some(({ endpoint }) => endpoint === 'payment_intents.cancel')
      )
        add('canceled at Stripe by a person');
  }
}

function countCharge(
  { before, after }: Asked,
  { command, exitCode, errorCode, repeated }: Ended,
  add: Add,
): void {
  if (errorCode === 'key_reused') add('keys with other parameters');
  else if (errorCode === 'reference_taken') add('references taken');
  else if (errorCode === 'ledger_rolled_back') add('charges refused to a restored ledger');
  else if (errorCode === 'another_ledger') add('second ledgers refused');
  else if (exitCode !== null) add(repeated ? 'charges again' : 'first charges');
  if (command.ledger !== undefined) add('charges of a second ledger');
  const [was, is] = [before, after].map(({ rows }) =>
    rows.find(({ key }) => 'key' in command && key === command.key),
  );
  if (is?.keyConflict === true && was?.keyConflict !== true) add('keys used elsewhere');
  if (repeated && was !== undefined && isFinal(was)) add('answers from the ledger');
}

function countAtStripe({ before }: Asked, event: AtStripe, add: Add): void {
  const was = before.rows.find(({ key }) => key === event.key);
  const intents = was === undefined ? [] : (before.intentsOf.get(was.id) ?? []);
  if (event.do === 'refund') add('refunds');
  else if (event.do === 'roll-forward') add('rolled forward');
  else {
    add('settled at Stripe');
    if (event.otherAmount === true) add('another amount');
    if (event.as === 'succeeded' && intents.some(({ last_payment_error: error }) => error !== null))
      add('paid after a decline');
  }
}

const HOUR = 60;
const DAY = 24 * HOUR;

function countTime(action: Action, add: Add, outages: Outages): void {
  if (action.do === 'wait') {
    if (action.minutes >= 2) add('waits past a lease');
    if (action.minutes >= 23 * HOUR) add('waits past 23 h');
    if (action.minutes >= 2 * DAY) add('waits past days');
  }
  if (action.do !== 'together') return;
  add('at the same time');
  if (action.all.some((each) => each.do === 'wait')) add('time jumped meanwhile');
  if (outages.mail !== null) add('mail outages');
}

function countWire(asked: Asked, add: Add): void {
  const requests = newRequests(asked);
  const listed = requests.filter(
    ({ endpoint, fault }) => endpoint === 'payment_intents.list' && fault === null,
  ).length;
  if (asked.history.crowded && listed > 1) add('crowded scans');
  add('faults met', requests.filter(({ fault }) => fault !== null).length);
  add(
    'lost answers after the effect',
    requests.filter(({ fault, executed }) => fault !== null && executed).length,
  );
  if (requests.some(({ endpoint, fault }) => endpoint === 'mail.send' && fault !== null))
    add('mail outages');
}

/** What the audit trail shows when a history is over. */
export function countAfter(counts: Map<string, number>, { trail, mails }: Evidence): void {
  const add: Add = (what, count = 1) => {
    if (count > 0) counts.set(what, (counts.get(what) ?? 0) + count);
  };
  const decided = new Set<string>();
  for (const { transactionId, action, fromStatus, toStatus, detail } of trail) {
    if (action === 'marked_stuck') add('stuck');
    if (
      action === 'settled' &&
      typeof detail['proof'] === 'string' &&
      detail['proof'].startsWith('two')
    )
      add('absences proven');
    if (fromStatus === 'stuck' && action === 'settled') add('late truths');
    if (action === 'truth_corrected') {
      add('late truths');
      if (decided.has(transactionId)) add('decisions corrected');
    }
    if (action === 'resolved' && toStatus !== 'pending') decided.add(transactionId);
    if (action === 'new_attempt') {
      add('new attempts');
      if (detail['corrected'] !== undefined) add('corrected parameters');
    }
    if (detail['expected_by'] !== undefined) add('overdue or waiting');
  }
  add('outages recorded', mails.filter(({ kind }) => kind === 'operator_outage').length);
}

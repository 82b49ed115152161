import {
  type Key,
  METHODS,
  methodOf,
  requestOf,
  type Command,
  type History,
  type Method,
} from './history.ts';
import type { Ended } from './process.ts';
import type { ChargeRequest } from '../../../src/domain/transaction.ts';
import {
  intentsOf,
  isFinal,
  leavesKeyFree,
  lostPayments,
  mayBeCorrected,
  newRequests,
  type Step,
} from './rules.ts';
import type { Intent, Request, Row, Snapshot } from './world.ts';

/*
 * The other half of the model: what a command may answer. Of commands that run at the same time only that it is true;
 * of one that runs alone also that it is what this state has to lead to.
 */

export interface Asked extends Step {
  readonly history: History;
  /** Nothing else ran or happened meanwhile. */
  readonly alone: boolean;
  /** Both services answer everything, and no process dies. */
  readonly undisturbed: boolean;
}

/** The exit codes that tell the truth about a status; 2 only where the key, or the request, was refused. */
const HONEST: Readonly<Record<Row['status'], readonly number[]>> = {
  succeeded: [0],
  failed: [3, 2],
  canceled: [3],
  stuck: [5],
  pending: [75, 2],
};

/** What a payment comes to that nothing disturbs. */
const OUTCOMES: Readonly<
  Record<Method, { readonly exitCode: number; readonly status: Row['status'] }>
> = {
  card: { exitCode: 0, status: 'succeeded' },
  declined: { exitCode: 3, status: 'failed' },
  debit: { exitCode: 75, status: 'pending' },
  'bad debit': { exitCode: 75, status: 'pending' },
  authentication: { exitCode: 75, status: 'pending' },
  'authentication, alone': { exitCode: 3, status: 'failed' },
  unknown: { exitCode: 2, status: 'failed' },
};

/** What is wrong with how the commands of a step ended. */
export function untrueAnswers(asked: Asked): readonly string[] {
  return asked.ended.flatMap((ended) => {
    if (ended.died)
      return ended.exitCode === null
        ? []
        : [`${describe(ended.command)} died, and ended with ${String(ended.exitCode)}`];
    return answerOf(asked, ended).map(
      (wrong) =>
        `answers: ${describe(ended.command)} ended with ${String(ended.exitCode)} (${ended.errorCode ?? ended.transaction?.status ?? ''}): ${wrong}`,
    );
  });
}

function describe(command: Command): string {
  return `${command.do}${'key' in command ? ` ${command.key}` : ''}`;
}

function answerOf(asked: Asked, ended: Ended): readonly string[] {
  const { command } = ended;
  switch (command.do) {
    case 'charge':
      return [...honest(asked, ended), ...(asked.alone ? chargedAlone(asked, ended, command) : [])];
    case 'pass':
      return asked.alone ? passedAlone(asked, ended) : [];
    case 'resolve':
      return asked.alone ? resolvedAlone(asked, ended, command) : [];
    case 'send':
      return asked.undisturbed && ended.exitCode !== 0 ? ['nothing was in its way'] : [];
  }
}

/** A ledger that lost payments, or that began beside another one: nothing is charged from it. */
const OF_LEDGERS: ReadonlySet<string | null> = new Set(['ledger_rolled_back', 'another_ledger']);

/** Whether it is true that the ledger is not the one to charge from. */
function ledgerRefused({ before }: Asked, errorCode: string | null): readonly string[] {
  if (errorCode === 'ledger_rolled_back')
    return before.rolledBack || lostPayments(before).length > 0
      ? []
      : ['the ledger has all of its payments'];
  const others = before.intents.filter(
    ({ metadata }) =>
      metadata['payrecon_ledger'] !== undefined && metadata['payrecon_ledger'] !== before.ledger,
  );
  return others.length > 0 && before.rows.length === 0
    ? []
    : ['no other ledger has made a payment, or this one is not new'];
}

/** 2, 69: whether the ledger is whole could not be asked, and nothing was sent or recorded. */
const REASONS: Readonly<Partial<Record<number, ReadonlySet<string | null>>>> = {
  2: new Set(['stripe_unauthorized', ...OF_LEDGERS]),
  4: new Set(['key_reused', 'reference_taken']),
  69: new Set(['stripe_unreachable']),
};

function honest(
  asked: Asked,
  { command, exitCode, transaction, errorCode }: Ended,
): readonly string[] {
  const { history, after } = asked;
  if (command.do !== 'charge' || exitCode === null) return [];
  if (OF_LEDGERS.has(errorCode)) return ledgerRefused(asked, errorCode);
  if (transaction === null || exitCode === 4)
    return REASONS[exitCode]?.has(errorCode) === true
      ? []
      : ['no transaction was shown, or it was refused without a reason'];
  if (transaction.amount !== requestOf(history, command.key, command.other === true).amount)
    return ['an answer about another amount than was asked for'];
  if (!HONEST[transaction.status].includes(exitCode)) return [`while it is ${transaction.status}`];
  if (exitCode !== 0 || transaction.review?.resolution?.as === 'succeeded') return [];
  const paid = (after.intentsOf.get(transaction.id) ?? []).some(
    ({ id, status }) => id === transaction.paymentIntent && status === 'succeeded',
  );
  return paid ? [] : ['no payment has succeeded'];
}

const HOLDS: ReadonlySet<string> = new Set(['pending', 'succeeded', 'stuck']);

function chargedAlone(
  asked: Asked,
  ended: Ended,
  command: Extract<Command, { do: 'charge' }>,
): readonly string[] {
  const { before, after } = asked;
  const request = requestOf(asked.history, command.key, command.other === true);
  const was = before.rows.find(({ key }) => key === command.key);
  const is = after.rows.find(({ key }) => key === command.key);
  const nothingRecorded = isUnchanged(was, is);
  // Whether the ledger is whole may have been read before another payment of the same order was found.
  const sent = newRequests(asked).filter(({ endpoint }) => endpoint !== 'payment_intents.list');
  const silent = sent.length === 0 && nothingRecorded ? [] : ['something was sent or recorded'];
  if (OF_LEDGERS.has(ended.errorCode)) return nothingRecorded ? silentButForReads(sent) : silent;
  const refusal = refusalOf(before, request, was);
  if (ended.exitCode === 69 || (ended.exitCode === 2 && ended.transaction === null))
    return outOfReach(asked, nothingRecorded);
  if (refusal !== null)
    return ended.errorCode === refusal ? silent : [`it had to be refused: ${refusal}`];
  if (is === undefined || ended.exitCode === 4) return ['nothing stood against it'];
  if (ended.transaction?.status !== is.status) return [`the ledger says ${is.status}`];
  return was === undefined || leavesKeyFree(was)
    ? comesTo(asked, command.key, ended, is)
    : staysAs(was, is, silent);
}

/** Whose the account is and what is on it had to be read. */
function silentButForReads(sent: readonly Request[]): readonly string[] {
  return sent.filter(({ method }) => method !== 'GET').map(({ path }) => `${path} was sent`);
}

function isUnchanged(was: Row | undefined, is: Row | undefined): boolean {
  return is?.version === was?.version;
}

/** What is settled, or waits for a person, is answered from the ledger. */
function staysAs(was: Row, is: Row, silent: readonly string[]): readonly string[] {
  if (!isFinal(was) && was.status !== 'stuck') return [];
  return is.status === was.status ? silent : ['asking again changed what was settled'];
}

function outOfReach({ undisturbed }: Asked, nothingRecorded: boolean): readonly string[] {
  return undisturbed || !nothingRecorded
    ? ['Stripe was within reach, or something was recorded']
    : [];
}

function refusalOf(before: Snapshot, request: ChargeRequest, was: Row | undefined): string | null {
  if (was !== undefined && was.amount !== request.amount && !mayBeCorrected(was))
    return 'key_reused';
  // A new attempt takes the reference of its order again; one that goes on has it.
  if (was !== undefined && !leavesKeyFree(was)) return null;
  const held = before.rows.some(
    ({ key, reference, status }) =>
      key !== request.key &&
      reference !== null &&
      reference === request.reference &&
      HOLDS.has(status),
  );
  return held ? 'reference_taken' : null;
}

function comesTo(
  { history, undisturbed, before }: Asked,
  key: Key,
  ended: Ended,
  is: Row,
): readonly string[] {
  if (is.keyConflict || lostPayments(before).length > 0) return [];
  const expected = OUTCOMES[methodOf(history, key)];
  return !undisturbed || (ended.exitCode === expected.exitCode && is.status === expected.status)
    ? []
    : [`nothing was in the way of ${expected.status}`];
}

function passedAlone(asked: Asked, { exitCode, errorCode }: Ended): readonly string[] {
  if (OF_LEDGERS.has(errorCode)) return ledgerRefused(asked, errorCode);
  if (asked.after.rolledBack) return exitCode === 0 ? ['the ledger lost payments'] : [];
  // Nobody in these histories acknowledges that a truth has changed.
  const waiting = asked.after.rows.filter(
    ({ status, review }) => status === 'stuck' || review?.reason === 'truth_changed',
  ).length;
  if (exitCode === 0 && waiting > 0) return [`${String(waiting)} payments wait for a person`];
  if (
    exitCode === 5 &&
    waiting === 0 &&
    !asked.after.rows.some(({ status }) => status === 'pending')
  )
    return ['nothing waits for a person'];
  if (exitCode !== 0 && exitCode !== 5 && asked.undisturbed) return ['nothing was in its way'];
  return [];
}

function resolvedAlone(
  asked: Asked,
  ended: Ended,
  command: Extract<Command, { do: 'resolve' }>,
): readonly string[] {
  if (OF_LEDGERS.has(ended.errorCode)) return ledgerRefused(asked, ended.errorCode);
  const was = asked.before.rows.find(({ key }) => key === command.key);
  const is = asked.after.rows.find(({ key }) => key === command.key);
  if (was === undefined || is === undefined)
    return ended.exitCode === 6 ? [] : ['there is no such payment'];
  if (ended.exitCode !== 0) return is.status === was.status ? [] : [`the ledger says ${is.status}`];
  if (isFinal(was)) return ['it was settled already'];
  const status = command.as === 'retry' ? 'pending' : command.as;
  if (is.status !== status || is.review?.byHand !== command.as)
    return [`the ledger says ${is.status}`];
  const ofAttempt = intentsOf(asked.after, is).filter(
    ({ metadata }) => Number(metadata['payrecon_attempt'] ?? '1') === is.attempt,
  );
  return is.keyConflict ? [] : againstStripe(command, ofAttempt);
}

function againstStripe(
  command: Extract<Command, { do: 'resolve' }>,
  told: readonly Intent[],
): readonly string[] {
  if (told.some((intent) => intent.status === 'succeeded'))
    return command.as === 'succeeded' ? [] : ['Stripe shows that it succeeded'];
  if (command.as === 'succeeded' && told.length > 0) return ['Stripe shows that it did not'];
  if (command.as === 'retry') return [];
  return told.every((intent) => intent.status === 'canceled')
    ? []
    : ['it could still succeed at Stripe'];
}

/** So that a generator that offers no such payment does not compile. */
export const EVERY_METHOD: readonly Method[] = Object.keys(METHODS) as Method[];

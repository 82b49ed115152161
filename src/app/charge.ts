import { isPassing, type Answer } from '../domain/answer.ts';
import { mayBeginAttempt, mayCorrect } from '../domain/attempts.ts';
import { PayreconError } from '../domain/errors.ts';
import { differences } from '../domain/request/charge-request.ts';
import { fingerprint } from '../domain/request/fingerprint.ts';
import type { ChargeRequest, Transaction } from '../domain/transaction.ts';
import { advance, type AdvanceDeps, type Advanced } from './advance.ts';
import type { ChargeOptions, ChargeOutcome, ChargeSituation } from './service.ts';
import type { Claimed, DuplicateGuard, OpenResult, Passes } from './ports.ts';
import { asUnknownOutcome } from './unknown-outcome.ts';

/** How often a caller looks again while another process advances its transaction. */
const LEASE_POLL_MS = 100;
/** How often a caller who asked to wait asks Stripe again, at first and at most. */
const OUTCOME_POLL_MS = 500;
const OUTCOME_POLL_CAP_MS = 5_000;
/** The pauses between two tries of a call that was refused for the moment, at first and at most. */
const PASSING_PAUSE_MS = 250;
const PASSING_PAUSE_CAP_MS = 2_000;

export interface ChargeDeps extends AdvanceDeps {
  readonly duplicateWindowMs: number;
  readonly passes: Pick<Passes, 'tellCause'>;
}

/**
 * Charges once, however often it is called with the same key: the first call starts the payment, every
 * later one resumes it from its recorded step, begins a new attempt where the last one is dead
 * (domain/attempts.ts), or returns its outcome.
 *
 * @throws PayreconError `refused` (key reused with other parameters, reference taken, duplicate
 *   suspected; nothing was sent), `configuration` (Stripe refused our key), `unreachable` (database).
 */
export async function charge(
  deps: ChargeDeps,
  request: ChargeRequest,
  options: ChargeOptions,
): Promise<ChargeOutcome> {
  const asked = askedOf(deps, request, options);
  const opened = await deps.ledger.open(request, asked.print, asked.guard, deps.actor);
  if (opened.kind === 'opened') return await begun(deps, opened, asked);
  const known = existingOrRefused(opened, asked);
  const reopened = await tryNewAttempt(deps, known, asked);
  if (reopened !== null) return await begun(deps, reopened, asked);
  const current =
    known.fingerprint === asked.print ? known : await mustBeSameNow(deps, known, asked);
  return await waitForOutcome(deps, await resume(deps, current, asked), asked, true);
}

/**
 * What the ledger alone answers: an outcome that is on record. Null where something would be sent.
 *
 * @throws PayreconError `refused`, as `charge`: for what the ledger knows, nothing has to be asked.
 */
export async function answerFromLedger(
  deps: ChargeDeps,
  request: ChargeRequest,
  options: ChargeOptions,
): Promise<ChargeOutcome | null> {
  const asked = askedOf(deps, request, options);
  const { print, guard } = asked;
  const found = await deps.ledger.conflict(request, guard, null);
  if (found === null) return null;
  const known = existingOrRefused(found, asked);
  if (known.fingerprint === print ? mayBeginAttempt(known) : mayCorrect(known)) {
    const against = await deps.ledger.conflict(request, guard, known.id);
    if (against !== null && against.kind !== 'exists') throw refusedBy(against, request);
    return null;
  }
  const settled = standing(known);
  return settled === null ? null : await waitForOutcome(deps, settled, asked, true);
}

function askedOf(deps: ChargeDeps, request: ChargeRequest, options: ChargeOptions): Asked {
  return {
    request,
    print: fingerprint(request),
    guard: { windowMs: deps.duplicateWindowMs, allow: options.allowDuplicate },
    options,
    waitUntilMs: deps.clock.monotonicMs() + options.waitMs,
    begunHere: false,
  };
}

/** One call of `charge`. */
interface Asked {
  readonly request: ChargeRequest;
  readonly print: string;
  readonly guard: DuplicateGuard;
  readonly options: ChargeOptions;
  /** Monotonic. */
  readonly waitUntilMs: number;
  /** The row, or its attempt, was begun by this very call. */
  readonly begunHere: boolean;
}

async function begun(deps: ChargeDeps, opened: Claimed, asked: Asked): Promise<ChargeOutcome> {
  const first = await drive(deps, opened, {
    justOpened: true,
    begunHere: true,
    options: asked.options,
  });
  const outcome = await waitForOutcome(
    deps,
    await throughPassing(deps, first, { ...asked, begunHere: true }),
    asked,
    false,
  );
  await tellRefusedRequest(deps, outcome.transaction);
  return outcome;
}

/** Null where the last attempt is not dead, or somebody else has begun another one meanwhile. */
async function tryNewAttempt(
  deps: ChargeDeps,
  known: Transaction,
  asked: Asked,
): Promise<Claimed | null> {
  if (known.fingerprint === asked.print ? !mayBeginAttempt(known) : !mayCorrect(known)) return null;
  const { request, print, guard } = asked;
  const reopened = await deps.ledger.reopen(
    known,
    { request, fingerprint: print, guard },
    deps.actor,
  );
  switch (reopened.kind) {
    case 'opened':
      return reopened;
    case 'stale':
      return null;
    case 'reference_taken':
    case 'duplicate_suspected':
      throw refusedBy(reopened, request);
  }
}

/** With corrected parameters only the attempt that was just begun with the same ones may be joined. */
async function mustBeSameNow(
  deps: ChargeDeps,
  known: Transaction,
  { request, print }: Asked,
): Promise<Transaction> {
  const now = (await deps.ledger.find(known.id)) ?? known;
  if (now.fingerprint !== print) throw keyReused(now, request);
  return now;
}

function existingOrRefused(
  opened: Exclude<OpenResult, { kind: 'opened' }>,
  { request, print }: Asked,
): Transaction {
  if (opened.kind !== 'exists') throw refusedBy(opened, request);
  const { transaction } = opened;
  if (transaction.fingerprint !== print && !mayCorrect(transaction))
    throw keyReused(transaction, request);
  return transaction;
}

function keyReused(transaction: Transaction, request: ChargeRequest): PayreconError {
  const different = differences(transaction, request);
  const fields = different.map(({ field }) => field);
  return new PayreconError(
    'key_reused',
    `The key ${JSON.stringify(request.key)} belongs to ${transaction.id}, which differs in ${fields.join(', ')}. Nothing was sent. Use the same parameters to ask about that payment, or a new key for a new one.`,
    {
      transaction,
      problems: different.map(({ field, recorded, given }) => ({
        field,
        message: `recorded is ${recorded}, given is ${given}`,
      })),
    },
  );
}

function refusedBy(
  refusal: Extract<OpenResult, { kind: 'reference_taken' | 'duplicate_suspected' }>,
  request: ChargeRequest,
): PayreconError {
  const { other } = refusal;
  if (refusal.kind === 'reference_taken') {
    return new PayreconError(
      'reference_taken',
      `The reference ${JSON.stringify(request.reference)} is taken by ${other.id} (${other.status}, key ${JSON.stringify(other.key)}). Nothing was sent. Run \`payrecon show ${other.id}\`, or charge again with its key.`,
      {
        transaction: other,
        problems: [{ field: 'reference', message: 'already charged or being charged' }],
      },
    );
  }
  return new PayreconError(
    'duplicate_suspected',
    `This looks like ${other.id} (${other.status}, key ${JSON.stringify(other.key)}): same ${refusal.matched.join(' and ').replace('_', ' ')}, same amount, moments ago. Nothing was sent. If it is the same payment, use its key; if it is another one, add --allow-duplicate.`,
    {
      transaction: other,
      problems: refusal.matched.map((field) => ({
        field,
        message: 'same as in the other transaction',
      })),
    },
  );
}

/** No bank was asked and no customer is told: the operator is, once a cause. */
async function tellRefusedRequest(deps: ChargeDeps, transaction: Transaction): Promise<void> {
  if (transaction.status !== 'failed' || transaction.failureKind !== 'request') return;
  const { id, failureCode, failureMessage } = transaction;
  try {
    await deps.passes.tellCause('operator_request_refused', failureCode ?? 'unknown', {
      transaction_id: id,
      code: failureCode,
      message: failureMessage,
    });
  } catch (error) {
    // The outcome is recorded, and is what the caller has to know; the next refusal tells the operator.
    if (!(error instanceof PayreconError)) throw error;
  }
}

/** What waited too long for its turn was not sent at all. */
function isWorthAnotherTry(answer: Answer): boolean {
  return isPassing(answer) || (answer.kind === 'unknown' && answer.reason === 'queue');
}

/**
 * A refusal that passes (a rate limit, a lock, a twin under way) is tried again within the caller's
 * wait, later and later, at random within each pause so that many do not come back together.
 */
async function throughPassing(deps: ChargeDeps, first: Advanced, asked: Asked): Promise<Advanced> {
  let advanced = first;
  let pauseMs = PASSING_PAUSE_MS;
  while (
    advanced.last !== null &&
    advanced.transaction.status === 'pending' &&
    isWorthAnotherTry(advanced.last.answer)
  ) {
    const leftMs = asked.waitUntilMs - deps.clock.monotonicMs();
    if (leftMs <= 0 || asked.options.signal?.aborted === true) break;
    await deps.clock.sleep(
      Math.min(pauseMs * (0.5 + deps.chance.uniform() / 2), leftMs),
      asked.options.signal,
    );
    pauseMs = Math.min(pauseMs * 2, PASSING_PAUSE_CAP_MS);
    advanced = await resumeOnce(deps, advanced.transaction, asked);
  }
  return advanced;
}

async function resume(deps: ChargeDeps, known: Transaction, asked: Asked): Promise<Advanced> {
  return await throughPassing(deps, await resumeOnce(deps, known, asked), asked);
}

/** A known key: settled is returned as it is; open is advanced, waiting for whoever holds it. */
async function resumeOnce(
  deps: ChargeDeps,
  known: Transaction,
  { options, waitUntilMs, begunHere }: Asked,
): Promise<Advanced> {
  let transaction = known;
  for (;;) {
    const settled = standing(transaction);
    if (settled !== null) return settled;
    const claimed = await orUnknown(transaction, deps.ledger.claim(transaction.id, deps.actor));
    if (claimed !== null) {
      const now = standing(claimed.transaction);
      if (now === null)
        return await drive(deps, claimed, { justOpened: false, begunHere, options });
      await deps.ledger.release([claimed.lease]);
      return now;
    }
    if (options.signal?.aborted === true) return stopped(transaction, 'interrupted', 'interrupted');
    if (deps.clock.monotonicMs() >= waitUntilMs)
      return stopped(transaction, 'lease_lost', 'another process is working on it');
    await deps.clock.sleep(LEASE_POLL_MS * (1 + deps.chance.uniform()), options.signal);
    transaction = (await orUnknown(transaction, deps.ledger.find(transaction.id))) ?? transaction;
  }
}

function standing(transaction: Transaction): Advanced | null {
  if (transaction.status === 'pending') return null;
  return stopped(transaction, transaction.status === 'stuck' ? 'stuck' : 'settled', null);
}

function stopped(
  transaction: Transaction,
  reason: Advanced['reason'],
  summary: string | null,
): Advanced {
  return {
    transaction,
    reason,
    summary: summary ?? '',
    last: null,
    recorded: true,
    now: transaction.updatedAt,
  };
}

interface Driving {
  /** The row was inserted, or its attempt begun, by this very call: nothing has been sent under its key. */
  readonly justOpened: boolean;
  readonly begunHere: boolean;
  readonly options: ChargeOptions;
}

async function drive(
  deps: ChargeDeps,
  claimed: Claimed,
  { justOpened, begunHere, options: { signal } }: Driving,
): Promise<Advanced> {
  const advanced = await orUnknown(
    claimed.transaction,
    advance(deps, claimed, {
      purpose: 'charge',
      justOpened,
      begunHere,
      ...(signal === undefined ? {} : { signal }),
    }),
  );
  if (!advanced.recorded)
    await orUnknown(advanced.transaction, deps.ledger.release([claimed.lease]));
  if (advanced.reason === 'unauthorized') {
    if (mayHaveCharged(advanced.transaction)) {
      throw new PayreconError(
        { code: 'stripe_unauthorized', kind: 'unknown_outcome' },
        `${advanced.summary}. Whether the earlier confirm went through is not known; the payment stays pending. Correct STRIPE_SECRET_KEY and run the same command again.`,
        {
          transaction: advanced.transaction,
          problems: [{ field: 'STRIPE_SECRET_KEY', message: 'refused by Stripe' }],
        },
      );
    }
    throw new PayreconError(
      'stripe_unauthorized',
      `${advanced.summary}. Nothing was charged by this call; the payment is recorded as pending. Correct STRIPE_SECRET_KEY and run the same command again.`,
      {
        transaction: advanced.transaction,
        problems: [{ field: 'STRIPE_SECRET_KEY', message: 'refused by Stripe' }],
      },
    );
  }
  return advanced;
}

/** The row is in the ledger: from here on a database that fails leaves a question, never a "nothing happened". */
async function orUnknown<Value>(transaction: Transaction, work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    throw asUnknownOutcome(
      error,
      'The payment is recorded as pending, and its outcome is not known: run the same command again.',
      transaction,
    );
  }
}

function mayHaveCharged({ step }: Transaction): boolean {
  return step === 'confirm_sent' || step === 'cancel_sent';
}

/** With `--wait` the caller keeps asking while the outcome is open, always about the same transaction. */
async function waitForOutcome(
  deps: ChargeDeps,
  first: Advanced,
  asked: Asked,
  repeated: boolean,
): Promise<ChargeOutcome> {
  const { options, waitUntilMs } = asked;
  let advanced = first;
  let pauseMs = OUTCOME_POLL_MS;
  while (
    options.waitForOutcome &&
    advanced.transaction.status === 'pending' &&
    options.signal?.aborted !== true
  ) {
    const leftMs = waitUntilMs - deps.clock.monotonicMs();
    if (leftMs <= 0) break;
    await deps.clock.sleep(Math.min(pauseMs, leftMs), options.signal);
    pauseMs = Math.min(pauseMs * 2, OUTCOME_POLL_CAP_MS);
    advanced = await resume(deps, advanced.transaction, asked);
  }
  return {
    transaction: advanced.transaction,
    repeated,
    situation: situationOf(advanced),
    note: advanced.summary === '' ? null : advanced.summary,
    ownLimit: advanced.last?.answer.kind === 'unknown' && advanced.last.answer.reason === 'queue',
    ...forTheCustomersPage(advanced),
  };
}

/** What a page needs to let the customer authenticate; of an on-session charge, and never kept. */
function forTheCustomersPage({
  transaction,
  last,
}: Advanced): Pick<ChargeOutcome, 'clientSecret' | 'nextAction'> {
  const intent = last?.answer.kind === 'intent' ? last.answer.intent : null;
  if (
    intent === null ||
    !transaction.onSession ||
    transaction.status !== 'pending' ||
    intent.id !== transaction.paymentIntent
  ) {
    return { clientSecret: null, nextAction: null };
  }
  return { clientSecret: intent.clientSecret, nextAction: intent.nextAction };
}

function situationOf(advanced: Advanced): ChargeSituation {
  switch (advanced.transaction.status) {
    case 'succeeded':
    case 'failed':
    case 'canceled':
      return 'settled';
    case 'stuck':
      return 'stuck';
    case 'pending':
      return SITUATION_OF_PENDING[advanced.reason];
  }
}

/** By what the run of a row that is still pending ended with. */
const SITUATION_OF_PENDING: Readonly<Record<Advanced['reason'], ChargeSituation>> = {
  processing: 'processing',
  requires_action: 'requires_action',
  not_sent: 'not_sent',
  interrupted: 'interrupted',
  lease_lost: 'in_progress',
  unknown: 'unknown',
  settled: 'unknown',
  stuck: 'unknown',
  undecided: 'unknown',
  absent_once: 'unknown',
  rate_limited: 'unknown',
  unauthorized: 'unknown',
  // Of a person's resolution alone; "unknown" would claim the least.
  resolved: 'unknown',
  not_stuck: 'unknown',
  illegal_resolution: 'unknown',
  cancel_needed: 'unknown',
  cancel_failed: 'unknown',
};

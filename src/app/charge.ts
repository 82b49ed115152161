import { PayreconError } from '../domain/errors.ts';
import { differingFields } from '../domain/charge-request.ts';
import { fingerprint } from '../domain/fingerprint.ts';
import type { ChargeRequest, Transaction } from '../domain/transaction.ts';
import { advance } from './advance.ts';
import type { AdvanceDeps, Advanced } from './advance.ts';
import type { ChargeOptions, ChargeOutcome, ChargeSituation } from './payrecon.ts';
import type { Claimed, OpenResult } from './ports.ts';
import { asUnknownOutcome } from './unknown-outcome.ts';

/** How often a caller looks again while another process advances its transaction. */
const LEASE_POLL_MS = 100;
/** How often a caller who asked to wait asks Stripe again, at first and at most. */
const OUTCOME_POLL_MS = 500;
const OUTCOME_POLL_CAP_MS = 5_000;

export interface ChargeDeps extends AdvanceDeps {
  readonly duplicateWindowMs: number;
}

/**
 * Charges once, however often it is called with the same key: the first call starts the payment,
 * every later one resumes it from its recorded step or returns its outcome.
 *
 * @throws PayreconError `refused` (key reused with other parameters, reference taken, duplicate
 *   suspected; nothing was sent), `configuration` (Stripe refused our key), `unreachable` (database).
 */
export async function charge(deps: ChargeDeps, request: ChargeRequest, options: ChargeOptions): Promise<ChargeOutcome> {
  const waitUntilMs = deps.clock.monotonicMs() + options.waitMs;
  const print = fingerprint(request);
  const opened = await deps.ledger.open(request, print, { windowMs: deps.duplicateWindowMs, allow: options.allowDuplicate }, deps.actor);
  if (opened.kind === 'opened') return await waitForOutcome(deps, await drive(deps, opened, true, options), options, waitUntilMs, false);
  const transaction = existingOrRefused(opened, request, print);
  return await waitForOutcome(deps, await resume(deps, transaction, options, waitUntilMs), options, waitUntilMs, true);
}

function existingOrRefused(opened: Exclude<OpenResult, { kind: 'opened' }>, request: ChargeRequest, print: string): Transaction {
  switch (opened.kind) {
    case 'exists': {
      const { transaction } = opened;
      if (transaction.fingerprint === print) return transaction;
      const fields = differingFields(transaction, request);
      throw new PayreconError(
        'refused',
        'key_reused',
        `The key ${JSON.stringify(request.key)} belongs to ${transaction.id}, which differs in ${fields.join(', ')}. Nothing was sent. Use the same parameters to ask about that payment, or a new key for a new one.`,
        { transaction, problems: fields.map((field) => ({ field, message: 'differs from the recorded transaction' })) },
      );
    }
    case 'reference_taken':
      throw new PayreconError(
        'refused',
        'reference_taken',
        `The reference ${JSON.stringify(request.reference)} is taken by ${opened.other.id} (${opened.other.status}, key ${JSON.stringify(opened.other.key)}). Nothing was sent. Run \`payrecon show ${opened.other.id}\`, or charge again with its key.`,
        { transaction: opened.other, problems: [{ field: 'reference', message: 'already charged or being charged' }] },
      );
    case 'duplicate_suspected':
      throw new PayreconError(
        'refused',
        'duplicate_suspected',
        `This looks like ${opened.other.id} (${opened.other.status}, key ${JSON.stringify(opened.other.key)}): same ${opened.matched.join(' and ').replace('_', ' ')}, same amount, moments ago. Nothing was sent. If it is the same payment, use its key; if it is another one, add --allow-duplicate.`,
        { transaction: opened.other, problems: opened.matched.map((field) => ({ field, message: 'same as in the other transaction' })) },
      );
  }
}

/** A known key: settled is returned as it is; open is advanced, waiting for whoever holds it. */
async function resume(deps: ChargeDeps, known: Transaction, options: ChargeOptions, waitUntilMs: number): Promise<Advanced> {
  let transaction = known;
  for (;;) {
    const settled = standing(transaction);
    if (settled !== null) return settled;
    const claimed = await orUnknown(transaction, deps.ledger.claim(transaction.id, deps.actor));
    if (claimed !== null) {
      const now = standing(claimed.transaction);
      if (now === null) return await drive(deps, claimed, false, options);
      await deps.ledger.release([claimed.lease]);
      return now;
    }
    if (options.signal?.aborted === true) return stopped(transaction, 'interrupted', 'interrupted');
    if (deps.clock.monotonicMs() >= waitUntilMs) return stopped(transaction, 'lease_lost', 'another process is working on it');
    await deps.clock.sleep(LEASE_POLL_MS * (1 + deps.chance.uniform()), options.signal);
    transaction = (await orUnknown(transaction, deps.ledger.find(transaction.id))) ?? transaction;
  }
}

function standing(transaction: Transaction): Advanced | null {
  if (transaction.status === 'pending') return null;
  return stopped(transaction, transaction.status === 'stuck' ? 'stuck' : 'settled', null);
}

function stopped(transaction: Transaction, reason: Advanced['reason'], words: string | null): Advanced {
  return { transaction, reason, words: words ?? '', last: null, recorded: true, now: transaction.updatedAt };
}

async function drive(deps: ChargeDeps, claimed: Claimed, justOpened: boolean, options: ChargeOptions): Promise<Advanced> {
  const { signal } = options;
  const advanced = await orUnknown(claimed.transaction, advance(deps, claimed, { purpose: 'charge', justOpened, ...(signal === undefined ? {} : { signal }) }));
  if (!advanced.recorded) await orUnknown(advanced.transaction, deps.ledger.release([claimed.lease]));
  if (advanced.reason === 'unauthorized') {
    if (mayHaveCharged(advanced.transaction)) {
      throw new PayreconError(
        'unknown_outcome',
        'stripe_unauthorized',
        `${advanced.words}. Whether the earlier confirm went through is not known; the payment stays pending. Correct STRIPE_SECRET_KEY and run the same command again.`,
        { transaction: advanced.transaction, problems: [{ field: 'STRIPE_SECRET_KEY', message: 'refused by Stripe' }] },
      );
    }
    throw new PayreconError(
      'configuration',
      'stripe_unauthorized',
      `${advanced.words}. Nothing was charged by this call; the payment is recorded as pending. Correct STRIPE_SECRET_KEY and run the same command again.`,
      { transaction: advanced.transaction, problems: [{ field: 'STRIPE_SECRET_KEY', message: 'refused by Stripe' }] },
    );
  }
  return advanced;
}

/** The row is in the ledger: from here on a database that fails leaves a question, never a "nothing happened". */
async function orUnknown<Value>(transaction: Transaction, work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    throw asUnknownOutcome(error, 'The payment is recorded as pending, and its outcome is not known: run the same command again.', transaction);
  }
}

function mayHaveCharged({ step }: Transaction): boolean {
  return step === 'confirm_sent' || step === 'cancel_sent';
}

/** With `--wait` the caller keeps asking while the outcome is open, always about the same transaction. */
async function waitForOutcome(deps: ChargeDeps, first: Advanced, options: ChargeOptions, waitUntilMs: number, repeated: boolean): Promise<ChargeOutcome> {
  let advanced = first;
  let pauseMs = OUTCOME_POLL_MS;
  while (options.waitForOutcome && advanced.transaction.status === 'pending' && options.signal?.aborted !== true) {
    const leftMs = waitUntilMs - deps.clock.monotonicMs();
    if (leftMs <= 0) break;
    await deps.clock.sleep(Math.min(pauseMs, leftMs), options.signal);
    pauseMs = Math.min(pauseMs * 2, OUTCOME_POLL_CAP_MS);
    advanced = await resume(deps, advanced.transaction, options, waitUntilMs);
  }
  return { transaction: advanced.transaction, repeated, situation: situationOf(advanced), note: advanced.words === '' ? null : advanced.words };
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
      return pendingSituation(advanced);
  }
}

function pendingSituation({ reason }: Advanced): ChargeSituation {
  switch (reason) {
    case 'processing':
    case 'requires_action':
    case 'not_sent':
    case 'interrupted':
      return reason;
    case 'lease_lost':
      return 'in_progress';
    case 'unknown':
    case 'settled':
    case 'stuck':
    case 'undecided':
    case 'absent_once':
    case 'rate_limited':
    case 'unauthorized':
      return 'unknown';
  }
}

import type { ChargeOutcome } from '../../../app/service.ts';
import { mayBeginAttempt } from '../../../domain/attempts.ts';
import { explain } from '../../../domain/explain.ts';
import type { Instant, JsonObject, Transaction } from '../../../domain/transaction.ts';
import type { CommandContext } from '../../context.ts';
import type { Output } from '../../streams.ts';
import { block, type Line } from '../parts/details.ts';
import { type Hint, hints } from '../parts/next-steps.ts';
import { writeJson } from '../parts/json.ts';
import { createTheme } from '../parts/theme.ts';
import { transactionBlock } from './transaction.ts';
import { transactionJson } from '../parts/transaction-json.ts';

/** The transaction as data, and what the page of a customer who has to authenticate needs. */
export function writeOutcome(
  outcome: ChargeOutcome,
  { json, out, services }: CommandContext,
): void {
  const { transaction, clientSecret, nextAction } = outcome;
  const now = services.now();
  const isForPage = waitsForCustomer(outcome);
  if (json) {
    const page = isForPage ? { client_secret: clientSecret, next_action: nextAction } : {};
    writeJson(out, { ...transactionJson(transaction, now), ...page });
    return;
  }
  out.write(transactionBlock(transaction, out, now));
  if (!isForPage) return;
  const lines: readonly Line[] = [
    { label: 'client secret', value: clientSecret },
    { label: 'next action', value: nextAction === null ? null : actionText(nextAction) },
  ];
  out.write(block(lines, createTheme(out), out));
}

function waitsForCustomer({ transaction, clientSecret, nextAction }: ChargeOutcome): boolean {
  return (
    transaction.onSession &&
    transaction.status === 'pending' &&
    (clientSecret !== null || nextAction !== null)
  );
}

/** `redirect_to_url https://..`; another action by its name alone, its details are for programs. */
function actionText(action: JsonObject): string {
  const type = typeof action['type'] === 'string' ? action['type'] : 'unknown';
  const details = action[type];
  const isObject = typeof details === 'object' && details !== null && !Array.isArray(details);
  const url = isObject ? (details as JsonObject)['url'] : null;
  return typeof url === 'string' ? `${type} ${url}` : type;
}

/** What happens next, and the exact command to run next. */
export function chargeHints(
  outcome: ChargeOutcome,
  typed: readonly string[],
  output: Output,
  now: Instant,
): string {
  return hints(hintsFor(outcome, ['payrecon', ...typed], now), output);
}

function hintsFor(outcome: ChargeOutcome, again: readonly string[], now: Instant): readonly Hint[] {
  const { transaction, repeated, note } = outcome;
  const why = explain(transaction, now);
  const known: readonly Hint[] = repeated
    ? [{ text: 'This key was known: nothing new was started.' }]
    : [];
  switch (transaction.status) {
    case 'succeeded':
      return known;
    case 'failed':
    case 'canceled':
      return [...known, ...afterNoSuccess(transaction, why, again)];
    case 'stuck':
      return [{ text: why, command: ['payrecon', 'stuck', 'resolve', transaction.id] }];
    case 'pending': {
      const heard = note === null ? [] : [{ text: `Last heard: ${note}.` }];
      return [...heard, { text: why }, { text: nextFor(outcome), command: again }];
    }
  }
}

/** Whether the key is used up, or the same one makes a new attempt. */
function afterNoSuccess(
  transaction: Transaction,
  why: string,
  again: readonly string[],
): readonly Hint[] {
  if (transaction.failureKind === 'authentication' && transaction.status === 'failed')
    return [{ text: why }];
  if (!mayBeginAttempt(transaction))
    return [{ text: `${why} This key is used up; a new attempt needs a new key.` }];
  // What was refused is refused again until it is corrected: that command is not to be pasted.
  return [transaction.status === 'failed' ? { text: why } : { text: why, command: again }];
}

function nextFor(outcome: ChargeOutcome): string {
  const { situation, transaction } = outcome;
  if (situation === 'in_progress') {
    return 'Another process is advancing it. To see how it ends, run the same command again; it never charges twice:';
  }
  if (waitsForCustomer(outcome)) {
    return "The customer's page finishes it with the client secret (Stripe.js: handleNextAction). For the outcome, run the same command again; it never charges twice:";
  }
  switch (transaction.step) {
    case 'recorded':
      return 'To go on, run the same command again:';
    case 'created':
      return 'To go on, run the same command again; a pass that comes first cancels this payment intent, and the same key then makes a new attempt:';
    case 'create_sent':
    case 'confirm_sent':
    case 'cancel_sent':
    case 'settled':
      return `\`payrecon reconcile ${transaction.id}\` ${isWaiting(situation) ? 'records how it ends' : 'finds out'}. To ask now, run the same command again; it never charges twice:`;
  }
}

function isWaiting(situation: ChargeOutcome['situation']): boolean {
  return situation === 'processing' || situation === 'requires_action';
}

import { otherIntentsIn } from '../../../domain/other-intents.ts';
import type { Canceler, FailureKind, Instant, Transaction } from '../../../domain/transaction.ts';
import type { CommandContext } from '../../context.ts';
import type { Output } from '../../streams.ts';
import { amountText } from '../parts/amount.ts';
import { block, type Line } from '../parts/details.ts';
import { writeJson } from '../parts/json.ts';
import { createTheme, type Theme } from '../parts/theme.ts';
import { fullTime } from '../parts/time.ts';
import { transactionJson } from '../parts/transaction-json.ts';

/** `✓ succeeded  $49.99`: the first thing a person reads. */
export function headline(transaction: Transaction, theme: Theme): string {
  const status = `${theme.sign(transaction.status)} ${transaction.status}`;
  return `${theme.strong(theme.status(transaction.status)(status))}  ${theme.strong(amountText(transaction))}\n`;
}

/** Whose fault it was, before Stripe's words: a decline's own words say it. */
const faults = {
  declined: '',
  request: 'Stripe refused the request: ',
  authentication: 'the bank wants the customer to authenticate it: ',
} as const satisfies Readonly<Record<FailureKind, string>>;

/** Stripe's reason, with the code that can be looked up. */
export function failureText({
  failureMessage,
  failureCode,
  failureKind,
}: Transaction): string | null {
  const reason =
    failureMessage === null || failureCode === null
      ? (failureMessage ?? failureCode)
      : `${failureMessage} (${failureCode})`;
  return reason === null ? null : `${failureKind === null ? '' : faults[failureKind]}${reason}`;
}

const cancelers = {
  fence: 'by payrecon, because it was not confirmed',
  person: 'by a person',
  stripe: 'by Stripe',
} as const satisfies Readonly<Record<Canceler, string>>;

export function cancelerText({ status, canceledBy }: Transaction): string | null {
  return status !== 'canceled' || canceledBy === null ? null : cancelers[canceledBy];
}

/** What Stripe shows of another ledger's or program's use of the key. */
export function otherIntentLines({ review }: Transaction): readonly Line[] {
  return otherIntentsIn(review?.evidence ?? {}).map(({ isUnderOurKey, words }) => ({
    label: isUnderOurKey ? 'under key' : 'looks like',
    value: words,
  }));
}

export function stripeText({ paymentIntent, stripeStatus }: Transaction): string | null {
  if (paymentIntent === null) return null;
  return stripeStatus === null ? paymentIntent : `${paymentIntent} (${stripeStatus})`;
}

/** A transaction in a few lines: what it is, and where it stands. */
export function transactionBlock(transaction: Transaction, output: Output, now: Instant): string {
  const theme = createTheme(output);
  const open = transaction.status === 'pending' || transaction.status === 'stuck';
  const time = (instant: Instant | null): string | null =>
    instant === null ? null : fullTime(instant, now, output);
  const lines: readonly Line[] = [
    { label: 'key', value: transaction.key },
    { label: 'id', value: transaction.id },
    { label: 'reference', value: transaction.reference },
    { label: 'Stripe', value: stripeText(transaction) },
    { label: 'failure', value: failureText(transaction) },
    { label: 'canceled', value: cancelerText(transaction) },
    { label: 'created', value: time(transaction.createdAt) },
    { label: 'settled', value: time(transaction.settledAt) },
    { label: 'next', value: open ? time(transaction.nextAttemptAt) : null },
  ];
  return headline(transaction, theme) + block(lines, theme, output);
}

/** The transaction as data: on standard output, as JSON where asked. */
export function writeTransaction(
  transaction: Transaction,
  { json, out, services }: CommandContext,
): void {
  if (json) writeJson(out, transactionJson(transaction, services.now()));
  else out.write(transactionBlock(transaction, out, services.now()));
}

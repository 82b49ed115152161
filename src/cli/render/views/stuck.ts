import type { LetterPreview, ResolveTarget, StuckCase } from '../../../app/service.ts';
import { formatMoney } from '../../../domain/money/money.ts';
import type { Instant } from '../../../domain/transaction.ts';
import type { Output } from '../../streams.ts';
import { block } from '../parts/details.ts';
import { escapeText } from '../parts/escape.ts';
import { createTheme } from '../parts/theme.ts';
import { fullTime } from '../parts/time.ts';
import { headline, otherIntentLines } from './transaction.ts';

/** What is known, before anything is asked: the row, why it waits, and what Stripe says at this moment. */
export function evidenceText(
  { transaction, evidence, targets }: StuckCase,
  output: Output,
  now: Instant,
): string {
  const theme = createTheme(output);
  const { review } = transaction;
  const lines = [
    { label: 'key', value: transaction.key },
    { label: 'id', value: transaction.id },
    { label: 'created', value: fullTime(transaction.createdAt, now, output) },
    {
      label: 'waits for',
      value: review === null ? 'it is overdue' : review.message,
      paint: theme.warn,
    },
    ...otherIntentLines(transaction),
    { label: 'Stripe now', value: evidence, paint: theme.strong },
    { label: 'possible', value: targets.map((target) => target.as).join(', ') },
  ];
  return `${headline(transaction, theme)}${block(lines, theme, output)}\n`;
}

function wordsFor(as: ResolveTarget): string {
  switch (as) {
    case 'retry':
      return 'Hand it back to the reconciler';
    case 'acknowledge':
      return 'Take it off the work list';
    case 'succeeded':
    case 'failed':
    case 'canceled':
      return `Record it as ${as}`;
  }
}

/** What the customer is told of the decision, as it will be sent. */
export function letterText(
  letter: LetterPreview | null,
  isLeftOut: boolean,
  output: Output,
): string {
  const theme = createTheme(output);
  if (letter === null) return `${theme.strong('The customer')} is told nothing of this.\n\n`;
  const to = escapeText(letter.to);
  if (isLeftOut)
    return `${theme.strong('The customer')} (${to}) is not written to (--no-email).\n\n`;
  const lines = [letter.subject, '', ...letter.text.trimEnd().split('\n')];
  const shown = lines.map((line) => `  | ${escapeText(line)}`.trimEnd()).join('\n');
  return `${theme.strong(`The customer is sent this (${to}); --no-email leaves it out`)}\n${shown}\n\n`;
}

/** With the sum that the decision is about: as a success, the one that Stripe shows as received. */
export function confirmationText(
  { transaction, seen }: Pick<StuckCase, 'transaction' | 'seen'>,
  as: ResolveTarget,
): string {
  const what = wordsFor(as);
  const asked = formatMoney(transaction.amount, transaction.currency);
  const taken =
    as === 'succeeded' && seen.kind === 'intent'
      ? formatMoney(seen.intent.amountReceived, seen.intent.currency)
      : asked;
  const sum = taken === asked ? asked : `${taken} (asked for ${asked})`;
  return escapeText(`${what}: ${sum}, ${transaction.id}?`);
}

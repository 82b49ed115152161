import type { PassOutcome, ReconciledRow } from '../../../app/service.ts';
import type { Instant, Transaction } from '../../../domain/transaction.ts';
import type { Output } from '../../streams.ts';
import { amountOf, amountWords } from '../parts/amount.ts';
import { block } from '../parts/details.ts';
import { escapeText } from '../parts/escape.ts';
import { shorten, widthOf } from '../parts/columns.ts';
import { type Hint, hints } from '../parts/next-steps.ts';
import { countFrom, needsWords, unsentCount } from '../parts/waiting.ts';
import { createTheme } from '../parts/theme.ts';
import { lengthOfTime } from '../parts/time.ts';

const statusWidth = 11;
const amountWidth = 12;
const keyWidth = { least: 20, most: 40 } as const;

/** One transaction as its verdict falls. Rows are printed as they come, so widths cannot depend on later rows. */
export function rowLine({ after, verdict }: ReconciledRow, output: Output): string {
  const theme = createTheme(output);
  const roomForKey = Number.isFinite(output.columns)
    ? Math.max(keyWidth.least, Math.min(keyWidth.most, Math.floor(output.columns / 4)))
    : keyWidth.most;
  const status = pad(`${theme.sign(after.status)} ${after.status}`, statusWidth);
  const amount = amountOf(after).money.padStart(amountWidth);
  const wholeKey = escapeText(after.key);
  const key = pad(
    Number.isFinite(output.columns) ? shorten(wholeKey, roomForKey, 'middle') : wholeKey,
    roomForKey,
  );
  const before = statusWidth + widthOf(amount) + widthOf(key) + 6;
  const words = shorten(
    escapeText([amountWords(after), verdict].filter((part) => part !== null).join(', ')),
    Math.max(output.columns - before, 10),
  );
  return `${theme.status(after.status)(status)}  ${amount}  ${key}  ${words}`.trimEnd() + '\n';
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

export function passText(
  outcome: PassOutcome,
  { dryRun, now }: { readonly dryRun: boolean; readonly now: Instant },
  output: Output,
): string {
  const theme = createTheme(output);
  const { due, settled, pending, stuck, notSent, stripeCalls, durationMs } = outcome.report;
  const { tooYoung, tooYoungUntil, later, laterFrom } = outcome.waiting;
  const settledTotal = settled.succeeded + settled.failed + settled.canceled;
  const calls = stripeCalls.list + stripeCalls.retrieve + stripeCalls.other;
  const lines = [
    { label: outcome.named === null ? 'due' : 'named', value: String(due) },
    {
      label: 'settled',
      value: `${String(settledTotal)}: ${String(settled.succeeded)} succeeded, ${String(settled.failed)} failed, ${String(settled.canceled)} canceled`,
    },
    { label: 'pending', value: String(pending) },
    { label: 'too young', value: countFrom(tooYoung, tooYoungUntil, { now, output }) },
    { label: 'later', value: countFrom(later, laterFrom, { now, output }) },
    {
      label: 'not sent',
      value: unsentCount(notSent),
    },
    { label: 'stuck', value: String(stuck), ...(stuck > 0 ? { paint: theme.warn } : {}) },
    {
      label: 'calls',
      value: `${String(calls)}: ${String(stripeCalls.list)} list, ${String(stripeCalls.retrieve)} retrieve, ${String(stripeCalls.other)} other, in ${lengthOfTime(durationMs)}`,
    },
  ];
  return `${theme.strong(escapeText(titleOf(outcome, dryRun)))}\n${block(lines, theme, output)}`;
}

function titleOf({ passId, named }: PassOutcome, dryRun: boolean): string {
  if (dryRun) return 'Dry run: nothing was changed';
  return named === null ? `Pass ${passId ?? ''}` : 'Asked Stripe about what was named';
}

export function passHints(outcome: PassOutcome, output: Output): string {
  const all: Hint[] = [];
  const { stuckTotal, overdueTotal, changedTotal, interrupted } = outcome;
  if (interrupted)
    all.push({
      text: 'Interrupted: what was under way was finished and recorded; the rest stays due.',
    });
  if (outcome.report.outage)
    all.push({
      text: 'Stripe is out of reach, so the pass stopped early. Nothing was counted as an attempt; the next pass goes on.',
    });
  const early = stoppedEarly(outcome.report.stoppedBy);
  if (early !== null) all.push(early);
  if (outcome.rolledBack) {
    all.push({
      text: 'Stripe shows payments of this ledger that the ledger does not have: it was restored from a backup, or lost its newest steps. Nothing is charged until it has them again; restore its newest copy.',
    });
  }
  if (outcome.named !== null) all.push(...outcome.named.held.map(heldHint));
  if (stuckTotal + overdueTotal + changedTotal > 0) {
    all.push({
      text: `A person is needed: ${needsWords({ stuck: stuckTotal, overdue: overdueTotal, changed: changedTotal })}.`,
      command: ['payrecon', 'stuck', 'list'],
    });
  }
  return hints(all, output);
}

function heldHint({ id }: Transaction): Hint {
  return {
    text: `${id} is being worked on by another process, so it was not asked about. In a moment:`,
    command: ['payrecon', 'reconcile', id],
  };
}

/** An outage and a signal have sentences of their own. */
function stoppedEarly(stoppedBy: string | null): Hint | null {
  switch (stoppedBy) {
    case null:
    case 'outage':
    case 'interrupted':
      return null;
    case 'key_forbidden':
      return {
        text: 'This key may not make one kind of call (403), so payments that need it stay due; the others were looked at.',
        command: ['payrecon', 'doctor'],
      };
    case 'key_refused':
      return {
        text: 'Stripe refuses the key (401): correct STRIPE_SECRET_KEY.',
        command: ['payrecon', 'doctor'],
      };
    case 'error':
      return {
        text: 'The pass stopped early because of an error; what it had recorded stands, and the rest stays due.',
      };
    default:
      return { text: `The pass stopped early (${stoppedBy}); the rest stays due.` };
  }
}

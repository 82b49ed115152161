import {
  type ChargeFileReport,
  endOf,
  type RowEnd,
  type RowResult,
} from '../../../app/charge-file.ts';
import type { PayreconError } from '../../../domain/errors.ts';
import type { Status } from '../../../domain/statuses.ts';
import type { Instant, JsonObject } from '../../../domain/transaction.ts';
import type { Output } from '../../streams.ts';
import { amountOf, amountWords } from '../parts/amount.ts';
import { block, type Line } from '../parts/details.ts';
import { escapeText } from '../parts/escape.ts';
import { shorten, widthOf } from '../parts/columns.ts';
import { type Hint, hints } from '../parts/next-steps.ts';
import { createTheme } from '../parts/theme.ts';
import { lengthOfTime } from '../parts/time.ts';
import { refusedTransactionJson } from './refusal.ts';
import { failureText } from './transaction.ts';
import { transactionJson } from '../parts/transaction-json.ts';

const lineWidth = 7;
const endWidth = 13;
const amountWidth = 12;
const keyWidth = 24;

/** One JSON line a row. `error` has the form that it has everywhere; what a refusal speaks of stands in it. */
export function resultJson(result: RowResult, now: Instant): JsonObject {
  const { line, key } = result.row;
  const end = endOf(result);
  if (result.kind === 'charged') {
    const { transaction, repeated } = result.outcome;
    return {
      line,
      key,
      result: end,
      repeated,
      transaction: transactionJson(transaction, now),
      error: null,
    };
  }
  const { error } = result;
  const { code, kind, problems, transaction } = error;
  const fields = [...new Set(problems.map(({ field }) => field))];
  const isOther = kind === 'refused';
  const other =
    isOther && transaction !== null
      ? { transaction: refusedTransactionJson(error, transaction, now) }
      : {};
  return {
    line,
    key,
    result: end,
    repeated: false,
    transaction: transaction === null || isOther ? null : transactionJson(transaction, now),
    error: { code, message: errorWords(error), fields, ...other },
  };
}

function errorWords({ message, problems }: PayreconError): string {
  return [message, ...problems.map((problem) => `${problem.field}: ${problem.message}.`)].join(' ');
}

/** One line a row, as it ends; widths cannot depend on rows that come later. */
export function resultLine(result: RowResult, output: Output): string {
  const theme = createTheme(output);
  const end = endOf(result);
  const status = isStatus(end) ? end : null;
  const sign = status === null ? '✗' : theme.sign(status);
  const colour = status === null ? theme.bad : theme.status(status);
  const transaction = result.kind === 'charged' ? result.outcome.transaction : null;
  const amount = transaction === null ? '' : amountOf(transaction).money;
  const wholeKey = escapeText(result.row.key ?? '');
  const key = Number.isFinite(output.columns) ? shorten(wholeKey, keyWidth, 'middle') : wholeKey;
  const start = String(result.row.line).padStart(lineWidth);
  const middle = `${amount.padStart(amountWidth)}  ${pad(key, keyWidth)}`;
  const room = output.columns - lineWidth - endWidth - widthOf(middle) - 6;
  const words = shorten(escapeText(wordsOf(result)), Math.max(room, 10));
  return (
    `${theme.faint(start)}  ${colour(pad(`${sign} ${end}`, endWidth))}  ${middle}  ${words}`.trimEnd() +
    '\n'
  );
}

function isStatus(end: RowEnd): end is Status & RowEnd {
  return end !== 'refused' && end !== 'invalid' && end !== 'unreachable';
}

function wordsOf(result: RowResult): string {
  if (result.kind === 'failed') {
    const { problems, message } = result.error;
    return result.error.kind === 'usage'
      ? problems.map((problem) => `${problem.field}: ${problem.message}`).join('; ')
      : message;
  }
  const { transaction, repeated, note } = result.outcome;
  const words = transaction.status === 'pending' ? note : failureText(transaction);
  return [repeated ? 'known' : null, amountWords(transaction), words]
    .filter((part) => part !== null)
    .join(', ');
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

export function summary(
  { rows, ends, repeated, requestsRefused }: ChargeFileReport,
  elapsedMs: number,
  output: Output,
): string {
  const theme = createTheme(output);
  const always: readonly RowEnd[] = ['succeeded', 'failed', 'pending', 'invalid'];
  const lines: Line[] = [];
  for (const [end, count] of Object.entries(ends) as [RowEnd, number][]) {
    if (count === 0 && !always.includes(end)) continue;
    const fault =
      end === 'failed' && requestsRefused > 0
        ? `, of which ${String(requestsRefused)} ${requestsRefused === 1 ? 'is a request' : 'are requests'} that Stripe refused`
        : '';
    lines.push({
      label: end,
      value: `${String(count)}${fault}`,
      ...(end === 'stuck' && count > 0 ? { paint: theme.warn } : {}),
    });
  }
  lines.push({
    label: 'known',
    value: repeated === 0 ? null : `${String(repeated)}, where nothing new was started`,
  });
  const pace =
    elapsedMs > 0 && rows > 0 ? `, ${((rows / elapsedMs) * 1_000).toFixed(1)} a second` : '';
  lines.push({ label: 'took', value: `${lengthOfTime(elapsedMs)}${pace}` });
  return `${theme.strong(`${String(rows)} ${rows === 1 ? 'line' : 'lines'}`)}\n${block(lines, theme, output)}`;
}

export function summaryJson(
  { rows, ends, repeated, requestsRefused, interrupted }: ChargeFileReport,
  elapsedMs: number,
): JsonObject {
  return {
    summary: {
      lines: rows,
      ...ends,
      repeated,
      requests_refused: requestsRefused,
      interrupted,
      duration_ms: Math.round(elapsedMs),
    },
  };
}

export function summaryHints(
  { ends, requestsRefused, interrupted }: ChargeFileReport,
  typed: readonly string[],
  file: string,
  output: Output,
): string {
  const again = file === '-' ? {} : { command: ['payrecon', ...typed] };
  const end = file === '-' ? '.' : ':';
  const all: Hint[] = [];
  if (ends.stuck > 0)
    all.push({
      text: `A person is needed: ${String(ends.stuck)} stuck.`,
      command: ['payrecon', 'stuck', 'list'],
    });
  if (interrupted)
    all.push({
      text: `Interrupted: what was begun was finished and recorded. Run the same command again to go on; no line is charged twice${end}`,
      ...again,
    });
  else if (ends.pending + ends.unreachable > 0) {
    all.push({
      text: `${String(ends.pending + ends.unreachable)} pending. Run the same command again: what was not sent goes on, and Stripe is asked about the rest; no line is charged twice${end}`,
      ...again,
    });
  }
  if (requestsRefused > 0) {
    const many = `${String(requestsRefused)} ${requestsRefused === 1 ? 'request' : 'requests'}`;
    all.push({
      text: `Stripe refused ${many}: no bank was asked, nothing was charged, and their keys are not used up. Correct them and run the same command again${end}`,
      ...again,
    });
  }
  return hints(all, output);
}

import type { TransactionPage } from '../../../app/service.ts';
import { type Instant, isOverdue, type Transaction } from '../../../domain/transaction.ts';
import type { CommandContext } from '../../context.ts';
import type { Output } from '../../streams.ts';
import { amountOf } from './amount.ts';
import { type Column, widthOf } from './columns.ts';
import { hints } from './next-steps.ts';
import { writeJson } from './json.ts';
import { type Cell, table } from './table.ts';
import { createTheme, type Theme } from './theme.ts';
import { absoluteTime, relativeTime } from './time.ts';
import { pageJson } from './transaction-json.ts';

/** From this width on there is room for whole times instead of "3 min ago". */
const wide = 120;

const statusColumn: Column = { title: 'STATUS', least: 'whole', rank: 9 };
const otherColumns: readonly Column[] = [
  { title: 'KEY', least: 10, rank: 6, shorten: 'middle' },
  { title: 'ID', least: 'whole', rank: 7 },
  { title: 'CREATED', least: 'whole', rank: 5 },
  { title: 'CUSTOMER', least: 12, rank: 2, shorten: 'middle' },
  { title: 'REFERENCE', least: 10, rank: 3, shorten: 'middle' },
  { title: 'NOTE', least: 16, rank: 4 },
];

interface Page {
  readonly theme: Theme;
  readonly now: Instant;
  readonly isWide: boolean;
  readonly output: Output;
}

function cells(
  transaction: Transaction,
  amount: string,
  { theme, now, isWide, output }: Page,
): readonly Cell[] {
  const { status, createdAt } = transaction;
  return [
    { text: `${theme.sign(status)} ${status}`, paint: theme.status(status) },
    { text: amount },
    { text: transaction.key },
    { text: transaction.id, paint: theme.faint },
    { text: isWide ? absoluteTime(createdAt, output) : relativeTime(createdAt, now) },
    { text: transaction.customer ?? '' },
    { text: transaction.reference ?? '' },
    { text: noteOf(transaction, now) },
  ];
}

/** The one thing that a person has to know about it, beside its status. */
function noteOf(transaction: Transaction, now: Instant): string {
  const { review, status, step, failureKind, failureCode, canceledBy } = transaction;
  if (review !== null) return review.message;
  if (status === 'failed')
    return `${failureKind === null ? '' : failureNotes[failureKind]}${failureCode ?? ''}`;
  if (status === 'canceled') return canceledBy === 'fence' ? 'not confirmed' : '';
  if (isOverdue(transaction, now)) return 'overdue';
  return status === 'pending' && step === 'recorded' ? 'never sent' : '';
}

const failureNotes = {
  declined: '',
  request: 'request refused: ',
  authentication: 'authentication needed: ',
} as const;

export function pageText(page: TransactionPage, output: Output, now: Instant): string {
  const shown: Page = { theme: createTheme(output), now, output, isWide: output.columns >= wide };
  const { title, texts } = amountColumn(page.data, shown.isWide);
  const rows = page.data.map((transaction, at) => cells(transaction, texts[at] ?? '', shown));
  const columns: readonly Column[] = [
    statusColumn,
    { title, least: 'whole', rank: 8 },
    ...otherColumns,
  ];
  return table(columns, rows, output.columns, shown.theme);
}

/** The sums end below each other; what has to be said about one stands behind it. */
function amountColumn(
  data: readonly Transaction[],
  isWide: boolean,
): { readonly title: string; readonly texts: readonly string[] } {
  const amounts = data.map(amountOf);
  const width = Math.max('AMOUNT'.length, ...amounts.map(({ money }) => widthOf(money)));
  const before = (text: string): string => ' '.repeat(width - widthOf(text)) + text;
  const texts = amounts.map(({ money, remark, shortRemark }) =>
    `${before(money)} ${isWide ? remark : shortRemark}`.trimEnd(),
  );
  return { title: before('AMOUNT'), texts };
}

/** The page as data; for a person also how to see the next one. */
export function writePage(page: TransactionPage, context: CommandContext, whenEmpty: string): void {
  const { json, out, err, services } = context;
  if (json) {
    writeJson(out, pageJson(page, services.now()));
    return;
  }
  if (page.data.length > 0) out.write(pageText(page, out, services.now()));
  else err.write(hints([{ text: whenEmpty }], err));
  if (page.nextCursor !== null) {
    err.write(
      hints(
        [
          {
            text: 'There are more:',
            command: ['payrecon', ...withCursor(context.typed, page.nextCursor)],
          },
        ],
        err,
      ),
    );
  }
}

/** The same command line with the next page's cursor. */
function withCursor(typed: readonly string[], cursor: string): readonly string[] {
  const kept = typed.filter(
    (word, at) =>
      word !== '--cursor' && typed[at - 1] !== '--cursor' && !word.startsWith('--cursor='),
  );
  return [...kept, '--cursor', cursor];
}

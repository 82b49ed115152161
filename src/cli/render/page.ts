import { type TransactionPage } from '../../app/payrecon.ts';
import { formatMoney } from '../../domain/money.ts';
import { type Instant, type Transaction } from '../../domain/transaction.ts';
import { type CommandContext } from '../context.ts';
import { type Output } from '../streams.ts';
import { type Column } from './fit.ts';
import { hints } from './hint.ts';
import { writeJson } from './json.ts';
import { type Cell, table } from './table.ts';
import { createTheme, type Theme } from './theme.ts';
import { absoluteTime, relativeTime } from './time.ts';
import { pageJson } from './transaction-json.ts';

/** From this width on there is room for whole times instead of "3 min ago". */
const wide = 120;

const columns: readonly Column[] = [
  { title: 'STATUS', least: 'whole', rank: 9 },
  { title: 'AMOUNT', least: 'whole', rank: 8, align: 'right' },
  { title: 'KEY', least: 10, rank: 6, shorten: 'middle' },
  { title: 'ID', least: 'whole', rank: 7 },
  { title: 'CREATED', least: 'whole', rank: 5 },
  { title: 'CUSTOMER', least: 12, rank: 2, shorten: 'middle' },
  { title: 'REFERENCE', least: 10, rank: 3, shorten: 'middle' },
  { title: 'NOTE', least: 16, rank: 4 },
];

function cells(transaction: Transaction, theme: Theme, now: Instant, columnsThere: number): readonly Cell[] {
  const { status, createdAt } = transaction;
  return [
    { text: `${theme.sign(status)} ${status}`, paint: theme.status(status) },
    { text: formatMoney(transaction.amount, transaction.currency) },
    { text: transaction.key },
    { text: transaction.id, paint: theme.faint },
    { text: columnsThere < wide ? relativeTime(createdAt, now) : absoluteTime(createdAt) },
    { text: transaction.customer ?? '' },
    { text: transaction.reference ?? '' },
    { text: transaction.review?.message ?? transaction.failureCode ?? '' },
  ];
}

export function pageText(page: TransactionPage, output: Output, now: Instant): string {
  const theme = createTheme(output);
  const rows = page.data.map((transaction) => cells(transaction, theme, now, output.columns));
  return table(columns, rows, output.columns, theme);
}

/** The page as data; for a person also how to see the next one. */
export function writePage(page: TransactionPage, context: CommandContext, whenEmpty: string): void {
  const { json, out, err, services } = context;
  if (json) {
    writeJson(out, pageJson(page));
    return;
  }
  if (page.data.length > 0) out.write(pageText(page, out, services.now()));
  else err.write(hints([{ text: whenEmpty }], err));
  if (page.nextCursor !== null) {
    err.write(hints([{ text: 'There are more:', command: ['payrecon', ...withCursor(context.typed, page.nextCursor)] }], err));
  }
}

/** What was typed, but for the page after this one. */
function withCursor(typed: readonly string[], cursor: string): readonly string[] {
  const kept = typed.filter((word, at) => word !== '--cursor' && typed[at - 1] !== '--cursor' && !word.startsWith('--cursor='));
  return [...kept, '--cursor', cursor];
}

import { cursorAfter } from '../src/app/cursor.ts';
import type { FilledRow } from './fill-ledger.ts';

/** 2026-01-01, in milliseconds since 1970: far enough back that nothing of the history is young. */
const FROM = 1_767_225_600_000;
const SPAN_MS = 90 * 86_400_000;
/** Every third payment is one customer's, of whom only the first few payments failed. */
const BIG_CUSTOMER = 'cus_big';
const BIG_CUSTOMERS_FAILURES = 30;
const PAYMENTS_A_CUSTOMER = 20;

function createdAt(n: number, rows: number): number {
  return FROM + Math.floor((n * SPAN_MS) / rows);
}

/** Settled payments, evenly over a quarter of a year. */
export function* historyRows(rows: number): Generator<FilledRow> {
  for (let n = 0; n < rows; n += 1) {
    const big = n % 3 === 0;
    yield {
      paymentIntent: `pi_${String(n)}`,
      createdAt: createdAt(n, rows),
      status: (big ? n < BIG_CUSTOMERS_FAILURES : n % 50 === 1) ? 'failed' : 'succeeded',
      customer: big ? BIG_CUSTOMER : `cus_${String(n % Math.ceil(rows / PAYMENTS_A_CUSTOMER))}`,
      ...(n % 4 === 0 ? { reference: `reference-${String(n)}` } : {}),
    };
  }
}

function instant(n: number, rows: number): string {
  return new Date(createdAt(n, rows)).toISOString();
}

/** As if the pages before had been read. */
function cursorAt(share: number, rows: number): string {
  return cursorAfter({ createdAt: createdAt(Math.floor(rows * share), rows), id: `txn_${'0'.repeat(26)}` });
}

type Args = (rows: number) => readonly string[];

const pages: readonly (readonly [string, Args])[] = [
  ['list', () => []],
  ['list --limit 1000', () => ['--limit', '1000']],
  ['list --status succeeded', () => ['--status', 'succeeded']],
  ['list --status failed', () => ['--status', 'failed']],
  ['list --status pending --status stuck --status failed', () => ['--status', 'pending', '--status', 'stuck', '--status', 'failed']],
  ['list --since --until', (rows) => ['--since', instant(Math.floor(rows / 4), rows), '--until', instant(Math.floor((rows * 3) / 4), rows)]],
  ['list --customer', () => ['--customer', BIG_CUSTOMER]],
  ['list --customer --status failed', () => ['--customer', BIG_CUSTOMER, '--status', 'failed']],
];

/** Commands with what they are called in the table. */
export const historyCommands: readonly (readonly [string, Args])[] = [
  ...pages.map(([name, args]): readonly [string, Args] => [name, (rows) => ['list', ...args(rows)]]),
  ...pages.map(([name, args]): readonly [string, Args] => [`${name}, deep`, (rows) => ['list', ...args(rows), '--cursor', cursorAt(name.endsWith('failed') ? 0.9 : 0.5, rows)]]),
  ['list --reference', (rows) => ['list', '--reference', `reference-${String(4 * Math.floor(rows / 8))}`]],
  ['show', (rows) => ['show', `order-${String(Math.floor(rows / 2))}`]],
  ['status', () => ['status']],
  ['stuck list', () => ['stuck', 'list']],
  ['notifications list', () => ['notifications', 'list']],
  ['audit verify ID', (rows) => ['audit', 'verify', `order-${String(Math.floor(rows / 2))}`]],
  ['reconcile (idle)', () => ['reconcile']],
];

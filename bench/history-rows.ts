import { cursorAfter } from '../src/app/cursor.ts';
import type { FilledRow } from './fill-ledger.ts';

/** 2026-01-01, in milliseconds since 1970: far enough back that nothing of the history is young. */
export const FROM_MS = 1_767_225_600_000;
export const SPAN_MS = 90 * 86_400_000;
/** Every third payment is one customer's, of whom only the first few payments failed. */
const BIG_CUSTOMER = 'cus_big';
const BIG_CUSTOMERS_FAILURES = 30;
const PAYMENTS_A_CUSTOMER = 20;

function createdAt(n: number, rows: number): number {
  return FROM_MS + Math.floor((n * SPAN_MS) / rows);
}

/** As SQL of `n`: which payments failed, which have a reference, and whose they are. */
export function shares(rows: number): {
  readonly failed: string;
  readonly reference: string;
  readonly customer: string;
} {
  return {
    failed: `n % 3 = 0 and n < ${String(BIG_CUSTOMERS_FAILURES)} or n % 3 <> 0 and n % 50 = 1`,
    reference: 'n % 4 = 0',
    customer: `case when n % 3 = 0 then '${BIG_CUSTOMER}' else 'cus_' || (n % ${String(Math.ceil(rows / PAYMENTS_A_CUSTOMER))}) end`,
  };
}

/** The payment that `show` and `audit verify` are asked about. */
export function middle(rows: number): number {
  return Math.floor(rows / 2);
}

export function middleRow(rows: number): FilledRow {
  return {
    paymentIntent: 'pi_middle',
    createdAt: createdAt(middle(rows), rows),
    status: 'succeeded',
  };
}

function instant(n: number, rows: number): string {
  return new Date(createdAt(n, rows)).toISOString();
}

/** As if the pages before had been read. */
function cursorAt(share: number, rows: number): string {
  return cursorAfter({
    createdAt: createdAt(Math.floor(rows * share), rows),
    id: `txn_${'0'.repeat(26)}`,
  });
}

type Args = (rows: number) => readonly string[];

const pages: readonly (readonly [string, Args])[] = [
  ['list', () => []],
  ['list --limit 1000', () => ['--limit', '1000']],
  ['list --status succeeded', () => ['--status', 'succeeded']],
  ['list --status failed', () => ['--status', 'failed']],
  [
    'list --status pending --status stuck --status failed',
    () => ['--status', 'pending', '--status', 'stuck', '--status', 'failed'],
  ],
  [
    'list --since --until',
    (rows) => [
      '--since',
      instant(Math.floor(rows / 4), rows),
      '--until',
      instant(Math.floor((rows * 3) / 4), rows),
    ],
  ],
  ['list --customer', () => ['--customer', BIG_CUSTOMER]],
  ['list --customer --status failed', () => ['--customer', BIG_CUSTOMER, '--status', 'failed']],
];

/** Commands with what they are called in the table. */
export const historyCommands: readonly (readonly [string, Args])[] = [
  ...pages.map(([name, args]): readonly [string, Args] => [
    name,
    (rows) => ['list', ...args(rows)],
  ]),
  ...pages.map(([name, args]): readonly [string, Args] => [
    `${name}, deep`,
    (rows) => [
      'list',
      ...args(rows),
      '--cursor',
      cursorAt(name.endsWith('failed') ? 0.9 : 0.5, rows),
    ],
  ]),
  [
    'list --reference',
    (rows) => ['list', '--reference', `reference-${String(4 * Math.floor(rows / 12))}`],
  ],
  ['show', (rows) => ['show', `order-${String(middle(rows))}`]],
  ['status', () => ['status']],
  ['stuck list', () => ['stuck', 'list']],
  ['notifications list', () => ['notifications', 'list']],
  ['audit verify ID', (rows) => ['audit', 'verify', `order-${String(middle(rows))}`]],
  ['reconcile (idle)', () => ['reconcile']],
];

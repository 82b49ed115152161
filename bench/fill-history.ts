import { cellsOf, emailOf, type FilledRow } from './fill-ledger.ts';
import { FROM_MS, middle, middleRow, SPAN_MS, shares } from './history-rows.ts';
import { openSink, type Cells, type Sink } from './ledger-sink.ts';

/*
 * A long history, made inside the database: `insert .. select` of numbers costs a fraction of sending rows. Each kind of
 * payment (failed or not, with a reference or without) is made once here, as the product would write it; the statements
 * write the same cells, with what differs from one payment to the next put in by an expression of its number.
 *
 * Hashes have the length of real ones, but they chain nothing: SQLite has no function for them. No command that is measured
 * reads them, except `audit verify ID`; so the payment that it is asked about is written with its real trail.
 */

/** A journal of so many rows fits into memory. */
const CHUNK = 50_000;
const ENTRIES = [1, 2, 3];
const AT = 1_234_567_891_234;

export async function fillHistory(url: string, rows: number): Promise<void> {
  const sink = await openSink(url);
  const { transaction, entries } = cellsOf(middleRow(rows), `order-${String(middle(rows))}`);
  await sink.insert([
    ['transactions', [transaction]],
    ['audit_events', entries],
    ['notifications', emailOf(transaction)],
  ]);
  const statements = statementsFor(sink, rows);
  for (let from = 0; from < rows; from += CHUNK) {
    const numbers = `select n, ${String(FROM_MS)} + n * ${String(SPAN_MS)} / ${String(rows)} as at from (${sink.words.numbers(from, Math.min(from + CHUNK, rows) - 1)}) as numbers`;
    const payments = `with payments as materialized (select n, at, ${idOf('at', 'n', sink)} as id from (${numbers}) as timed where n <> ${String(middle(rows))})`;
    for (const { into, from: source, cells } of statements) {
      await sink.run(
        `${payments} insert into ${into} (${Object.keys(cells).join(', ')}) select ${Object.values(cells).join(', ')} from ${source}`,
      );
    }
  }
  await sink.close();
}

/** What the cells are, as SQL, and for which rows. */
interface Variant {
  readonly when: string;
  readonly cells: Expressions;
}

type Expressions = Readonly<Record<string, string>>;

interface Filling {
  readonly into: string;
  readonly from: string;
  readonly cells: Expressions;
}

function statementsFor(sink: Sink, rows: number): readonly Filling[] {
  const kinds = [true, false].flatMap((failed) =>
    [true, false].map((reference) => kindOf(sink, rows, failed, reference)),
  );
  const entry = (index: number): Expressions =>
    merged(kinds.map(({ when, entries }) => ({ when, cells: entries[index] ?? {} })));
  return [
    {
      into: 'transactions',
      from: 'payments',
      cells: merged(kinds.map(({ when, transaction }) => ({ when, cells: transaction }))),
    },
    {
      into: 'audit_events',
      from: `payments cross join (${ENTRIES.map((seq) => `select ${String(seq)} as seq_of`).join(' union all ')}) as entries`,
      cells: merged(
        ENTRIES.map((seq) => ({ when: `seq_of = ${String(seq)}`, cells: entry(seq - 1) })),
      ),
    },
    {
      into: 'notifications',
      from: 'payments',
      cells: merged(kinds.map(({ when, email }) => ({ when, cells: email }))),
    },
  ];
}

/** One expression a column where all variants agree, otherwise a `case` of them. */
function merged(variants: readonly Variant[]): Expressions {
  return Object.fromEntries(
    Object.keys(variants[0]?.cells ?? {}).map((column) => [column, choice(column, variants)]),
  );
}

function choice(column: string, variants: readonly Variant[]): string {
  const branches = new Map<string, string[]>();
  for (const { when, cells } of variants) {
    const expression = cells[column] ?? 'null';
    branches.set(expression, [...(branches.get(expression) ?? []), `(${when})`]);
  }
  const [last = 'null', ...others] = [...branches.keys()].reverse();
  return others.length === 0
    ? last
    : `case ${others.map((other) => `when ${branches.get(other)?.join(' or ') ?? ''} then ${other}`).join(' ')} else ${last} end`;
}

function kindOf(sink: Sink, rows: number, failed: boolean, reference: boolean) {
  const { failed: failedWhen, reference: referenceWhen, customer } = shares(rows);
  const sample: FilledRow = {
    paymentIntent: 'pi_SAMPLE',
    createdAt: AT,
    status: failed ? 'failed' : 'succeeded',
    customer: 'cus_SAMPLE',
    ...(reference ? { reference: 'reference-SAMPLE' } : {}),
  };
  const { transaction, entries } = cellsOf(sample, 'order-SAMPLE');
  const [email] = emailOf(transaction);
  const words: readonly (readonly [string, string])[] = [
    [String(transaction['id']), 'id'],
    [String(email?.['id']), `'ntf_' || ${sink.words.digits(26)}`],
    ['order-SAMPLE', `'order-' || n`],
    ['pi_SAMPLE', `'pi_' || ${sink.words.digits(24)}`],
    ['cus_SAMPLE', customer],
    ['reference-SAMPLE', `'reference-' || n`],
  ];
  const expressed = (cells: Cells): Expressions =>
    Object.fromEntries(
      Object.entries(cells).map(([column, cell]) => [column, expression(cell, words, sink)]),
    );
  return {
    when: `${failed ? '' : 'not '}(${failedWhen}) and ${reference ? '' : 'not '}(${referenceWhen})`,
    transaction: expressed(transaction),
    entries: entries.map(expressed),
    email: expressed(email ?? {}),
  };
}

const HASH = /[0-9a-f]{64}/u;

/** The cell, with the words in it replaced by what they stand for. */
function expression(
  cell: string | number | null,
  words: readonly (readonly [string, string])[],
  sink: Sink,
): string {
  if (cell === null) return 'null';
  if (typeof cell === 'number') return cell === AT ? 'at' : String(cell);
  const known = new Map(words);
  const pattern = new RegExp(`(${words.map(([word]) => word).join('|')}|${HASH.source})`, 'u');
  const pieces = cell.split(pattern).filter((piece) => piece !== '');
  return pieces
    .map(
      (piece) =>
        known.get(piece) ??
        (HASH.test(piece) ? sink.words.digits(64) : `'${piece.replaceAll("'", "''")}'`),
    )
    .join(' || ');
}

const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Ten digits of time as `newId` writes them, and sixteen that look like chance and are the same in every statement. */
function idOf(at: string, n: string, sink: Sink): string {
  const time = Array.from(
    { length: 10 },
    (_, index) =>
      `substr('${BASE32}', cast((${at} >> ${String(45 - 5 * index)}) & 31 as integer) + 1, 1)`,
  );
  return [`'txn_'`, ...time, sink.words.scattered(n), sink.words.scattered(`(${n} + 7)`)].join(
    ' || ',
  );
}

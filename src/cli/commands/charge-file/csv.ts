import { type CsvError, parse, type Parser } from 'csv-parse';
import {
  type ChargeRow,
  columnsOf,
  headerProblems,
  readCells,
  unreadable,
} from '../../../app/charge-row.ts';
import { PayreconError } from '../../../domain/errors.ts';
import { withoutSecrets } from '../../../domain/secret-texts.ts';
import { collapseLineEnds } from './line-ends.ts';
import { LONGEST_LINE, tooLong } from './limits.ts';
import { holdsNul, notUtf8, type TextBytes, unreadableFrom } from './text.ts';

/*
 * Rows of CSV (RFC 4180, in UTF-8). The reader is told to take a stray quotation mark for a letter, because otherwise
 * it loses its place and with it the lines that follow; a row with such a mark is then looked at once more, strictly,
 * and fails alone.
 */

interface Read {
  /** Where it begins. */
  readonly line: number;
  readonly record: readonly string[];
  /** As it was written, but for the line ends: each run of them is one line feed. */
  readonly raw: string;
  /** How many line ends stood for each line feed in `raw`. */
  readonly runs: readonly number[];
  readonly endsAtByte: number;
}

export async function* csvRows(
  source: TextBytes,
  methodTypes: readonly string[],
): AsyncGenerator<ChargeRow, undefined> {
  const { separator, pieces } = await separated(source.pieces);
  let columns: readonly string[] | null = null;
  for await (const read of records(pieces, separator)) {
    const { line, record, raw, endsAtByte } = read;
    const undecoded = /\ufffd/.exec(raw);
    if (undecoded !== null) throw unreadableFrom(lineIn(read, undecoded.index), notUtf8);
    if (columns === null) {
      columns = headerOf(read, separator);
      continue;
    }
    const broken = raw.includes('\0') ? holdsNul : strayQuoteProblem(read, separator);
    const parsed =
      broken === null
        ? readCells(columns, record, methodTypes)
        : unreadable([{ field: 'line', message: broken }]);
    yield { line, key: broken === null ? keyOf(columns, record) : null, parsed, endsAtByte };
  }
  if (columns === null)
    throw new PayreconError(
      'empty_file',
      'The file is empty: there is not even a line with the names of the columns. Nothing was sent.',
    );
  return undefined;
}

/** Spreadsheets of half the world write semicolons, for their decimals have commas. */
const SEPARATORS = [',', ';', '\t'] as const;
type Separator = (typeof SEPARATORS)[number];
/** The names of all columns, and as many of metadata as a charge may have, are less than this. */
const LONGEST_HEADER = 64 * 1024;

/** By the first line that is not blank: what stands between the names of its columns. */
async function separated(
  pieces: AsyncIterable<Buffer>,
): Promise<{ readonly separator: Separator; readonly pieces: AsyncIterable<Buffer> }> {
  const rest = pieces[Symbol.asyncIterator]();
  const held: Buffer[] = [];
  let header = '';
  for (let size = 0; size < LONGEST_HEADER;) {
    const next = await rest.next();
    if (next.done === true) break;
    held.push(next.value);
    size += next.value.length;
    header += next.value.toString('latin1');
    if (/[\r\n]/.test(header.trimStart())) break;
  }
  return { separator: separatorOf(header.trimStart()), pieces: joined(held, rest) };
}

async function* joined(
  held: readonly Buffer[],
  rest: AsyncIterator<Buffer>,
): AsyncGenerator<Buffer, undefined> {
  yield* held;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  return undefined;
}

/** One whose pieces have `key` among them; a comma where none has, for the error that follows. */
function separatorOf(text: string): Separator {
  const [line = ''] = text.split(/[\r\n]/, 1);
  const names = (separator: Separator): readonly string[] =>
    line.split(separator).map((name) => name.replaceAll('"', '').trim().toLowerCase());
  return SEPARATORS.find((separator) => names(separator).includes('key')) ?? ',';
}

/** The reader hands its records over as it makes them; an error that it meets is raised once those before it are handed on. */
async function* records(
  pieces: AsyncIterable<Buffer>,
  separator: Separator,
): AsyncGenerator<Read, undefined> {
  const { feed, runs } = collapseLineEnds();
  let line = 1;
  let endsBefore = 0;
  let endsAtByte = 0;
  let ready: Read[] = [];
  /** Where the next record begins: the run before it is over once it has. */
  const begin = (): number => {
    for (const run of runs.splice(0, endsBefore)) line += run;
    endsBefore = 0;
    return line;
  };
  const { parser, lost } = open(separator, ({ record, raw }) => {
    const begins = begin();
    endsBefore = lineFeeds(raw);
    if (record.some((cell) => cell.trim() !== ''))
      ready.push({ line: begins, record, raw, runs: runs.slice(0, endsBefore), endsAtByte });
  });
  const handOver = (): readonly Read[] => {
    const those = ready;
    ready = [];
    return those;
  };
  for await (const piece of pieces) {
    endsAtByte += piece.length;
    await done((callback) => parser.write(feed(piece), callback));
    yield* handOver();
    if (lost() !== null) break;
  }
  await done((callback) => parser.end(callback));
  yield* handOver();
  const error = lost();
  if (error !== null)
    throw unreadableFrom(
      begin(),
      error.code === 'CSV_MAX_RECORD_SIZE'
        ? tooLong
        : 'a quotation mark is opened and never closed',
      error,
    );
  return undefined;
}

async function done(work: (callback: (error?: Error | null) => void) => void): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    work((error) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });
}

interface Parsed {
  readonly record: readonly string[];
  readonly raw: string;
}

function open(
  separator: Separator,
  take: (parsed: Parsed) => void,
): {
  readonly parser: Parser;
  readonly lost: () => CsvError | null;
} {
  let lost: CsvError | null = null;
  const parser: Parser = parse({
    raw: true,
    delimiter: separator,
    relax_quotes: true,
    relax_column_count: true,
    record_delimiter: '\n',
    max_record_size: LONGEST_LINE,
    skip_records_with_error: true,
    on_skip: (error) => {
      lost ??= error ?? null;
      return undefined;
    },
    on_record: (parsed: unknown) => {
      if (lost === null) take(parsed as Parsed);
      return null;
    },
  });
  // Nothing comes out of it, and only then does it end.
  parser.resume();
  return { parser, lost: () => lost };
}

function lineFeeds(text: string): number {
  return text.match(/\n/g)?.length ?? 0;
}

/** The line of the file on which something in the raw text stands. */
function lineIn({ line, raw, runs }: Read, index: number): number {
  return runs.slice(0, lineFeeds(raw.slice(0, index))).reduce((sum, run) => sum + run, line);
}

function strayQuoteProblem(read: Read, separator: Separator): string | null {
  return strayQuote(read.raw, separator) ? quoteProblem(read) : null;
}

function headerOf(read: Read, separator: Separator): readonly string[] {
  const columns = columnsOf(read.record);
  const problems = strayQuote(read.raw, separator)
    ? [{ field: `line ${String(read.line)}`, message: quoteProblem(read) }]
    : headerProblems(columns);
  if (problems.length === 0) return columns;
  throw new PayreconError(
    'invalid_header',
    'The first line of the file does not name the columns of charges; nothing was sent.',
    { problems },
  );
}

function keyOf(columns: readonly string[], record: readonly string[]): string | null {
  const key = record[columns.indexOf('key')] ?? '';
  return key === '' ? null : withoutSecrets(key);
}

/** Whether a mark stands anywhere but around a whole cell, or doubled within one that has them around it. */
function strayQuote(raw: string, separator: Separator): boolean {
  const isBoundary = (character: string | undefined): boolean =>
    character === separator || character === '\n';
  if (!raw.includes('"')) return false;
  let quoted = false;
  for (let at = 0; at < raw.length; at += 1) {
    if (raw[at] !== '"') continue;
    if (!quoted) {
      if (at > 0 && !isBoundary(raw[at - 1])) return true;
      quoted = true;
    } else if (raw[at + 1] === '"') at += 1;
    else {
      if (at + 1 < raw.length && !isBoundary(raw[at + 1])) return true;
      quoted = false;
    }
  }
  return quoted;
}

function quoteProblem(read: Read): string {
  const last = lineIn(read, read.raw.endsWith('\n') ? read.raw.length - 1 : read.raw.length);
  const below = last === read.line ? '' : ` (it takes in the lines as far as line ${String(last)})`;
  return `a quotation mark stands where none may${below}: put the cell in quotation marks, and double each one within it`;
}

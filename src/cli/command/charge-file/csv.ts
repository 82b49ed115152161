import { CsvError, parse, type Parser } from 'csv-parse';
import { parse as parseAtOnce } from 'csv-parse/sync';
import { type ChargeRow, headerProblems, readCells, unreadable } from '../../../app/charge-row.ts';
import { PayreconError } from '../../../domain/errors.ts';
import { withoutSecrets } from '../../../domain/secret-texts.ts';
import { type ByteSource } from '../../services.ts';
import { LONGEST_LINE, tooLong } from './limits.ts';

/*
 * Rows of CSV (RFC 4180, in UTF-8). The reader is told to take a stray quotation mark for a letter, because otherwise
 * it loses its place and with it the lines that follow; a row with such a mark is then read once more, strictly, and
 * fails alone.
 */

const delimiters = ['\r\n', '\n', '\r'];

interface Parsed {
  readonly record: readonly string[];
  readonly raw: string;
  readonly info: { readonly bytes: number };
}

export async function* csvRows(source: ByteSource, methodTypes: readonly string[]): AsyncGenerator<ChargeRow, undefined> {
  let line = 1;
  let columns: readonly string[] | null = null;
  const { records, lost } = open(source);
  for await (const each of records) {
    const { record, raw, info } = each as Parsed;
    const at = line;
    line += raw.match(/\r\n|\n|\r/g)?.length ?? 0;
    if (columns === null) columns = headerOf(record, raw);
    else if (record.some((cell) => cell !== '')) {
      const broken = quoteProblem(raw);
      const parsed = broken === null ? readCells(columns, record, methodTypes) : unreadable([{ field: 'line', message: broken }]);
      yield { line: at, key: broken === null ? keyOf(columns, record) : null, parsed, endsAtByte: info.bytes };
    }
  }
  const error = lost();
  if (error !== null) throw unreadableFrom(line, error);
  if (columns === null) throw new PayreconError('usage', 'empty_file', 'The file is empty: there is not even a line with the names of the columns. Nothing was sent.');
  return undefined;
}

/** An error of the reader would take with it the rows that it has read and not handed over yet, so it is only noted. */
function open({ stream }: ByteSource): { readonly records: AsyncIterable<unknown>; readonly lost: () => CsvError | null } {
  let lost: CsvError | null = null;
  const parser: Parser = parse({
    bom: true,
    info: true,
    raw: true,
    relax_quotes: true,
    relax_column_count: true,
    record_delimiter: delimiters,
    max_record_size: LONGEST_LINE,
    skip_records_with_error: true,
    on_skip: (error) => {
      lost ??= error ?? null;
      stream.unpipe(parser);
      parser.end();
      return undefined;
    },
    on_record: (record) => (lost === null ? record : null),
  });
  stream.on('error', (error) => parser.destroy(error));
  // A source that is closed before its end says so by no error.
  stream.on('close', () => { if (!stream.readableEnded) parser.destroy(); });
  stream.pipe(parser);
  return { records: parser, lost: () => lost };
}

function headerOf(record: readonly string[], raw: string): readonly string[] {
  const columns = record.map((name) => name.trim());
  const broken = quoteProblem(raw);
  const problems = broken === null ? headerProblems(columns) : [{ field: 'line 1', message: broken }];
  if (problems.length === 0) return columns;
  throw new PayreconError('usage', 'invalid_header', 'The first line of the file does not name the columns of charges; nothing was sent.', { problems });
}

function keyOf(columns: readonly string[], record: readonly string[]): string | null {
  const key = record[columns.indexOf('key')] ?? '';
  return key === '' ? null : withoutSecrets(key);
}

function quoteProblem(raw: string): string | null {
  if (!raw.includes('"')) return null;
  try {
    parseAtOnce(raw, { relax_column_count: true, record_delimiter: delimiters });
    return null;
  } catch (error) {
    if (error instanceof CsvError) return 'a quotation mark stands where none may: put the cell in quotation marks, and double each one within it';
    throw error;
  }
}

/** A quotation mark that is never closed takes in all that follows: nobody can say where the next row begins. */
function unreadableFrom(line: number, error: CsvError): PayreconError {
  const what = error.code === 'CSV_MAX_RECORD_SIZE' ? tooLong : 'a quotation mark is opened and never closed';
  return new PayreconError('usage', 'unreadable_file', `From line ${String(line)} on the file cannot be read: ${what}. What follows was not begun; correct the line and run the same command again.`, { cause: error });
}

import {
  COLUMN_NAMES,
  parseChargeRequest,
  type ParsedChargeRequest,
} from '../domain/request/charge-request.ts';
import type { Problem } from '../domain/errors.ts';
import { quoted } from '../domain/request/field-rules.ts';
import { nearest } from '../domain/suggest.ts';

/** One line of a file of charges, as it was read. */
export interface ChargeRow {
  /** Where it begins, counted from 1, the header included. */
  readonly line: number;
  /** As written, for whoever looks for it in the file; null where there is none. */
  readonly key: string | null;
  readonly parsed: ParsedChargeRequest;
  /** How much of the file was read with it, in bytes. */
  readonly endsAtByte: number;
}

const COLUMNS = [
  'key',
  'amount',
  'amount_minor',
  'currency',
  'payment_method',
  'method_type',
  'customer',
  'reference',
  'email',
  'description',
] as const;
const REQUIRED = ['key', 'currency', 'payment_method'] as const;
const METADATA = 'metadata.';
const METHOD_TYPE = 'method_type';

/** What is wrong with the header of a file; a column that nobody reads would be a field that is silently not sent. */
export function headerProblems(columns: readonly string[]): readonly Problem[] {
  const problems: Problem[] = [];
  let more = 0;
  const add = (field: string, message: string): void => {
    problems.push({ field, message });
  };
  const seen = new Set<string>();
  const folded = new Set<string>();
  for (const [at, column] of columns.entries()) {
    const where = `column ${String(at + 1)}`;
    const fold = withoutCaseAndSpaces(column);
    const isTwice = folded.has(fold);
    folded.add(fold);
    if (!isTwice && isKnown(column)) seen.add(column);
    else if (problems.length >= MAX_PROBLEMS) more += 1;
    else
      add(
        where,
        isTwice
          ? `${quoted(column)} is there twice, but perhaps for capital letters and spaces`
          : unknownField(column),
      );
  }
  for (const column of REQUIRED) if (!seen.has(column)) add(column, 'this column is missing');
  if (!seen.has('amount') && !seen.has('amount_minor'))
    add('amount', 'this column is missing: give amount or amount_minor');
  return more === 0 ? problems : [...problems, moreProblems(more)];
}

/** As they are read: names in any case, and the NAME of a metadata column as it is written. */
export function columnsOf(header: readonly string[]): readonly string[] {
  return header.map((name) => {
    const text = name.trim();
    const low = text.toLowerCase();
    if (low.startsWith(METADATA)) return METADATA + text.slice(METADATA.length);
    return isKnown(low) ? low : text;
  });
}

/** `Key` beside `key` is a second column of that name, and which of them counts cannot be known. */
function withoutCaseAndSpaces(column: string): string {
  return column.toLowerCase().replaceAll(/\s/g, '');
}

/** A line can hold a hundred thousand mistakes, and a file a million such lines: so many are told one by one. */
const MAX_PROBLEMS = 20;

function moreProblems(count: number): Problem {
  return { field: 'line', message: `${String(count)} more things are wrong with it` };
}

function isKnown(name: string): boolean {
  return (
    COLUMNS.some((column) => column === name) ||
    (name.startsWith(METADATA) && name.length > METADATA.length)
  );
}

function unknownField(name: string): string {
  const meant = nearest(name, COLUMNS);
  return `${quoted(name)} is not known${meant === null ? `: there are ${COLUMNS.join(', ')} and metadata.NAME` : `; did you mean ${meant}?`}`;
}

/** A row of CSV. An empty cell is a field that is not given: CSV has no other way to say so. */
export function readCells(
  columns: readonly string[],
  cells: readonly string[],
  methodTypes: readonly string[],
): ParsedChargeRequest {
  if (cells.length !== columns.length) {
    return unreadable([
      {
        field: 'columns',
        message: `there are ${String(cells.length)} cells where the header has ${String(columns.length)}`,
      },
    ]);
  }
  const fields = new Map<string, string>();
  for (const [at, column] of columns.entries()) {
    const cell = cells[at] ?? '';
    if (cell !== '') fields.set(column, cell);
  }
  return parseFields(fields, [], methodTypes);
}

/** A line of JSON lines, once it is parsed: an object of texts; `null` is a field that is not given. */
export function readObject(value: unknown, methodTypes: readonly string[]): ParsedChargeRequest {
  if (!isObject(value)) return unreadable([{ field: 'line', message: 'it is not a JSON object' }]);
  const problems: Problem[] = [];
  const fields = new Map<string, string>();
  const add = (name: string, given: unknown): void => {
    if (given === null) return;
    const text = textOf(name, given);
    if (text === null) problems.push({ field: name, message: notText(name, given) });
    else if (fields.has(name)) problems.push({ field: name, message: 'it is given twice' });
    else fields.set(name, text);
  };
  for (const [name, given] of Object.entries(value)) {
    if (name === 'metadata' && isObject(given))
      for (const [inner, text] of Object.entries(given)) add(`${METADATA}${inner}`, text);
    else if (isKnown(name) || name === 'metadata') add(name, given);
    else if (problems.length < MAX_PROBLEMS)
      problems.push({ field: quoted(name), message: unknownField(name) });
    else problems.push({ field: 'line', message: 'unknown' });
  }
  return parseFields(fields, problems, methodTypes);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A whole number is exact; any other number in JSON has been through a float, which is no place for money. */
function textOf(name: string, given: unknown): string | null {
  if (name === 'metadata') return null;
  if (typeof given === 'string') return given;
  if (name === METHOD_TYPE && isTexts(given)) return given.join(' ');
  return name === 'amount_minor' && Number.isSafeInteger(given) ? String(given) : null;
}

function isTexts(given: unknown): given is readonly string[] {
  return (
    Array.isArray(given) && given.length > 0 && given.every((text) => typeof text === 'string')
  );
}

function notText(name: string, given: unknown): string {
  if (name === METHOD_TYPE) return 'it is neither a text nor a list of texts';
  if (name === 'metadata') return 'it is not an object of texts';
  if (name === 'amount') return 'write it as a text, "49.99", or give amount_minor';
  if (name !== 'amount_minor') return 'it is not a text';
  return typeof given === 'number' && Number.isInteger(given)
    ? 'it is too large to be exact as a number: write it as a text'
    : 'it is not a whole number';
}

function parseFields(
  fields: ReadonlyMap<string, string>,
  found: readonly Problem[],
  methodTypes: readonly string[],
): ParsedChargeRequest {
  const metadata = [...fields]
    .filter(([name]) => name.startsWith(METADATA))
    .map(([name, text]) => [name.slice(METADATA.length), text] as const);
  // Of the line, where it has one: several are separated as people do it.
  const ownTypes = fields
    .get(METHOD_TYPE)
    ?.split(/[\s|,;]+/)
    .filter((type) => type !== '');
  const parsed = parseChargeRequest(
    {
      key: fields.get('key'),
      amount: fields.get('amount'),
      amountMinor: fields.get('amount_minor'),
      currency: fields.get('currency'),
      paymentMethod: fields.get('payment_method'),
      customer: fields.get('customer'),
      reference: fields.get('reference'),
      email: fields.get('email'),
      description: fields.get('description'),
      metadata: Object.fromEntries(metadata),
      methodTypes: ownTypes ?? methodTypes,
    },
    COLUMN_NAMES,
  );
  if (parsed.ok) return found.length === 0 ? parsed : unreadable(found);
  const named = new Set(found.map(({ field }) => field));
  // The other name of the same thing is not missing as well.
  if (named.has('amount_minor')) named.add('amount');
  return unreadable([...found, ...parsed.problems.filter(({ field }) => !named.has(field))]);
}

/** A line that cannot be read as a charge at all. */
export function unreadable(problems: readonly Problem[]): ParsedChargeRequest {
  const more = problems.length - MAX_PROBLEMS;
  return {
    ok: false,
    problems: more <= 0 ? problems : [...problems.slice(0, MAX_PROBLEMS), moreProblems(more)],
  };
}

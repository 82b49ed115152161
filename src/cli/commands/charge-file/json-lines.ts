import { isUtf8 } from 'node:buffer';
import { type ChargeRow, readObject, unreadable } from '../../../app/charge-row.ts';
import { parseJsonText } from '../../../domain/request/json-text.ts';
import { withoutSecrets } from '../../../domain/secret-texts.ts';
import { ENDLESS_LINE, LONGEST_LINE } from './limits.ts';
import { holdsNul, notUtf8, type TextBytes, unreadableFrom } from './text.ts';

/** Rows of JSON lines: an object a line, in UTF-8. Only a line feed ends a line: the other separators may stand in a text. */
export async function* jsonRows(
  source: TextBytes,
  methodTypes: readonly string[],
): AsyncGenerator<ChargeRow, undefined> {
  let line = 0;
  let endsAtByte = 0;
  for await (const { bytes, size } of lines(source)) {
    line += 1;
    endsAtByte += size;
    if (bytes === null) {
      if (size > ENDLESS_LINE)
        throw unreadableFrom(
          line,
          `it has no end within ${String(ENDLESS_LINE / 1024 / 1024)} MiB`,
        );
      yield failing(line, 'it is longer than a charge can be', endsAtByte);
      continue;
    }
    if (!isUtf8(bytes)) throw unreadableFrom(line, notUtf8);
    if (bytes.includes(0)) {
      yield failing(line, holdsNul, endsAtByte);
      continue;
    }
    const text = bytes.toString('utf8');
    // Only what JSON counts as blank: a mark of another file that was put behind this one is none.
    if (/^[ \t\r\n]*$/.test(text)) continue;
    const json = parseJsonText(text);
    if (json.ok)
      yield {
        line,
        key: keyOf(json.value),
        parsed: readObject(json.value, methodTypes),
        endsAtByte,
      };
    else
      yield {
        line,
        key: json.twice.length > 0 ? keyOnce(text, json.twice) : null,
        parsed: unreadable([{ field: 'line', message: json.message }]),
        endsAtByte,
      };
  }
  return undefined;
}

/** Alone: the lines around it say what they say. */
function failing(line: number, message: string, endsAtByte: number): ChargeRow {
  return { line, key: null, parsed: unreadable([{ field: 'line', message }]), endsAtByte };
}

/** To find the line by; the key of a line with two is neither of them. */
function keyOnce(text: string, twice: readonly string[]): string | null {
  return twice.includes('key') ? null : keyOf(JSON.parse(text));
}

function keyOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'key')) return null;
  const { key } = value as { readonly key: unknown };
  return typeof key === 'string' ? withoutSecrets(key) : null;
}

const LINE_FEED = 0x0a;

interface Line {
  /** Null when it is too long to be kept. */
  readonly bytes: Buffer | null;
  readonly size: number;
}

/** The last one may be cut off, where it is endless. */
async function* lines({ pieces }: TextBytes): AsyncGenerator<Line, undefined> {
  let parts: Buffer[] = [];
  let size = 0;
  const take = (part: Buffer): void => {
    size += part.length;
    if (size <= LONGEST_LINE) parts.push(part);
    else parts = [];
  };
  const end = (): Line => {
    const ended = { bytes: size <= LONGEST_LINE ? Buffer.concat(parts) : null, size };
    parts = [];
    size = 0;
    return ended;
  };
  for await (const bytes of pieces) {
    let from = 0;
    for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, from)) {
      take(bytes.subarray(from, at + 1));
      from = at + 1;
      yield end();
    }
    if (from < bytes.length) take(bytes.subarray(from));
    if (size > ENDLESS_LINE) break;
  }
  if (size > 0) yield end();
  return undefined;
}

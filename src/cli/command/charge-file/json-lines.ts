import { type ChargeRow, readObject, unreadable } from '../../../app/charge-row.ts';
import { withoutSecrets } from '../../../domain/secret-texts.ts';
import { type ByteSource } from '../../services.ts';
import { LONGEST_LINE } from './limits.ts';

/** Rows of JSON lines: an object a line, in UTF-8. Only a line feed ends a line: the other separators may stand in a text. */
export async function* jsonRows(source: ByteSource, methodTypes: readonly string[]): AsyncGenerator<ChargeRow, undefined> {
  let line = 0;
  let endsAtByte = 0;
  for await (const bytes of lines(source)) {
    line += 1;
    endsAtByte += bytes.size;
    const text = bytes.text?.replace(line === 1 ? /^\ufeff/ : '', '').trim();
    if (text === '') continue;
    const parsed = text === undefined ? null : parseJson(text);
    if (parsed === null) {
      const message = text === undefined ? 'it is longer than a charge can be' : 'it is not JSON';
      yield { line, key: null, parsed: unreadable([{ field: 'line', message }]), endsAtByte };
    } else yield { line, key: keyOf(parsed.value), parsed: readObject(parsed.value, methodTypes), endsAtByte };
  }
  return undefined;
}

function parseJson(text: string): { readonly value: unknown } | null {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function keyOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null || !('key' in value)) return null;
  return typeof value.key === 'string' ? withoutSecrets(value.key) : null;
}

const LINE_FEED = 0x0a;

interface Line {
  /** Null when it is too long to be kept. */
  readonly text: string | null;
  readonly size: number;
}

async function* lines(source: ByteSource): AsyncGenerator<Line, undefined> {
  let parts: Buffer[] = [];
  let size = 0;
  const take = (part: Buffer): void => {
    size += part.length;
    if (size <= LONGEST_LINE) parts.push(part);
    else parts = [];
  };
  const end = (): Line => {
    const ended = { text: size <= LONGEST_LINE ? Buffer.concat(parts).toString('utf8') : null, size };
    parts = [];
    size = 0;
    return ended;
  };
  for await (const chunk of source.stream) {
    const bytes = Buffer.from(chunk as Uint8Array);
    let from = 0;
    for (let at = bytes.indexOf(LINE_FEED); at !== -1; at = bytes.indexOf(LINE_FEED, from)) {
      take(bytes.subarray(from, at + 1));
      from = at + 1;
      yield end();
    }
    if (from < bytes.length) take(bytes.subarray(from));
  }
  if (size > 0) yield end();
  return undefined;
}

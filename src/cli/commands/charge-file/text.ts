import type { Readable } from 'node:stream';
import { PayreconError } from '../../../domain/errors.ts';

/*
 * The bytes of a file of charges, and what keeps them from being read as UTF-8. A decoder writes one
 * replacement for all bytes that it cannot read, so that two different keys would come out of it as
 * one: from the first such byte on nothing of the file is taken for what it says.
 */

export interface TextBytes {
  /** The first byte that is neither a blank nor a mark; null where there is none in the first megabyte. */
  readonly firstVisible: number | null;
  /** From the beginning, without the mark of UTF-8, in pieces that are small enough for every reader. */
  readonly pieces: AsyncIterable<Buffer>;
}

/** A piece of blank lines or of tiny rows becomes as many rows as it has bytes, all in memory. */
const PIECE_BYTES = 8 * 1024;
/** Enough to know an encoding by. */
const FIRST_BYTES = 4;
const LOOKED_THROUGH_BYTES = 1024 * 1024;
const SPACE = 0x20;
const NUL = 0;

/** @throws PayreconError `usage` for a file that begins as one of another encoding does. */
export async function readText(stream: Readable): Promise<TextBytes> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
  const parts: Uint8Array[] = [];
  let size = 0;
  let visible: number | undefined;
  while (size < FIRST_BYTES || (visible === undefined && size < LOOKED_THROUGH_BYTES)) {
    const next = await chunks.next();
    if (next.done === true) break;
    parts.push(next.value);
    size += next.value.length;
    // The mark is no ASCII, and neither is the beginning of any line of charges.
    visible ??= next.value.find((byte) => byte > SPACE && byte < 0x80);
  }
  const held = Buffer.concat(parts);
  if (isUtf16(held)) {
    stream.destroy();
    throw new PayreconError(
      'unreadable_file',
      'The file is written in UTF-16, or is not a text: save it as UTF-8. Nothing was sent.',
    );
  }
  return {
    firstVisible: visible ?? null,
    pieces: smallPieces(withoutMark(held), { [Symbol.asyncIterator]: () => chunks }),
  };
}

async function* smallPieces(
  held: Buffer,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer, undefined> {
  yield* slices(held);
  for await (const chunk of rest) yield* slices(chunk);
  return undefined;
}

function* slices(chunk: Uint8Array): Generator<Buffer, undefined> {
  for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
    yield Buffer.from(
      chunk.buffer,
      chunk.byteOffset + at,
      Math.min(PIECE_BYTES, chunk.length - at),
    );
  }
  return undefined;
}

function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

/** By its mark; without one every other byte of its first letters is 0, which no text has. */
function isUtf16(bytes: Buffer): boolean {
  const [first, second] = bytes;
  return (
    (first === 0xff && second === 0xfe) ||
    (first === 0xfe && second === 0xff) ||
    bytes.subarray(0, FIRST_BYTES).includes(NUL)
  );
}

/** The file cannot be understood from here on; what came before is charged. */
export function unreadableFrom(line: number, what: string, cause?: unknown): PayreconError {
  return new PayreconError(
    'unreadable_file',
    `From line ${String(line)} on the file cannot be read: ${what}. That line and what follows it were not begun; correct the file and run the same command again: no line is charged twice.`,
    cause === undefined ? {} : { cause },
  );
}

export const holdsNul = 'it holds a NUL character, which no text of a charge has: remove it';

export const notUtf8 =
  'its bytes are no UTF-8 (but perhaps Latin-1, Windows-1252 or UTF-16): save it as UTF-8';

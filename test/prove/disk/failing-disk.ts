import { constants } from 'node:os';
import type { Fate, FileCall, Watcher } from './file-calls.ts';

const { EACCES, EIO, ENOSPC, EROFS } = constants.errno;

/** One way in which a disk fails. */
export interface Failure {
  readonly name: string;
  /** The calls that it may hit. */
  readonly hits: (call: FileCall) => boolean;
  /** What becomes of the nth of the calls that it hits, counted from 0. */
  readonly fate: (nth: number, call: FileCall) => Fate;
}

function opensForWriting(call: FileCall): boolean {
  return call.call === 'open' && call.writable;
}

/** Half of what was to be written, and then nothing more. */
function half(call: FileCall): Fate {
  return call.call === 'write' && call.bytes.length > 1
    ? { writtenBytes: Math.floor(call.bytes.length / 2) }
    : { errno: ENOSPC };
}

export const FAILURES: readonly Failure[] = [
  { name: 'disk full', hits: ({ call }) => call === 'write', fate: () => ({ errno: ENOSPC }) },
  {
    name: 'I/O error at a write',
    hits: ({ call }) => call === 'write',
    fate: () => ({ errno: EIO }),
  },
  {
    name: 'short write, then full',
    hits: ({ call }) => call === 'write',
    fate: (nth, call) => (nth === 0 ? half(call) : { errno: ENOSPC }),
  },
  {
    name: 'I/O error at an fsync',
    hits: ({ call }) => call === 'sync',
    fate: () => ({ errno: EIO }),
  },
  {
    name: 'disk full at an fsync',
    hits: ({ call }) => call === 'sync',
    fate: () => ({ errno: ENOSPC }),
  },
  {
    name: 'I/O error at a read',
    hits: ({ call }) => call === 'read',
    fate: () => ({ errno: EIO }),
  },
  {
    name: 'I/O error at a truncation',
    hits: ({ call }) => call === 'truncate',
    fate: () => ({ errno: EIO }),
  },
  {
    name: 'read-only file system',
    hits: (call) => opensForWriting(call) || call.call === 'write',
    fate: () => ({ errno: EROFS }),
  },
  { name: 'no permission to write', hits: opensForWriting, fate: () => ({ errno: EACCES }) },
  { name: 'no room for a file', hits: opensForWriting, fate: () => ({ errno: ENOSPC }) },
];

/** `once`: the disk is well again at the next call. */
export type Lasting = 'once' | 'until mended';

export class FailingDisk implements Watcher {
  readonly folder: string;
  /** How many calls there were that the failure may hit. */
  count = 0;
  #failed = 0;
  readonly #failure: Failure;
  /** The first call that fails, counted from 1; null counts only. */
  readonly #from: number | null;
  readonly #lasting: Lasting;

  constructor(folder: string, failure: Failure, from: number | null, lasting: Lasting) {
    this.folder = folder;
    this.#failure = failure;
    this.#from = from;
    this.#lasting = lasting;
  }

  get failed(): number {
    return this.#failed;
  }

  fate(call: FileCall): Fate {
    if (!this.#failure.hits(call)) return 'real';
    this.count += 1;
    if (
      this.#from === null ||
      this.count < this.#from ||
      (this.#lasting === 'once' && this.#failed > 0)
    )
      return 'real';
    this.#failed += 1;
    return this.#failure.fate(this.#failed - 1, call);
  }

  done(): void {
    // What had its effect needs no more.
  }
}

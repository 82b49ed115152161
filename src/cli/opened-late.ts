import { fstatSync, writeSync } from 'node:fs';
import type { outputTo } from './streams.ts';

type Stream = Parameters<typeof outputTo>[0];

/** As much as an empty pipe takes on every system, so that a slow reader does not hold up the whole process. */
const DIRECT_BYTES = 16_384;

/**
 * Standard output or standard error, opened when they are needed. Opening one loads Node's streams and sockets, a tenth of
 * the time that `--help` takes, and most commands write no more than a page: the first kilobytes go to files, pipes and
 * sockets by the system's own call. A terminal is opened at once, as its width has to be known.
 */
export function openedLate(
  fd: number,
  open: () => Stream & { write(bytes: Uint8Array): boolean },
): Stream {
  if (fstatSync(fd).isCharacterDevice()) return open();
  const listeners: ((error: NodeJS.ErrnoException) => void)[] = [];
  let opened: ReturnType<typeof open> | null = null;
  let room = DIRECT_BYTES;
  const stream = (): ReturnType<typeof open> => {
    if (opened === null) {
      opened = open();
      for (const listener of listeners) opened.on('error', listener);
    }
    return opened;
  };
  return {
    get writableNeedDrain() {
      return opened?.writableNeedDrain ?? false;
    },
    get destroyed() {
      return opened?.destroyed ?? false;
    },
    once: (event, listener) => stream().once(event, listener),
    off: (event, listener) => stream().off(event, listener),
    on(event, listener) {
      listeners.push(listener);
      opened?.on(event, listener);
    },
    write(text) {
      const bytes = Buffer.from(text);
      if (opened !== null || bytes.length > room) return stream().write(text);
      room -= bytes.length;
      let written = 0;
      try {
        while (written < bytes.length) written += writeSync(fd, bytes, written);
        return true;
      } catch (error) {
        // Whoever made the pipe may have told it not to wait; Node's stream knows how to try again.
        if (isSystemError(error) && error.code === 'EAGAIN')
          return stream().write(bytes.subarray(written));
        if (!isSystemError(error)) throw error;
        for (const listener of listeners) listener(error);
        return false;
      }
    },
  };
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error;
}

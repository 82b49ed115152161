import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openedLate } from '../../src/cli/opened-late.ts';
import { temporaryFolder } from '../support/temporary.ts';

const PAGE = 'ü'.repeat(1_000);

function opened(path: string, flags: string | number): number {
  const fd = openSync(path, flags);
  onTestFinished(() => {
    closeSync(fd);
  });
  return fd;
}

/** Stands for Node's own stream, and says what came to it. */
function nodeStream(): {
  readonly open: () => PassThrough;
  readonly taken: () => Buffer;
  readonly opens: () => number;
} {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  let count = 0;
  const open = (): PassThrough => {
    count += 1;
    return stream;
  };
  return { open, taken: () => Buffer.concat(chunks), opens: () => count };
}

describe('a stream that is opened late', () => {
  it('writes a few pages without opening anything, and the rest in order behind them', async () => {
    const path = join(await temporaryFolder(), 'out');
    const { open, taken, opens } = nodeStream();
    const stream = openedLate(opened(path, 'w'), open);
    for (let page = 0; page < 8; page += 1) expect(stream.write(PAGE)).toBe(true);
    expect([opens(), stream.writableNeedDrain, stream.destroyed, stream.isTTY]).toEqual([
      0,
      false,
      false,
      undefined,
    ]);
    stream.write(PAGE);
    stream.write('end');
    await new Promise((resolve) => setImmediate(resolve));
    expect(opens()).toBe(1);
    expect(readFileSync(path, 'utf8')).toBe(PAGE.repeat(8));
    expect(taken().toString()).toBe(`${PAGE}end`);
  });

  it('leaves to the stream what a full pipe did not take, to the byte', async () => {
    const path = join(await temporaryFolder(), 'pipe');
    expect(spawnSync('mkfifo', [path]).status).toBe(0);
    const fd = opened(path, constants.O_RDWR | constants.O_NONBLOCK);
    expect(() => {
      for (;;) writeSync(fd, Buffer.alloc(4_096));
    }).toThrow('EAGAIN');
    readSync(fd, Buffer.alloc(4_096));
    const { open, taken, opens } = nodeStream();
    const stream = openedLate(fd, open);
    const text = `x${'ü'.repeat(4_000)}`;
    stream.write(text);
    await new Promise((resolve) => setImmediate(resolve));
    expect(opens()).toBe(1);
    expect(taken().equals(Buffer.from(text).subarray(4_096))).toBe(true);
  });

  it('tells of an error as a stream does', async () => {
    const path = join(await temporaryFolder(), 'out');
    writeSync(opened(path, 'w'), 'kept');
    const { open, opens } = nodeStream();
    const stream = openedLate(opened(path, 'r'), open);
    const errors: (string | undefined)[] = [];
    stream.on('error', ({ code }) => errors.push(code));
    expect(stream.write('lost')).toBe(false);
    expect([errors, opens(), readFileSync(path, 'utf8')]).toEqual([['EBADF'], 0, 'kept']);
  });

  it('passes on errors that come after it was opened', async () => {
    const stream = openedLate(opened(join(await temporaryFolder(), 'out'), 'w'), () => node);
    const node = new PassThrough();
    const errors: string[] = [];
    stream.on('error', ({ message }) => errors.push(message));
    stream.once('drain', () => errors.push('drained'));
    node.emit('error', new Error('gone'));
    node.emit('drain');
    expect(errors).toEqual(['gone', 'drained']);
  });

  it('opens what may be a terminal at once', () => {
    const { open, opens } = nodeStream();
    openedLate(opened('/dev/null', 'w'), open);
    expect(opens()).toBe(1);
  });
});

import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { terminalPrompts } from '../../src/cli/prompts.ts';
import { colourLevel, outputTo, withoutColour } from '../../src/cli/streams.ts';

describe('colours', () => {
  it.each([
    [false, { TERM: 'xterm-256color' }, 0],
    [true, { TERM: 'xterm-256color' }, 2],
    [true, { TERM: 'xterm' }, 1],
    [true, { TERM: 'xterm', COLORTERM: 'truecolor' }, 2],
    [true, { TERM: 'dumb' }, 0],
    [true, { TERM: 'xterm-256color', NO_COLOR: '1' }, 0],
    [true, { TERM: 'xterm-256color', NO_COLOR: '' }, 2],
    [true, {}, 1],
  ])('terminal %j with %j: %i', (isTerminal, environment, level) => {
    expect(colourLevel(isTerminal, environment)).toBe(level);
  });
});

describe('an output', () => {
  function sink(error?: NodeJS.ErrnoException): Writable & { readonly text: () => string } {
    let text = '';
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString();
        done(error);
      },
    });
    return Object.assign(stream, { text: () => text });
  }

  it('has no width and no colours in a pipe', () => {
    const output = outputTo(sink(), { TERM: 'xterm-256color' }, () => undefined);
    expect([output.isTerminal, output.columns, output.colourLevel]).toEqual([
      false,
      Number.POSITIVE_INFINITY,
      0,
    ]);
  });

  it('follows the width of its terminal, within reason', () => {
    const terminal = Object.assign(sink(), { isTTY: true, columns: 140 });
    const output = outputTo(terminal, { TERM: 'xterm-256color' }, () => undefined);
    expect(output.columns).toBe(140);
    terminal.columns = 10;
    expect(output.columns).toBe(40);
    expect(withoutColour(output)).toMatchObject({ isTerminal: true, colourLevel: 0, columns: 40 });
  });

  it('goes on quietly when the reader has gone', async () => {
    const failed = vi.fn();
    const stream = sink(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    const output = outputTo(stream, {}, failed);
    output.write('first');
    await new Promise((resolve) => setImmediate(resolve));
    output.write('second');
    expect(stream.text()).toBe('first');
    expect(failed).not.toHaveBeenCalled();
  });

  it('listens for a slow reader once, however many wait and however often', async () => {
    const stream = new PassThrough({ highWaterMark: 1 });
    const output = outputTo(stream, {}, () => undefined);
    const counts: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      output.write('xx');
      const waiting = Promise.all(
        Array.from({ length: 20 }, async () => {
          await output.drained?.();
        }),
      );
      counts.push(stream.listenerCount('drain') + stream.listenerCount('close'));
      stream.read();
      await waiting;
    }
    expect(counts.every((count) => count === counts[0])).toBe(true);
    expect(stream.listenerCount('close')).toBeLessThan(5);
  });

  it('tells once when it can no longer be written', async () => {
    const failed = vi.fn();
    const output = outputTo(
      sink(Object.assign(new Error('no space left'), { code: 'ENOSPC' })),
      {},
      failed,
    );
    output.write('a');
    await new Promise((resolve) => setImmediate(resolve));
    output.write('b');
    expect(failed).toHaveBeenCalledTimes(1);
  });
});

describe('questions on a terminal', () => {
  function terminal(colourLevel: 0 | 2 = 0): {
    readonly prompts: ReturnType<typeof terminalPrompts>;
    readonly type: (text: string) => void;
    readonly shown: () => string;
  } {
    const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => input });
    const output = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24 });
    let shown = '';
    output.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
    });
    return {
      prompts: terminalPrompts(() => ({ input, output }), { colourLevel }),
      type: (text) => input.write(text),
      shown: () => shown,
    };
  }

  async function until(holds: () => boolean): Promise<void> {
    await vi.waitFor(() => {
      if (!holds()) throw new Error('not yet');
    });
  }

  it('offers the choices with what they mean', async () => {
    const { prompts, type, shown } = terminal();
    const answer = prompts.select('Record it as', [
      { name: 'retry', value: 1, description: 'ask again' },
      { name: 'canceled', value: 2, description: 'nothing was charged' },
    ]);
    await until(() => shown().includes('ask again'));
    type('\u001b[B');
    await until(() => shown().includes('nothing was charged'));
    type('\r');
    expect(await answer).toBe(2);
  });

  it('wants a reason that is not blank', async () => {
    const { prompts, type, shown } = terminal();
    const answer = prompts.text('Why?');
    await until(() => shown().includes('Why?'));
    type('  \r');
    await until(() => shown().includes('Please give a few words.'));
    type('order dropped\r');
    expect(await answer).toBe('order dropped');
  });

  it.each([
    [2, true],
    [0, false],
  ] as const)('are painted at colour level %i: %j', async (level, painted) => {
    const { prompts, type, shown } = terminal(level);
    const answer = prompts.select('Record it as', [
      { name: 'retry', value: 1, description: 'ask again' },
    ]);
    await until(() => shown().includes('ask again'));
    type('\r');
    await answer;
    // Moving the cursor is not painting.
    expect(/\u001b\[[0-9;]*m/.test(shown())).toBe(painted);
  });

  it('takes Enter alone for no', async () => {
    const { prompts, type, shown } = terminal();
    const answer = prompts.confirm('Sure?');
    await until(() => shown().includes('Sure?'));
    type('\r');
    expect(await answer).toBe(false);
  });

  it('ends on Ctrl-C with the error that the command line knows', async () => {
    const { prompts, type, shown } = terminal();
    const answer = prompts.confirm('Sure?');
    await until(() => shown().includes('Sure?'));
    type('\u0003');
    await expect(answer).rejects.toMatchObject({ name: 'ExitPromptError' });
  });
});

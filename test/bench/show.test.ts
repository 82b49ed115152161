import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sharesOf, unbundled } from '../../bench/suite/profile.ts';
import { judgedFigure } from '../../bench/suite/results.ts';
import { atLeast } from '../../bench/suite/figures.ts';
import { figureRow, markdown, plainNumber, readTable, times } from '../../bench/suite/show.ts';

describe('numbers', () => {
  it('keep the digits that matter', () => {
    expect([0, 7, 2_500, 1_234.5, 3.14159, 0.05].map(plainNumber)).toEqual([
      '0',
      '7',
      '2,500',
      '1,235',
      '3.14',
      '0.05',
    ]);
    expect([0.0102, 0.97, 1.25, 71.26, 2_345].map(times)).toEqual([
      '0.01 x',
      '0.97 x',
      '1.25 x',
      '71.3 x',
      '2,345 x',
    ]);
  });

  it('are said to be missing', () => {
    expect(plainNumber(Number.NaN)).toBe('none');
  });
});

describe('tables', () => {
  it('are read as they were written', () => {
    const text = `something before\n\n${markdown(
      ['command', 'ms'],
      [
        ['list', 12.34],
        ['show', 5],
      ],
    )}\nafter`;
    expect(readTable(text)).toEqual([
      { command: 'list', ms: '12.3' },
      { command: 'show', ms: '5' },
    ]);
  });

  it('set numbers to the right, and keep a bar from ending a cell', () => {
    expect(
      markdown(
        ['a', 'b'],
        [
          ['x|y', 1],
          ['z', 20],
        ],
      ).split('\n'),
    ).toEqual(['| a    |   b |', '| ---- | --: |', '| x\\|y |   1 |', '| z    |  20 |']);
  });

  it('say what was missed', () => {
    const figure = judgedFigure({
      name: 'speed',
      unit: '/s',
      ours: 2_000,
      peer: 50,
      ratio: 40,
      spread: [30, 45],
      goal: atLeast('ratio', 70),
      note: '',
    });
    expect(figureRow(figure)).toEqual([
      'speed',
      '2,000 /s',
      '50 /s',
      '40.0 x',
      '30.0 x .. 45.0 x',
      'at least 70.0 x',
      '**missed**',
    ]);
  });
});

describe('sharesOf', () => {
  const frame = (id: number, functionName: string, url: string) => ({
    id,
    callFrame: { functionName, url, lineNumber: 0, columnNumber: 0 },
  });

  it('counts the time of each sample for the place where it was, the largest first', () => {
    const nodes = [
      frame(1, '(idle)', ''),
      frame(2, '(garbage collector)', ''),
      frame(3, 'run', 'file:///x/node_modules/libsql/index.js'),
      frame(4, 'canonicalJson', 'file:///x/src/app/advance.ts'),
      frame(5, 'advance', 'file:///x/src/app/advance.ts'),
    ];
    const shares = sharesOf({
      nodes,
      samples: [3, 3, 1, 4, 5, 2],
      timeDeltas: [400_000, 100_000, 200_000, 150_000, 100_000, 50_000],
    });
    expect(shares.map(({ place, share }) => [place, share])).toEqual([
      ['database driver (with SQLite itself, where it is that)', 0.5],
      ['waiting (Stripe, the database)', 0.2],
      ['JSON', 0.15],
      ['payrecon itself', 0.1],
      ['garbage collection', 0.05],
    ]);
    expect(shares[0]?.seconds).toBe(0.5);
  });
});

describe('unbundled', () => {
  it('names the source of a place in dist/, and leaves every other place as it is', () => {
    const url = new URL('../../dist/main.js', import.meta.url);
    const lines = readFileSync(url, 'utf8').split('\n');
    const lineNumber = lines.findIndex((line) => line.includes('function watchSignals'));
    const columnNumber = lines[lineNumber]?.indexOf('function watchSignals') ?? -1;
    const callFrame = { functionName: 'watchSignals', url: url.href, lineNumber, columnNumber };
    const elsewhere = { functionName: '', url: 'node:net', lineNumber: 0, columnNumber: 0 };
    const { nodes } = unbundled({
      nodes: [
        { id: 1, callFrame },
        { id: 2, callFrame: elsewhere },
      ],
      samples: [],
      timeDeltas: [],
    });
    expect(nodes.map((node) => node.callFrame.url)).toEqual([
      new URL('../../src/main.ts', import.meta.url).href,
      'node:net',
    ]);
  });
});

import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { between, documents, readDocument } from '../../bench/suite/docs.ts';
import { NAMES } from '../../bench/suite/benchmark.ts';
import { merged, readResults, resultsPath, type Outcome } from '../../bench/suite/results.ts';
import { reached } from '../../bench/suite/figures.ts';

describe('what is made from the results', () => {
  it('is what stands in the documents (npm run bench:docs)', () => {
    expect(existsSync(resultsPath)).toBe(true);
    for (const [path, text] of Object.entries(documents(readResults(), readDocument)))
      expect(readDocument(path), path).toBe(text);
  });

  it('is judged by the goals that are written beside it', () => {
    const figures = readResults().benchmarks.flatMap(({ measured }) => measured?.figures ?? []);
    expect(figures.length).toBeGreaterThan(0);
    for (const figure of figures) expect(figure.reached, figure.name).toBe(reached(figure));
  });

  it('has a place for every benchmark', () => {
    const text = readDocument('docs/benchmarks.md');
    for (const name of NAMES) expect(between(text, name, 'made')).toContain('made\n');
  });
});

describe('between', () => {
  it('replaces what is between the marks, whatever signs it has', () => {
    const text = 'a\n<!-- x: made by hand -->\nold\n<!-- /x -->\nb';
    expect(between(text, 'x', '$1 $& new')).toBe(
      'a\n<!-- x: made by hand -->\n$1 $& new\n<!-- /x -->\nb',
    );
  });

  it('does not pass over a missing place', () => {
    expect(() => between('nothing here', 'x', 'new')).toThrow('no place for x');
  });
});

describe('merged', () => {
  const outcome = (name: Outcome['name'], seconds: number): Outcome => ({
    name,
    size: 'full',
    seconds,
    failed: 'not run',
    measured: null,
  });

  it('prefers what ran now, keeps what did not, and has the order of the runs', () => {
    const all = merged(
      [outcome('memory', 1), outcome('outage', 1)],
      [outcome('memory', 2), outcome('sparse', 2)],
    );
    expect(all.map(({ name, seconds }) => [name, seconds])).toEqual([
      ['outage', 1],
      ['sparse', 2],
      ['memory', 2],
    ]);
  });
});

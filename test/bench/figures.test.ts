import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aloneFigure,
  atLeast,
  atMost,
  inPairs,
  median,
  pairedFigure,
  quantile,
  reached,
  shareOfGoal,
} from '../../bench/suite/figures.ts';

const named = { name: 'speed', unit: '/s' };

describe('median', () => {
  it('is the one in the middle, and between the two there of an even number', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([8, 1, 5, 2])).toBe(3.5);
    expect(median([])).toBeNaN();
  });

  it('sorts by size, not as text, and leaves what it was given', () => {
    const values = [10, 9, 100];
    expect(median(values)).toBe(10);
    expect(values).toEqual([10, 9, 100]);
  });

  it('has as many on either side', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
        const middle = median(values);
        const sides = [
          values.filter((value) => value < middle).length,
          values.filter((value) => value > middle).length,
        ];
        expect(Math.max(...sides)).toBeLessThanOrEqual(values.length / 2);
      }),
    );
  });
});

describe('quantile', () => {
  it('is a value that was seen, which that share of all are not above', () => {
    const hundred = Array.from({ length: 100 }, (_, n) => 100 - n);
    expect(quantile(hundred, 0.99)).toBe(99);
    expect(quantile(hundred, 1)).toBe(100);
    expect(quantile(hundred, 0)).toBe(1);
    expect(quantile([7], 0.99)).toBe(7);
  });
});

describe('a goal', () => {
  const figure = { ours: 50, ratio: 2 };

  it('is reached at its very value, in either direction', () => {
    expect(reached({ ...figure, goal: atMost('ours', 50) })).toBe(true);
    expect(reached({ ...figure, goal: atMost('ours', 49.9) })).toBe(false);
    expect(reached({ ...figure, goal: atLeast('ours', 50) })).toBe(true);
    expect(reached({ ...figure, goal: atLeast('ours', 50.1) })).toBe(false);
  });

  it('is of ours or of the ratio', () => {
    expect(reached({ ...figure, goal: atMost('ratio', 2) })).toBe(true);
    expect(reached({ ...figure, goal: atLeast('ratio', 50) })).toBe(false);
  });

  it('is missed by what could not be measured, and nothing without one', () => {
    expect(reached({ ours: Number.NaN, ratio: 2, goal: atMost('ours', 50) })).toBe(false);
    expect(reached({ ours: 1, ratio: null, goal: atMost('ratio', 50) })).toBe(false);
    expect(reached({ ...figure, goal: null })).toBeNull();
  });

  it('is used up to 1 exactly when it is reached', () => {
    const positive = fc.double({ min: 0.01, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(
        positive,
        positive,
        fc.constantFrom(atMost, atLeast),
        (ours, value, direction) => {
          const judged = { ours, ratio: null, goal: direction('ours', value) };
          expect((shareOfGoal(judged) ?? Number.NaN) <= 1).toBe(reached(judged));
        },
      ),
    );
    expect(shareOfGoal({ ours: 0, ratio: null, goal: atLeast('ours', 1) })).toBeNull();
  });
});

describe('pairs', () => {
  it('alternate in order, and keep ours and the peer apart', async () => {
    const order: string[] = [];
    const take = (who: string) => () => Promise.resolve(order.push(who));
    const pairs = await inPairs(3, take('ours'), take('peer'));
    expect(order).toEqual(['ours', 'peer', 'peer', 'ours', 'ours', 'peer']);
    expect(pairs).toEqual([
      { ours: 1, peer: 2 },
      { ours: 4, peer: 3 },
      { ours: 5, peer: 6 },
    ]);
  });

  it('give the median of their ratios, not the ratio of the medians', () => {
    const pairs = [
      { ours: 10, peer: 1 },
      { ours: 20, peer: 10 },
      { ours: 30, peer: 10 },
    ];
    const figure = pairedFigure({ ...named, goal: atLeast('ratio', 3) }, pairs);
    expect(figure).toMatchObject({ ours: 20, peer: 10, ratio: 3, spread: [2, 10] });
    expect(reached(figure)).toBe(true);
  });

  it('are spread by what the goal is about', () => {
    const pairs = [
      { ours: 10, peer: 1 },
      { ours: 20, peer: 10 },
    ];
    expect(pairedFigure({ ...named, goal: atMost('ours', 3) }, pairs).spread).toEqual([10, 20]);
    expect(pairedFigure({ ...named, goal: null }, pairs).spread).toEqual([2, 10]);
    expect(aloneFigure({ ...named, goal: null }, [5]).spread).toBeNull();
  });
});

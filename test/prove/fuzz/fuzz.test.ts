import { expect, test } from 'vitest';
import { fuzz } from './inputs.ts';

const INPUTS = 20_000;

test.each([1, 2])('arguments, settings and files, whole and broken, from seed %i', async (seed) => {
  const { inputs, read, refused, crashes, wrongAmounts } = await fuzz(INPUTS, seed);
  expect(crashes).toEqual([]);
  expect(wrongAmounts).toEqual([]);
  expect(inputs).toBeGreaterThanOrEqual(INPUTS);
  // Neither is everything taken, nor everything refused.
  expect(read).toBeGreaterThan(inputs / 4);
  expect(refused).toBeGreaterThan(inputs / 20);
});

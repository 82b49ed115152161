import { expect, test } from 'vitest';
import { targets } from '../storage/targets.ts';
import { casesOf, recordLane } from '../support/proving.ts';
import { runAsked } from './sequence-lane.ts';
import { parseSequence, textOf } from './sequence.ts';

/** What charge.test.ts and pass.test.ts run of the lane: one fault at a time, on both databases. */
const SINGLE_FAULTS = 1_944;
/** On each database; the large sizes of the lane are made up of sequences. */
const AT_LEAST = 120;
const SEQUENCES = Math.max(AT_LEAST, Math.ceil((casesOf('fault-scripts') - SINGLE_FAULTS) / 2));
const named = process.env['PROVE_CASE'] !== undefined;

test.each(targets)(
  'faults one after the other over the whole path, by chance ($name)',
  { timeout: 7_200_000 },
  async (target) => {
    const startedMs = performance.now();
    const { ran, failures, steps } = await runAsked(target, SEQUENCES, {
      env: { PAYRECON_MAX_ATTEMPTS: '3' },
    });
    recordLane({
      lane: 'fault-scripts',
      cases: ran,
      violations: failures.length,
      seconds: (performance.now() - startedMs) / 1_000,
      counted: { 'commands and jumps': steps },
    });
    expect(failures).toEqual([]);
    if (!named) expect(ran).toBe(SEQUENCES);
  },
);

test('a text is the same sequence when it is read again', () => {
  const text =
    'script: charge card as 5000 under payment_intents.confirm#*=late:450; mail.send#1=500_before stopped at 2 | later 6m | bank refuses | pass stopped at 0 | send | charge again';
  const sequence = parseSequence(text);
  expect(sequence === null ? null : textOf(sequence)).toBe(text);
  expect(sequence).toHaveLength(6);
  expect(() => parseSequence('script: charge nobody')).toThrow('names none of');
  expect(parseSequence('create: late, once')).toBeNull();
});

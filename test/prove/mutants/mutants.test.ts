import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { casesOf, recordLane } from '../../support/proving.ts';
import { MUTANTS, type Mutant } from './mutants.ts';
import { patched } from './patch.ts';

interface Outcome {
  readonly name: string;
  readonly passed: boolean;
  readonly said: string;
}

const script = fileURLToPath(new URL('./run.ts', import.meta.url));

async function runMutants(names: readonly string[]): Promise<readonly Outcome[]> {
  const { stdout, stderr } = await execa('npx', ['tsx', script, ...names], { reject: false });
  const line = stdout.split('\n').findLast((each) => each.startsWith('[{'));
  if (line === undefined) throw new Error(`the mutants did not run:\n${stdout}\n${stderr}`);
  return JSON.parse(line) as Outcome[];
}

/** What is wrong: a mutant that its lane lets live, and one that fails for another reason than its bug. */
function complaint({ name, what, test: file, says }: Mutant, outcomes: readonly Outcome[]): readonly string[] {
  const outcome = outcomes.find((each) => each.name === name);
  if (outcome === undefined) return [`${name} did not run`];
  if (outcome.passed) return [`${name} survived: ${what}, and ${file} notices nothing`];
  return says.test(outcome.said) ? [] : [`${name} fails, but ${file} does not say ${String(says)}:\n${outcome.said}`];
}

test('every seeded bug is caught by the lane that is meant for it', { timeout: 600_000 }, async () => {
  const startedMs = performance.now();
  const outcomes = await runMutants([]);
  const complaints = MUTANTS.flatMap((mutant) => complaint(mutant, outcomes));
  for (const { name, lane, env } of MUTANTS) process.stdout.write(`prove: mutants: ${name} was looked for by ${lane} ${JSON.stringify(env)}\n`);
  recordLane({ lane: 'mutants', cases: outcomes.length, violations: complaints.length, seconds: (performance.now() - startedMs) / 1_000 });
  expect(complaints).toEqual([]);
  expect(outcomes.length).toBe(MUTANTS.length);
  expect(outcomes.length).toBeGreaterThanOrEqual(casesOf('mutants'));
});

test('a patch whose place is not there, or there twice, is an error and not a mutant', () => {
  const patch = { file: 'src/a.ts', find: 'b', replace: 'c' };
  expect(patched('abd', patch)).toBe('acd');
  expect(() => patched('ad', patch)).toThrow('src/a.ts has 0 times: b');
  expect(() => patched('abb', patch)).toThrow('src/a.ts has 2 times: b');
});

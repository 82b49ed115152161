import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { casesOf, recordLane } from '../../support/proving.ts';
import { CONTROL, MUTANTS, type Mutant } from './mutants.ts';

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
function complaint(
  { name, what, test: file, says }: Mutant,
  outcomes: readonly Outcome[],
): readonly string[] {
  const outcome = outcomes.find((each) => each.name === name);
  if (outcome === undefined) return [`${name} did not run`];
  if (outcome.passed) return [`${name} survived: ${what}, and ${file} notices nothing`];
  return says.test(outcome.said)
    ? []
    : [`${name} fails, but ${file} does not say ${String(says)}:\n${outcome.said}`];
}

test(
  'every seeded bug is caught by the lane that is meant for it',
  { timeout: 600_000 },
  async () => {
    const startedMs = performance.now();
    const outcomes = await runMutants([]);
    const complaints = MUTANTS.flatMap((mutant) => complaint(mutant, outcomes));
    for (const { name, lane, env } of MUTANTS)
      process.stdout.write(
        `prove: mutants: ${name} was looked for by ${lane} ${JSON.stringify(env)}\n`,
      );
    const seconds = (performance.now() - startedMs) / 1_000;
    const cases = outcomes.filter(({ name }) => name !== CONTROL.name).length;
    recordLane({ lane: 'mutants', cases, violations: complaints.length, seconds });
    expect(complaints).toEqual([]);
    expect(complaint(CONTROL, outcomes)).toEqual([expect.stringMatching(/^no-bug survived: /)]);
    expect(outcomes.length).toBe(MUTANTS.length + 1);
  },
);

test('every bug that is there is put in, and the lane has as many cases', () => {
  const bugs = readdirSync(new URL('./bugs/', import.meta.url));
  expect(bugs.sort()).toEqual([...MUTANTS, CONTROL].map(({ name }) => `${name}.ts`).sort());
  expect(MUTANTS.length).toBe(casesOf('mutants'));
});

test('a mutant that failed for another reason than its bug is not taken as caught', () => {
  const [mutant] = MUTANTS;
  const { name, test: file } = mutant!;
  expect(complaint(mutant!, [{ name, passed: false, said: 'the module was not found' }])).toEqual([
    expect.stringContaining(`${name} fails, but ${file} does not say`),
  ]);
  expect(complaint(mutant!, [])).toEqual([`${name} did not run`]);
});

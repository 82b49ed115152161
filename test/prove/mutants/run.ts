import { startVitest, type SerializedError } from 'vitest/node';
import { CONTROL, MUTANTS } from './mutants.ts';

/*
 * Runs each mutant's lane with the mutant in place: one project each in one run of the tests, so that the start is
 * paid once. Prints one JSON document: what became of each. With names as arguments, only those.
 */

// The figures of a lane with a bug in it are nobody's.
Reflect.deleteProperty(process.env, 'PROVE_REPORT');

/** The message, the code of an error of payrecon, and the value that was found. */
function wordsOf({ message, actual, ...rest }: SerializedError): string {
  const code: unknown = rest['code'];
  return [message, code, actual].filter((part) => typeof part === 'string').join('\n');
}

const names = process.argv.slice(2);
const every = [...MUTANTS, CONTROL];
const chosen = every.filter(({ name }) => names.length === 0 || names.includes(name));

const vitest = await startVitest('test', [], {
  config: false,
  watch: false,
  reporters: [{}],
  // One database is enough to notice a bug that is not about databases.
  testNamePattern: /^(?!.*postgres)/i,
  projects: chosen.map((mutant) => ({
    test: {
      name: mutant.name,
      include: [mutant.test],
      globalSetup: ['test/support/run.ts'],
      setupFiles: [`test/prove/mutants/bugs/${mutant.name}.ts`],
      pool: 'forks' as const,
      env: { PROVE_SIZE: 'quick', ...mutant.env },
      testTimeout: 60_000,
      hookTimeout: 30_000,
    },
  })),
});
const outcomes = vitest.state.getTestModules().map((module) => {
  const failures = [...module.children.allTests('failed')].flatMap(
    (test) => test.result().errors ?? [],
  );
  const said = [...failures, ...module.errors()].map(wordsOf).join('\n');
  return { name: module.project.name, passed: module.ok(), said };
});
await vitest.close();
process.stdout.write(`\n${JSON.stringify(outcomes)}\n`);
process.exitCode = 0;

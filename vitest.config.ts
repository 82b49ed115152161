import { defineConfig } from 'vitest/config';

/**
 * What `npm run prove` runs: the lanes of the proving ground, and the suites that run for minutes because they wait for
 * real time limits or start the real program hundreds of times. Everything else is `npm test`.
 */
const PROVING = ['test/prove/**/*.test.ts', 'test/faults/**/*.test.ts', 'test/e2e/**/*.test.ts'];

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: { name: 'daily', include: ['test/**/*.test.ts'], exclude: PROVING },
      },
      { extends: true, test: { name: 'proving', include: PROVING } },
    ],
    globalSetup: ['test/support/run.ts'],
    // Processes, not threads: native drivers, signals and the current directory belong to a process.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 15_000,
    slowTestThreshold: 2_000,
    allowOnly: false,
    passWithNoTests: false,
    unstubEnvs: true,
    unstubGlobals: true,
    restoreMocks: true,
    typecheck: { enabled: false },
  },
});

import { expect, test } from 'vitest';
import { targets } from '../storage/targets.ts';
import { countSteps, runCase } from './crash-case.ts';
import { openHarness } from './harness.ts';
import { everyCrash, nameOf, sample } from './lane.ts';
import { ALL_COMMANDS } from './more-commands.ts';

const SQLITE_CASES = 200;
const POSTGRES_CASES = 60;
const SEED = 4;

test.each(targets)(
  'a crash while a charge or a pass takes its turns from the shared limits ($name)',
  { timeout: 300_000 },
  async (target) => {
    const harness = await openHarness(target, { sharedLimits: true });
    const commands = [
      ALL_COMMANDS.find(({ role }) => role === 'charge')!,
      ALL_COMMANDS.find(({ role, daemon }) => role === 'reconcile' && daemon !== true)!,
    ];
    const without = await countSteps(await openHarness(target), commands[0]!);
    const shared = await countSteps(harness, commands[0]!);
    // Two calls to Stripe, each with a transaction of its own before it.
    expect(shared.before).toBeGreaterThan(without.before);
    const cases = sample(
      await everyCrash(harness, commands),
      target.name === 'sqlite' ? SQLITE_CASES : POSTGRES_CASES,
      SEED,
    );
    const wrong: string[] = [];
    const died: string[] = [];
    for (const each of cases) {
      const report = await runCase(harness, each);
      died.push(...report.died);
      wrong.push(
        ...report.wrong.map((what) => `${nameOf(each)} (died ${report.died.join()}): ${what}`),
      );
    }
    expect(wrong).toEqual([]);
    expect(died).toHaveLength(cases.length);
    expect(died.filter((where) => where.includes('stripe_budgets')).length).toBeGreaterThan(0);
  },
);

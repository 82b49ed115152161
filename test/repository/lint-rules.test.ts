import { ESLint } from 'eslint';
import tseslint from 'typescript-eslint';
import { describe, expect, it } from 'vitest';
import { root } from './tree.ts';

/** What must not be written, where, and the rule that must refuse it. */
const refused: [file: string, code: string, rule: string][] = [
  ['src/domain/money/money.ts', 'export const at = Date.now()', 'no-restricted-syntax'],
  ['src/app/charge.ts', 'export const at = new Date()', 'no-restricted-syntax'],
  ['src/app/charge.ts', 'export const at = Date()', 'no-restricted-syntax'],
  ['src/domain/backoff.ts', 'export const jitter = Math.random()', 'no-restricted-syntax'],
  ['src/domain/backoff.ts', 'export const at = performance.now()', 'no-restricted-globals'],
  ['src/app/reconcile/pass.ts', 'setTimeout(run, 1)', 'no-restricted-globals'],
  ['src/app/reconcile/pass.ts', 'export const home = process.env', 'no-restricted-globals'],
  [
    'src/app/reconcile/pass.ts',
    "export const answer = fetch('http://localhost')",
    'no-restricted-globals',
  ],
  ['src/cli/program.ts', 'process.exit(1)', 'no-restricted-syntax'],
  ['src/cli/program.ts', "console.log('x')", 'no-console'],
  ['src/cli/program.ts', 'export default 1', 'no-restricted-syntax'],
  ['src/config/settings.ts', "import { z } from 'zod'\nexport const a = z", 'no-restricted-syntax'],
];

const allowed: [file: string, code: string][] = [
  ['src/main.ts', 'process.exit(1)'],
  ['src/storage/clock.ts', 'export const at = Date.now()'],
  ['src/domain/time.ts', 'export const at = new Date(0)'],
  ['src/config/settings.ts', "import * as z from 'zod'\nexport const a = z"],
];

/** The rules of the repository that need no types, on text that is not on the disk. */
const linter = new ESLint({
  cwd: root,
  overrideConfig: [
    tseslint.configs.disableTypeChecked,
    { languageOptions: { parserOptions: { projectService: false } } },
  ],
});

async function rulesBroken(file: string, code: string): Promise<string[]> {
  const results = await linter.lintText(`${code}\n`, { filePath: file });
  return results.flatMap(({ messages }) =>
    messages.map(({ ruleId, message }) => ruleId ?? message),
  );
}

describe('the lint rules', () => {
  it.each(refused)('in %s refuse %j (%s)', async (file, code, rule) => {
    expect(await rulesBroken(file, code)).toEqual([rule]);
  });

  it.each(allowed)('in %s allow %j', async (file, code) => {
    expect(await rulesBroken(file, code)).toEqual([]);
  });

  it('see a query that is not awaited, and a case that a switch forgets', async () => {
    const config: unknown = await new ESLint({ cwd: root }).calculateConfigForFile(
      'src/storage/ledger/ledger.ts',
    );
    const { rules } = config as { rules: Record<string, unknown[]> };
    expect(rules['@typescript-eslint/no-floating-promises']).toEqual([
      2,
      expect.objectContaining({ checkThenables: true }),
    ]);
    expect(rules['@typescript-eslint/switch-exhaustiveness-check']?.[0]).toBe(2);
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readmePath, withGeneratedBlocks } from '../../docs/generate-readme.ts';
import { runPayrecon } from '../support/binary.ts';

const readme = readFileSync(readmePath, 'utf8');

/** Every `payrecon ...` line in a fenced block that is meant to be typed. */
function commandsShown(): string[][] {
  const blocks = [...readme.matchAll(/```(?:sh|cron)\n([\s\S]*?)```/g)].map(
    ([, body = '']) => body,
  );
  const lines = blocks
    .join('\n')
    .split('\n')
    .map((line) =>
      line
        .replace(/#.*$/, '')
        .replace(/[>|].*$/, '')
        .trim(),
    );
  return lines.flatMap((line) => {
    const [, words] = /(?:^|\s)payrecon ([a-z].*)$/.exec(line) ?? [];
    return words === undefined ? [] : [words.split(/\s+/)];
  });
}

describe('README.md', () => {
  it('has the table of settings that the code makes (npm run generate)', () => {
    expect(readme).toBe(withGeneratedBlocks(readme));
    expect(readme).toContain('| `STRIPE_SECRET_KEY` |');
  });

  it('shows only commands and flags that the program has', async () => {
    const commands = commandsShown();
    expect(commands.length).toBeGreaterThanOrEqual(8);
    for (const command of commands) {
      const names = command.filter((word, index) => index < 2 && /^[a-z]+$/.test(word));
      const { stdout, exitCode } = await runPayrecon([
        ...names.slice(0, names[0] === 'stuck' ? 2 : 1),
        '--help',
      ]);
      expect(exitCode, command.join(' ')).toBe(0);
      for (const flag of command.filter((word) => word.startsWith('--')))
        expect(stdout, `${command.join(' ')}: ${flag}`).toContain(flag);
    }
  });

  it('says every exit code as `--help` does', async () => {
    const { stdout } = await runPayrecon(['--help']);
    const said = [...stdout.matchAll(/^ {2}(\d+) {2,}/gm)].map(([, code]) => code);
    expect(said.length).toBeGreaterThanOrEqual(10);
    for (const code of said)
      expect(readme).toMatch(new RegExp(`^\\| (?:\\d+, )?${code ?? ''}(?:, \\d+)? \\|`, 'm'));
  });
});

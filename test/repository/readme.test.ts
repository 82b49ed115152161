import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configurationPath, errorsPath, withGeneratedBlocks } from '../../docs/generate-pages.ts';
import { runPayrecon } from '../support/binary.ts';
import { LANES } from '../support/proving.ts';
import { repositoryFiles, textOf } from './tree.ts';

const readme = textOf('README.md');
const pages = repositoryFiles().filter((file) => /^(README|docs\/[a-z-]+)\.md$/.test(file));

/** Every `payrecon ...` line in a fenced block that is meant to be typed. */
function commandsShown(page: string): string[][] {
  const blocks = [...page.matchAll(/```(?:sh|cron)\n([\s\S]*?)```/g)].map(([, body = '']) => body);
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
  it('is short enough to be read, and links to the rest', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(160);
    const linked = pages.filter((page) => page !== 'README.md' && readme.includes(`(${page})`));
    expect(linked).toEqual(pages.filter((page) => page !== 'README.md'));
  });

  it('has beside it the table of settings that the code makes (npm run generate)', () => {
    const page = readFileSync(configurationPath, 'utf8');
    expect(page).toBe(withGeneratedBlocks(page));
    expect(page).toContain('| `STRIPE_SECRET_KEY` |');
  });

  it('has beside it the table of error codes that the code makes (npm run generate)', () => {
    const page = readFileSync(errorsPath, 'utf8');
    expect(page).toBe(withGeneratedBlocks(page));
    expect(page).toContain('| `cancel_needed` | 2 or 4 |');
  });

  it('has beside it a page of the proving ground that describes every lane', () => {
    const page = textOf('docs/proving-ground.md');
    expect(Object.keys(LANES).filter((lane) => !page.includes(`\`${lane}\``))).toEqual([]);
  });

  it.each(pages)('%s names only sources that are there', (page) => {
    const known = new Set(repositoryFiles());
    const named = [
      ...textOf(page).matchAll(
        /`((?:src\/|test\/|bench\/|bin\/|domain\/|app\/|stripe\/|storage\/)[a-z0-9/_-]+\.(?:ts|js))`/g,
      ),
    ].map(([, file = '']) => file);
    expect(named.filter((file) => !known.has(file) && !known.has(`src/${file}`))).toEqual([]);
  });

  it.each(pages)('%s shows only commands and flags that the program has', async (page) => {
    const commands = commandsShown(textOf(page));
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

// Writes into README.md what is made from the code: the table of settings. `npm run generate` runs it, and
// test/repository/readme.test.ts fails while README.md is not what it makes.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { settingsTable } from '../src/config/table.ts';

export const readmePath = fileURLToPath(new URL('../README.md', import.meta.url));

/** The same text with each generated block made anew. */
export function withGeneratedBlocks(readme: string): string {
  return readme.replace(
    /(<!-- settings: .*? -->\n)[\s\S]*?(<!-- \/settings -->)/,
    (_, open: string, close: string) => `${open}${settingsTable().trimEnd()}\n${close}`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(readmePath, withGeneratedBlocks(readFileSync(readmePath, 'utf8')));
}

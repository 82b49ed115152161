// Writes into docs/configuration.md what is made from the code: the table of settings. `npm run generate` runs it, and
// test/repository/readme.test.ts fails while the page is not what it makes.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { settingsTable } from '../src/config/table.ts';

export const configurationPath = fileURLToPath(new URL('configuration.md', import.meta.url));

/** The same text with each generated block made anew. */
export function withGeneratedBlocks(page: string): string {
  return page.replace(
    /(<!-- settings: .*? -->\n)[\s\S]*?(<!-- \/settings -->)/,
    (_, open: string, close: string) => `${open}${settingsTable().trimEnd()}\n${close}`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(configurationPath, withGeneratedBlocks(readFileSync(configurationPath, 'utf8')));
}

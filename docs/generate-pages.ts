// Writes into docs/configuration.md and docs/errors.md what is made from the code: the table of settings and that of
// error codes. `npm run generate` runs it, and test/repository/readme.test.ts fails while a page is not what it makes.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { exitCode } from '../src/cli/exit-code.ts';
import { settingsTable } from '../src/config/table.ts';
import { type CodeAndKind, ERROR_CODES, type ErrorCode } from '../src/domain/error-codes.ts';
import { PayreconError } from '../src/domain/errors.ts';

export const configurationPath = fileURLToPath(new URL('configuration.md', import.meta.url));
export const errorsPath = fileURLToPath(new URL('errors.md', import.meta.url));

/** The same text with each generated block made anew. */
export function withGeneratedBlocks(page: string): string {
  return page.replace(
    /(<!-- (settings|errors): .*? -->\n)[\s\S]*?(<!-- \/\2 -->)/g,
    (_, open: string, name: string, close: string) =>
      `${open}${(name === 'settings' ? settingsTable() : errorsTable()).trimEnd()}\n${close}`,
  );
}

function errorsTable(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, { kinds, meaning, safe }]) => {
    const exits = kinds.map((kind) => exitOf({ code: code as ErrorCode, kind } as CodeAndKind));
    return `| \`${code}\` | ${exits.join(' or ')} | ${meaning} | ${safe} |`;
  });
  return [
    '| code | exit | what was found | what is safe now |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function exitOf(what: CodeAndKind): string {
  return String(exitCode({ kind: 'failed', error: new PayreconError(what, '') }, null));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const path of [configurationPath, errorsPath])
    writeFileSync(path, withGeneratedBlocks(readFileSync(path, 'utf8')));
}

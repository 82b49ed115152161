import { type Payrecon } from '../../app/payrecon.ts';
import { type CommandContext } from '../context.ts';
import { block } from './block.ts';
import { hints } from './hint.ts';
import { writeJson } from './json.ts';
import { createTheme } from './theme.ts';

type MigrationStatus = Awaited<ReturnType<Payrecon['migrationStatus']>>;

export function writeMigrated(direction: 'up' | 'down', names: readonly string[], { json, out, err }: CommandContext): void {
  if (json) {
    writeJson(out, { direction, migrations: names });
    return;
  }
  const theme = createTheme(out);
  if (names.length === 0) err.write(hints([{ text: direction === 'up' ? 'The schema is up to date.' : 'There is nothing to take back.' }], err));
  else out.write(`${theme.strong(direction === 'up' ? 'Applied' : 'Taken back')}\n${names.map((name) => `  ${name}\n`).join('')}`);
}

export function writeMigrationStatus({ applied, pending, unknown }: MigrationStatus, { json, out, err }: CommandContext): void {
  if (json) {
    writeJson(out, { applied, pending, unknown });
    return;
  }
  const theme = createTheme(out);
  const list = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '));
  const lines = [
    { label: 'applied', value: list(applied) },
    { label: 'pending', value: list(pending), ...(pending.length > 0 ? { paint: theme.warn } : {}) },
    { label: 'unknown', value: unknown.length === 0 ? null : list(unknown), paint: theme.bad },
  ];
  out.write(`${theme.strong('Schema')}\n${block(lines, theme, out)}`);
  if (pending.length > 0) err.write(hints([{ text: 'To apply what is pending:', command: ['payrecon', 'migrate'] }], err));
  if (unknown.length > 0) err.write(hints([{ text: 'The database was migrated by a newer payrecon: use that one.' }], err));
}

import type { DoctorCheck } from '../../app/payrecon.ts';
import type { CommandContext } from '../context.ts';
import { escapeText } from './escape.ts';
import { writeJson } from './json.ts';
import { createTheme } from './theme.ts';
import { wrap } from './wrap.ts';

const nameWidth = 13;

export function writeChecks(checks: readonly DoctorCheck[], { json, out }: CommandContext): void {
  if (json) {
    const ok = checks.every((check) => check.state !== 'failed');
    writeJson(out, {
      ok,
      checks: checks.map(({ name, state, message }) => ({ name, state, message })),
    });
    return;
  }
  const theme = createTheme(out);
  const signs = { ok: theme.good('✓'), warning: theme.warn('!'), failed: theme.bad('✗') };
  const before = nameWidth + 4;
  for (const { name, state, message } of checks) {
    out.write(
      `${signs[state]} ${theme.strong(name.replaceAll('_', ' ').padEnd(nameWidth))}  ${wrap(escapeText(message), out.columns - before, before)}\n`,
    );
  }
}

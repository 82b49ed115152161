import type { DoctorCheck } from '../../../app/service.ts';
import type { CommandContext } from '../../context.ts';
import { escapeText } from '../parts/escape.ts';
import { writeJson } from '../parts/json.ts';
import { createTheme } from '../parts/theme.ts';
import { wrap } from '../parts/wrap.ts';

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

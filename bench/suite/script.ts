import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { readTable } from './show.ts';

/**
 * Runs a benchmark that is a script of its own, and reads its table. It ends with 1 where it sees a limit exceeded: that is
 * judged here again, by the goals.
 */
export async function tableOf(
  script: string,
  args: readonly string[],
): Promise<readonly Readonly<Record<string, string>>[]> {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', path, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  const rows = readTable(text);
  if (rows.length === 0)
    throw new Error(
      `${script} ended with ${String(code)} and left no table:\n${text.slice(-2_000)}`,
    );
  return rows;
}

/** A cell as a number: `1.25 x` and `31.4` alike. */
export function numberIn(row: Readonly<Record<string, string>>, column: string): number {
  const value = Number.parseFloat(row[column] ?? '');
  if (!Number.isFinite(value)) throw new Error(`no number under ${column}: ${JSON.stringify(row)}`);
  return value;
}

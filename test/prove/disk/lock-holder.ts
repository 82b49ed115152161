import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** Another process, which takes the write lock of a ledger and gives it back. */
export interface LockHolder {
  take(path: string): Promise<void>;
  /** Does nothing where nothing is held. */
  release(): Promise<void>;
}

/** Reads the path of a ledger to lock, or an empty line to let go; answers with a line. */
const PROGRAM = `
  import { createInterface } from 'node:readline';
  import Sqlite from 'libsql';
  let held = null;
  for await (const path of createInterface({ input: process.stdin })) {
    held?.exec('rollback');
    held?.close();
    held = path === '' ? null : new Sqlite(path, { timeout: 5000 });
    held?.exec('begin immediate');
    console.log(held === null ? 'free' : 'held');
  }
`;

export function startLockHolder(): LockHolder {
  const cwd = fileURLToPath(new URL('../../../', import.meta.url));
  const child = spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    cwd,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = createInterface({ input: child.stdout });
  onTestFinished(async () => {
    child.stdin.end();
    if (child.exitCode === null) await once(child, 'exit');
  });
  const say = async (line: string, expected: string): Promise<void> => {
    const answered = once(answers, 'line');
    child.stdin.write(`${line}\n`);
    const [answer] = (await answered) as [string];
    if (answer !== expected) throw new Error(`the process that holds the lock says ${answer}`);
  };
  return { take: (path) => say(path, 'held'), release: () => say('', 'free') };
}

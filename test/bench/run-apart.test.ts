import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runApart } from '../../bench/suite/run-apart.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** A benchmark that leaves a process and a file, says where, and then does as it is told. */
const SCRIPT = `
  import { spawn } from 'node:child_process';
  import { writeFileSync } from 'node:fs';
  import { tmpdir } from 'node:os';
  const [notes, how] = process.argv.slice(2);
  writeFileSync(tmpdir() + '/left', 'x');
  const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => process.exit()); setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  writeFileSync(notes, JSON.stringify({ pid: child.pid, folder: tmpdir() }));
  child.unref();
  if (how === 'sends') process.send({ figures: 7 }, () => process.exit());
  if (how === 'fails') process.exit(3);
  if (how === 'hangs') setInterval(() => {}, 1000);
`;

async function prepared(): Promise<{ readonly script: URL; readonly notes: string }> {
  const folder = await temporaryFolder();
  const path = join(folder, 'benchmark.mts');
  writeFileSync(path, SCRIPT);
  return { script: pathToFileURL(path), notes: join(folder, 'notes.json') };
}

/** A process that has ended but was not yet waited for is as good as gone. */
function lives(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/u.test(readFileSync(`/proc/${String(pid)}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

function expectNothingLeft(notes: string): void {
  const { pid, folder } = JSON.parse(readFileSync(notes, 'utf8')) as {
    readonly pid: number;
    readonly folder: string;
  };
  expect(lives(pid)).toBe(false);
  expect(existsSync(folder)).toBe(false);
}

describe('a benchmark run apart', () => {
  const never = new AbortController().signal;

  it('tells what it sent, and leaves no process and no file', async () => {
    const { script, notes } = await prepared();
    expect(await runApart(script, [notes, 'sends'], 15, never)).toEqual({ figures: 7 });
    expectNothingLeft(notes);
  });

  it('is told to have failed, and leaves nothing either', async () => {
    const { script, notes } = await prepared();
    await expect(runApart(script, [notes, 'fails'], 15, never)).rejects.toThrow('ended with 3');
    expectNothingLeft(notes);
  });

  it('is ended when it takes too long, and when it is interrupted', async () => {
    const { script, notes } = await prepared();
    await expect(runApart(script, [notes, 'hangs'], 3, never)).rejects.toThrow(
      'not done after 3 s',
    );
    expectNothingLeft(notes);

    const second = await prepared();
    const stopping = new AbortController();
    const running = runApart(second.script, [second.notes, 'hangs'], 15, stopping.signal);
    const rejected = expect(running).rejects.toThrow('interrupted');
    while (!existsSync(second.notes)) await sleep(50);
    await sleep(200);
    stopping.abort();
    await rejected;
    expectNothingLeft(second.notes);
  });
});

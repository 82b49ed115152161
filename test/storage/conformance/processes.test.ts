import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTemporaryFolder, removeTemporaryFolder } from '../../support/temporary.ts';
import { targets } from '../targets.ts';

const PROCESSES = 20;

interface Said {
  readonly kind: string;
  readonly id: string | null;
}

let folder = '';
let script = '';

/** Bundled once, so that twenty of them start in the time that one takes otherwise. */
beforeAll(async () => {
  folder = await createTemporaryFolder();
  script = join(folder, 'open-and-charge.mjs');
  await symlink(
    fileURLToPath(new URL('../../../node_modules', import.meta.url)),
    join(folder, 'node_modules'),
  );
  const entry = fileURLToPath(new URL('../open-and-charge.ts', import.meta.url));
  await build({
    entryPoints: [entry],
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  });
});

afterAll(() => removeTemporaryFolder(folder));

describe.each(targets)('twenty processes on $name', (target) => {
  it(
    'that charge one key in a database that none of them has seen make one payment',
    { timeout: 60_000 },
    async () => {
      const database = await target.fresh();
      const processes = Array.from({ length: PROCESSES }, () =>
        execa(process.execPath, [script, database.url, 'order-1'], { stdin: 'pipe', buffer: true }),
      );
      await Promise.all(
        processes.map((one) => new Promise((resolve) => one.stdout.once('data', resolve))),
      );
      for (const one of processes) one.stdin.end('go\n');
      const said = (await Promise.all(processes)).map(
        ({ stdout }) => JSON.parse(stdout.slice('ready\n'.length)) as Said,
      );
      expect(said.map(({ kind }) => kind).sort()).toEqual([
        ...Array.from({ length: PROCESSES - 1 }, () => 'exists'),
        'opened',
      ]);
      expect(new Set(said.map(({ id }) => id)).size).toBe(1);
      const storage = await database.open();
      expect(await storage.history.verifyAudit(null)).toEqual({
        transactions: 1,
        entries: 1,
        partly: 0,
        firstBad: null,
      });
    },
  );
});

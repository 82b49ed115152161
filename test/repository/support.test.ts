import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { runPayrecon } from '../support/binary.ts';
import { freshPostgresDatabase } from '../support/postgres.ts';
import { startPostgresServer } from '../support/postgres-server.ts';
import { createTemporaryFolder, removeTemporaryFolder } from '../support/temporary.ts';

/** A run of the tests, as far as the server can tell: it holds the pipe and never lets go by itself. */
const startAndWait = `
  const { spawn } = require('node:child_process')
  spawn(process.execPath, [process.argv[1]], { stdio: ['pipe', 'inherit', 'inherit'] })
  setInterval(() => undefined, 1000)
`;

describe('the test support', () => {
  it('gives two tests two databases that do not see each other', async () => {
    const first = await freshPostgresDatabase();
    const second = await freshPostgresDatabase();
    await query(first.url, 'create table seen (id int)');
    const rows = await query(
      second.url,
      "select to_regclass('seen') as seen, version() as version",
    );
    expect(rows).toEqual([
      { seen: null, version: expect.stringMatching(/^PostgreSQL 1[6-9]/) as string },
    ]);
    await Promise.all([first.drop(), second.drop()]);
    await expect(query(first.url, 'select 1')).rejects.toThrow(/does not exist/);
  });

  it('runs a durable PostgreSQL of its own where a test is about just that', async () => {
    const server = await startPostgresServer({ durable: true, settings: { work_mem: '5MB' } });
    try {
      const [row] = await query(
        server.url,
        "select current_setting('fsync') as fsync, current_setting('work_mem') as work_mem, current_setting('data_directory') as folder",
      );
      expect(row).toMatchObject({ fsync: 'on', work_mem: '5MB' });
      await server.stop();
      expect(existsSync(String(row?.['folder']))).toBe(false);
    } finally {
      await server.stop();
    }
  });

  it.each(['immediate', 'kill'] as const)(
    'starts a PostgreSQL again that was stopped (%s), with all that it acknowledged',
    { timeout: 60_000 },
    async (how) => {
      const server = await startPostgresServer({ durable: true });
      try {
        await query(server.url, 'create table kept as select 1 as one');
        await server.tell({ do: 'stop', node: 'first', how });
        await expect(query(server.url, 'select 1')).rejects.toThrow(/ECONNREFUSED/);
        const url = await server.tell({ do: 'start', node: 'first' });
        expect(await query(url, 'select one from kept')).toEqual([{ one: 1 }]);
        await expect(server.tell({ do: 'start', node: 'nobody' })).rejects.toThrow(
          /PostgreSQL did not start/,
        );
      } finally {
        await server.stop();
      }
    },
  );

  it('stops PostgreSQL and removes its folder even when the run that needed it is killed', async () => {
    const script = fileURLToPath(new URL('../support/postgres-supervisor.js', import.meta.url));
    const run = spawn(process.execPath, ['-e', startAndWait, script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: run.stdout }), 'line')) as [string];
    const { port } = JSON.parse(line) as { port: number };
    const [row] = await query(
      `postgres://postgres@127.0.0.1:${port}/postgres`,
      "select current_setting('data_directory') as folder",
    );
    const folder = dirname(String(row?.['folder']));
    expect(existsSync(folder)).toBe(true);
    run.kill('SIGKILL');
    await expect.poll(() => existsSync(folder), { timeout: 10_000 }).toBe(false);
    await expect(
      query(`postgres://postgres@127.0.0.1:${port}/postgres`, 'select 1'),
    ).rejects.toThrow(/ECONNREFUSED/);
  });

  it('removes a temporary folder and everything in it', async () => {
    const folder = await createTemporaryFolder();
    expect(existsSync(folder)).toBe(true);
    await removeTemporaryFolder(folder);
    expect(existsSync(folder)).toBe(false);
  });

  it('starts the built command with nothing of the machine in its environment', async () => {
    const { exitCode, signal } = await runPayrecon(['--version']);
    expect({ exitCode, signal }).toEqual({ exitCode: 0, signal: undefined });
  });
});

async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

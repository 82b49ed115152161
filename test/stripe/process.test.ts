import { AsyncResource } from 'node:async_hooks';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { deadPort, json, startRawServer } from './raw-server.ts';
import { gatewayAt, intent, transaction } from './samples.ts';

describe('the process', () => {
  async function runScript(
    lines: readonly string[],
    env: Record<string, string>,
  ): Promise<{ stdout: string; stderr: string; tookMs: number }> {
    const begun = performance.now();
    const script = [
      `import { gatewayAt, transaction } from './test/stripe/samples.ts';`,
      ...lines,
    ].join('\n');
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script],
      {
        env: { PATH: process.env['PATH'] ?? '', ...env },
        timeout: 15_000,
      },
    );
    return { stdout, stderr, tookMs: performance.now() - begun };
  }

  it('ends by itself after a call that hung, with nothing on stderr whatever the package would say', async () => {
    await using server = await startRawServer((_seen, response, n) => {
      if (n === 0) json(response, 200, intent(), { 'Stripe-Notice': 'try our new thing' });
    });
    const home = await mkdtemp(join(tmpdir(), 'payrecon-home-'));
    const run = await runScript(
      [
        `const gateway = gatewayAt('${server.base}', { deadlineMs: 500 });`,
        `const first = await gateway.create(transaction());`,
        `const second = await gateway.confirm(transaction());`,
        `console.log(first.kind, second.kind, second.reason, process.env.CLAUDECODE);`,
      ],
      { CLAUDECODE: '1', CLAUDE_CODE_CHILD_SESSION: '1', HOME: home, XDG_CONFIG_HOME: home },
    );
    expect(run).toMatchObject({ stdout: 'intent unknown timeout 1\n', stderr: '' });
    expect(run.tookMs).toBeLessThan(10_000);
    // Telemetry would leave an identifier here, and send the last call's figures with the next.
    expect(await readdir(home)).toEqual([]);
    await rm(home, { recursive: true });
    expect(server.seen[1]!.headers).not.toHaveProperty('x-stripe-client-telemetry');
  });

  it('does not load the package before there is something to ask', async () => {
    const hook = `import { writeSync } from 'node:fs';
      export async function resolve(name, context, next) {
        if (name === 'stripe') writeSync(1, 'loads stripe\\n');
        return next(name, context);
      }`;
    const run = await runScript(
      [
        `import { writeSync } from 'node:fs';`,
        `import { register } from 'node:module';`,
        `register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}));`,
        `const gateway = gatewayAt('http://127.0.0.1:${await deadPort()}');`,
        `for await (const answer of gateway.lookUp([])) writeSync(1, answer.kind);`,
        `writeSync(1, 'made, ' + JSON.stringify(gateway.calls()) + '\\n');`,
        `const answer = await gateway.create(transaction());`,
        `writeSync(1, answer.reason + '\\n');`,
      ],
      {},
    );
    expect(run.stdout.split('\n')).toEqual([
      'made, {"list":0,"retrieve":0,"other":0}',
      'loads stripe',
      'connection',
      '',
    ]);
  });

  // A daemon opens a gateway for each pass: on Node 20 each left a store behind that every later promise was asked for.
  it('keeps nothing of a gateway that was closed', async () => {
    await using server = await startRawServer((_seen, response) => json(response, 200, intent()));
    const storesAsked = (): number =>
      Object.getOwnPropertySymbols(new AsyncResource('probe')).length;
    const useOne = async (): Promise<void> => {
      const gateway = gatewayAt(server.base);
      expect(await gateway.create(transaction())).toMatchObject({ kind: 'intent' });
      gateway.close();
    };
    await useOne();
    const afterOne = storesAsked();
    for (let more = 1; more <= 5; more += 1) await useOne();
    expect(storesAsked()).toBe(afterOne);
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Sqlite from 'libsql';
import { describe, expect, test, vi } from 'vitest';
import { through } from '../../src/storage/statement-hook.ts';
import { postgresProxy } from '../storage/postgres-proxy.ts';
import { postgres, sqlite } from '../storage/targets.ts';
import { DeadGate, seamsThrough } from './dead-gate.ts';
import { openHarness, type Harness } from './harness.ts';
import { ALL_COMMANDS } from './more-commands.ts';
import type { Command } from './commands.ts';

/*
 * The dead gate proves nothing about what passes it by. So what it has counted is compared with what others have seen:
 * the local Stripe and SendGrid of requests, the wire to PostgreSQL and SQLite's driver of statements.
 */

const sources = fileURLToPath(new URL('../../src', import.meta.url));

async function countedRun(
  harness: Harness,
  command: Command,
  env: Readonly<Record<string, string>> = {},
): Promise<DeadGate> {
  const gate = new DeadGate(null);
  const payrecon = await harness.open(command.role, seamsThrough(gate, harness.clock), env);
  await command.run(payrecon);
  await payrecon.close();
  return gate;
}

const STEP_OF_ENDPOINT: Readonly<Record<string, RegExp>> = {
  'payment_intents.create': /^stripe create/,
  'payment_intents.confirm': /^stripe confirm/,
  'payment_intents.cancel': /^stripe cancel/,
  'payment_intents.retrieve': /^stripe retrieve/,
  // The newest intents of the account, and those of one payment.
  'payment_intents.list': /^stripe (scan|newest)/,
  account: /^stripe account/,
  'mail.send': /^mail /,
};

describe('requests', () => {
  // A look-up of several payments at a time is fewer requests than answers; the others are one each.
  const compared = ALL_COMMANDS.filter(
    ({ name, daemon }) => daemon !== true && !name.startsWith('reconcile, several'),
  );

  test.each(compared)('as many as the gate has counted: $name', async (command) => {
    const harness = await openHarness(sqlite);
    await harness.begin(command.empty === true);
    await command.prepare(harness);
    const before = harness.sandbox.books.requests.length;
    harness.sandbox.setFaults(command.faults ?? '');
    const gate = await countedRun(harness, command);
    const requests = harness.sandbox.books.requests.slice(before);
    expect(requests.filter(({ endpoint }) => STEP_OF_ENDPOINT[endpoint] === undefined)).toEqual([]);
    const seen = Object.entries(STEP_OF_ENDPOINT).map(([endpoint]) => [
      endpoint,
      requests.filter((request) => request.endpoint === endpoint).length,
    ]);
    const counted = Object.entries(STEP_OF_ENDPOINT).map(([endpoint, step]) => [
      endpoint,
      gate.had.filter((what) => step.test(what)).length,
    ]);
    expect(counted).toEqual(seen);
    await harness.end();
  });
});

/** Statements that are no request, no e-mail: as many as were counted. */
function statementsOf(gate: DeadGate): number {
  return gate.begun.filter((what) => !/^(stripe|mail) /.test(what)).length;
}

describe('statements', () => {
  const writing = ALL_COMMANDS.filter(
    ({ daemon, faults }) => daemon !== true && faults === undefined,
  );

  test(
    'on the wire to PostgreSQL are those that the gate has counted',
    { timeout: 60_000 },
    async () => {
      const harness = await openHarness(postgres);
      const proxy = await postgresProxy(harness.environment()['DATABASE_URL'] ?? '');
      for (const command of writing) {
        await harness.begin(command.empty === true);
        await command.prepare(harness);
        proxy.statements.length = 0;
        const gate = await countedRun(harness, command, { DATABASE_URL: proxy.url });
        expect([command.name, proxy.statements.length]).toEqual([command.name, statementsOf(gate)]);
        expect(statementsOf(gate)).toBeGreaterThan(0);
        await harness.end();
      }
    },
  );

  test('in the driver of SQLite are those that the gate has counted', async () => {
    const harness = await openHarness(sqlite);
    const statement = Object.getPrototypeOf(new Sqlite(':memory:').prepare('select 1')) as {
      all: (...bindings: unknown[]) => unknown[];
      run: (...bindings: unknown[]) => object;
    };
    for (const command of writing) {
      await harness.begin(command.empty === true);
      await command.prepare(harness);
      const spies = [vi.spyOn(statement, 'all'), vi.spyOn(statement, 'run')];
      const executed = vi.spyOn(Sqlite.prototype, 'exec');
      const gate = await countedRun(harness, command);
      expect([command.name, spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0)]).toEqual([
        command.name,
        statementsOf(gate),
      ]);
      // What opening and closing sets and moves, and no word about a payment.
      expect(executed.mock.calls.filter(([sql]) => !sql.startsWith('pragma '))).toEqual([]);
      vi.restoreAllMocks();
      await harness.end();
    }
  });
});

describe('without a gate', () => {
  test('a statement is sent at once, and nothing is looked at', async () => {
    let sent = 0;
    const answer = through(undefined, { sql: 'select 1', connection: {} }, () => {
      sent += 1;
      return Promise.resolve('answer');
    });
    expect(sent).toBe(1);
    expect(await answer).toBe('answer');
  });

  test('production opens: no source but the composition root knows of overrides', () => {
    const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    const knowing = files.filter((file) =>
      /\bOverrides\b/.test(readFileSync(join(sources, file), 'utf8')),
    );
    expect(knowing.sort()).toEqual([
      join('compose', 'adapters.ts'),
      join('compose', 'services.ts'),
    ]);
    const opening = files.filter(
      (file) =>
        /(open|daemon)FromEnvironment\(/.test(readFileSync(join(sources, file), 'utf8')) &&
        file !== join('compose', 'services.ts'),
    );
    expect(opening.length).toBeGreaterThan(0);
    // With one argument each: the second one would be the overrides.
    const others = opening.filter((file) =>
      readFileSync(join(sources, file), 'utf8')
        .replaceAll(/FromEnvironment\(\{(?:[^{}]|\{\})*\}\)/g, '')
        .includes('FromEnvironment('),
    );
    expect(others).toEqual([]);
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { startSandbox } from '../../../src/sandbox/server.ts';
import { targets } from '../../storage/targets.ts';
import { gatewayAt, transaction } from '../../stripe/samples.ts';

const PROCESSES = 3;
const PER_SECOND = 25;
const FOR_MS = 8_000;
/** Where the processes have not all begun, or have partly ended. */
const EDGE_MS = 500;
/** A quarter of a second behind passes, a turn of its own, and what a busy machine adds; who goes first is test/stripe/rate-limit/shared-limiter.test.ts. */
const OVERTAKEN_AT_MOST = PER_SECOND;

/** Resolves to how to begin, once it has connected. */
async function asking(
  task: Readonly<Record<string, unknown>>,
): Promise<{ readonly begin: () => void; readonly ended: Promise<unknown> }> {
  const script = fileURLToPath(new URL('asking.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, JSON.stringify(task)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill());
  const ended = once(child, 'exit').then(([code]: unknown[]) => code);
  await Promise.race([once(child.stdout, 'data'), ended]);
  return { begin: () => void child.stdin.write('go\n'), ended };
}

test.each(targets)(
  'three processes on one ledger ($name) keep to one limit together, and hold up a charge by less than a second of turns',
  { timeout: 60_000 },
  async (target) => {
    const sandbox = await startSandbox({
      rateLimits: { perSecond: PER_SECOND, perEndpoint: PER_SECOND },
    });
    onTestFinished(() => sandbox.close());
    const database = await target.fresh();
    const storage = await database.open();
    const limits = { perSecond: PER_SECOND, perEndpoint: PER_SECOND };
    const processes = await Promise.all(
      Array.from({ length: PROCESSES }, () =>
        asking({ url: database.url, apiBase: sandbox.url, forMs: FOR_MS, ...limits }),
      ),
    );
    const charging = gatewayAt(sandbox.url, {
      requestsPerSecond: PER_SECOND,
      endpointRequestsPerSecond: PER_SECOND,
      budgets: storage.budgets,
      priority: 'live',
    });
    onTestFinished(() => charging.close());
    for (const { begin } of processes) begin();
    const asked: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      await wait(FOR_MS / 6);
      asked.push(sandbox.clock.now());
      await charging.create(
        transaction({ id: `txn_${String(n)}`, key: `order-${String(n)}`, customer: null }),
      );
    }
    expect(await Promise.all(processes.map(({ ended }) => ended))).toEqual(
      Array(PROCESSES).fill(0),
    );
    const { requests } = sandbox.books;
    const firstMs = requests[0]!.wire_at;
    const creates = requests.filter(({ endpoint }) => endpoint === 'payment_intents.create');
    // How many of the passes' requests came between each charge's wish and its arrival; the third of five is the middle one.
    const overtaken = creates
      .map(
        ({ wire_at: at }, n) =>
          requests.filter(
            (other) =>
              other.endpoint !== 'payment_intents.create' &&
              other.wire_at >= asked[n]! &&
              other.wire_at <= at,
          ).length,
      )
      .sort((a, b) => a - b);
    const inTheMiddle = requests.filter(
      ({ wire_at: at }) => at >= firstMs + EDGE_MS && at < firstMs + FOR_MS - EDGE_MS,
    ).length;
    const refused = requests.filter(({ status }) => status === 429).length;
    const counted = {
      all: requests.length,
      refused,
      ofLimit: (inTheMiddle * 1_000) / ((FOR_MS - 2 * EDGE_MS) * PER_SECOND),
      overtaken,
    };
    expect(refused / requests.length, JSON.stringify(counted)).toBeLessThan(0.01);
    // How much of the limit they use up depends on the machine: `npm run bench` measures it.
    expect(counted.ofLimit, JSON.stringify(counted)).toBeLessThan(1.02);
    expect(overtaken[2], JSON.stringify(counted)).toBeLessThan(OVERTAKEN_AT_MOST);
  },
);

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import pLimit from 'p-limit';
import { expect, test } from 'vitest';
import { FAULT_KINDS, type FaultName } from '../../src/sandbox/server.ts';
import { targets, type Target } from '../storage/targets.ts';
import { binary } from '../support/binary.ts';
import { cleanEnvironment } from '../support/environment.ts';
import { evidenceSource } from '../support/evidence.ts';
import { violations } from '../support/invariants.ts';
import { aPaymentWorld, type PaymentWorld } from '../support/payment-world.ts';
import { temporaryFolder } from '../support/temporary.ts';

/*
 * A sample of the fault scripts with the real command, in processes of their own: each kind of fault
 * once, at one call or another, and every third time with a SIGTERM while the answer is due.
 */

const AT_ONCE = 4;
const SIGNAL_EVERY = 3;
/** The command waits 1 s for Stripe here. */
const TIMED: Partial<Record<FaultName, string>> = {
  late: 'late:1300',
  slow: 'slow:1300',
  out_of_order: 'out_of_order:1300',
};

interface Place {
  readonly endpoint: string;
  readonly command: 'charge' | 'reconcile';
  readonly card: string;
  readonly before?: string;
}

const PLACES: readonly Place[] = [
  { endpoint: 'payment_intents.confirm', command: 'charge', card: 'pm_card_visa' },
  { endpoint: 'payment_intents.create', command: 'charge', card: 'pm_card_visa' },
  { endpoint: 'payment_intents.cancel', command: 'charge', card: 'pm_card_chargeDeclined' },
  {
    endpoint: 'payment_intents.retrieve',
    command: 'reconcile',
    card: 'pm_card_visa',
    before: 'payment_intents.confirm=html_502_after',
  },
];

const STATUS_OF: Readonly<Record<number, readonly (string | null)[]>> = {
  0: ['succeeded'],
  2: ['pending', null],
  3: ['failed', 'canceled'],
  5: ['stuck'],
  69: [null],
  75: ['pending'],
  143: ['pending', null],
};

interface Said {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Sends SIGTERM as soon as the request has arrived. */
async function terminatedAt(
  world: PaymentWorld,
  endpoint: string,
  args: readonly string[],
): Promise<Said> {
  const { books } = world.sandbox;
  const before = books.count(endpoint);
  const home = await temporaryFolder();
  const child = spawn(process.execPath, [binary, ...args], {
    env: cleanEnvironment(home, world.env),
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  const closed = once(child, 'close') as Promise<[number | null]>;
  while (child.exitCode === null && books.count(endpoint) === before) await wait(2);
  child.kill('SIGTERM');
  const [exitCode] = await closed;
  return { exitCode: exitCode ?? undefined, ...said };
}

async function runScript(
  target: Target,
  kind: FaultName,
  place: Place,
  signalled: boolean,
): Promise<readonly string[]> {
  const world = await aPaymentWorld(target);
  const { sandbox } = world;
  const charge = [
    'charge',
    '--json',
    '--key',
    'order-1',
    '--amount',
    '49.99',
    '--currency',
    'usd',
    '--payment-method',
    place.card,
    '--email',
    'ada@example.com',
  ];
  const wrong: string[] = [];
  const heard = (said: Said): void => {
    const status =
      said.stdout === '' ? null : ((JSON.parse(said.stdout) as { status?: string }).status ?? null);
    if (STATUS_OF[said.exitCode ?? -1]?.includes(status) !== true)
      wrong.push(
        `ended with ${said.exitCode ?? 'a signal'} and ${status ?? 'nothing'}: ${said.stderr}`,
      );
    if (/\n\s+at /.test(said.stderr)) wrong.push(`a stack: ${said.stderr}`);
  };
  if (place.before !== undefined) {
    sandbox.setFaults(place.before);
    heard(await world.run(charge, { env: { PAYRECON_STRIPE_DEADLINE: '15s' } }));
  }
  sandbox.setFaults(`${place.endpoint}=${TIMED[kind] ?? kind}`);
  const struck = place.command === 'charge' ? charge : ['reconcile'];
  const said = signalled
    ? await terminatedAt(world, place.endpoint, struck)
    : await world.run(struck);
  if (place.command === 'charge') heard(said);
  if (
    !sandbox.books.requests.some(
      (request) => request.fault !== null && request.endpoint === place.endpoint,
    )
  )
    wrong.push('the fault was never met');
  sandbox.setFaults('');
  while (sandbox.books.requests.some((request) => request.duration_ms === null)) await wait(10);
  // From here on everything is in order, and a busy machine must not look otherwise.
  const env = { PAYRECON_STRIPE_DEADLINE: '15s' };
  if (!signalled) heard(await world.run(charge, { env }));
  await world.run(['reconcile'], { env });
  const last = await world.run(['reconcile'], { env });
  if (last.exitCode !== 0)
    wrong.push(`the last pass ended with ${last.exitCode ?? 'a signal'}: ${last.stderr}`);
  return [
    ...wrong,
    ...(await violations(await evidenceSource(sandbox.books, world.database), { atRest: true })),
  ];
}

test.each(targets)(
  'each kind of fault under the real command ($name)',
  { timeout: 180_000 },
  async (target) => {
    const limit = pLimit(AT_ONCE);
    const runs = FAULT_KINDS.map(({ kind }, index) => {
      const place = PLACES[index % PLACES.length]!;
      const signalled = index % SIGNAL_EVERY === 0;
      const name = `${kind} at ${place.endpoint}${signalled ? ', SIGTERM' : ''}`;
      return limit(async () =>
        (await runScript(target, kind, place, signalled)).map((wrong) => `${name}: ${wrong}`),
      );
    });
    const failures = (await Promise.all(runs)).flat();
    expect(failures).toEqual([]);
    expect(runs).toHaveLength(18);
  },
);

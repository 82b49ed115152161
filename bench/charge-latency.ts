// What a charge takes in this checkout beside another one, as a whole command and in a running process, in alternating
// order; and the calls to Stripe that one charge and a backlog of unknown outcomes cost in each.
//   npm run bench:charge-latency -- --against DIR [--pairs 40] [--commands 15] [--backlog 1000]
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import type { openPayrecon as Open } from '../src/library.ts';
import { cleanEnvironment } from '../test/support/environment.ts';
import { DATABASES, SHOWN, withDatabase, type DatabaseName } from './databases.ts';
import { startLocalStripe } from './local-stripe.ts';
import { inPairs, median, type Pair } from './suite/figures.ts';

const WARM_UP = 10;
const CHARGED_AT_ONCE = 8;

/** One checkout with a ledger of its own, on a Stripe of its own. */
interface Side {
  readonly root: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stripe: string;
}

interface Sizes {
  readonly pairs: number;
  readonly commands: number;
  readonly backlog: number;
}

let keys = 0;

function nextKey(): string {
  keys += 1;
  return `latency-${String(keys)}`;
}

function run(
  { root, folder, env }: Side,
  args: readonly string[],
): { readonly ms: number; readonly stdout: string } {
  const startedMs = performance.now();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'bin/payrecon.js'), ...args],
    { env, cwd: folder, encoding: 'utf8' },
  );
  const ms = performance.now() - startedMs;
  if (status !== 0)
    throw new Error(`${args.join(' ')} of ${root} ended with ${String(status)}: ${stderr}`);
  return { ms, stdout };
}

function command(side: Side): number {
  const what = [
    '--amount',
    '49.99',
    '--currency',
    'usd',
    '--payment-method',
    'pm_card_visa',
    '--allow-duplicate',
  ];
  return run(side, ['charge', '--key', nextKey(), ...what]).ms;
}

interface Running {
  readonly charge: () => Promise<number>;
  readonly close: () => Promise<void>;
}

async function running({ root, env }: Side, expected: string): Promise<Running> {
  const library = pathToFileURL(join(root, 'dist/library.js')).href;
  const { openPayrecon } = (await import(library)) as { readonly openPayrecon: typeof Open };
  const payrecon = await openPayrecon({ environment: env });
  return {
    async charge() {
      const key = nextKey();
      const request = { key, amount: '49.99', currency: 'usd', paymentMethod: 'pm_card_visa' };
      const startedMs = performance.now();
      const charged = await payrecon.charge(request, { allowDuplicate: true });
      const ms = performance.now() - startedMs;
      if (!charged.ok) throw new Error(`${root}: ${charged.error.message}`);
      const { status } = charged.value.transaction;
      if (status !== expected) throw new Error(`${root}: the payment is ${status}`);
      return ms;
    },
    close: () => payrecon.close(),
  };
}

const requestLog = z.object({ requests: z.array(z.object({ endpoint: z.string().nullable() })) });

/** The calls of the last few requests, those before `seen` left out. */
async function callsSince({ stripe }: Side, seen: number): Promise<readonly string[]> {
  const response = await fetch(`${stripe}/_sandbox/requests`);
  const { requests } = requestLog.parse(await response.json());
  return requests.slice(seen).map(({ endpoint }) => endpoint ?? 'unknown');
}

async function setFaults({ stripe }: Side, spec: string): Promise<void> {
  const { ok } = await fetch(`${stripe}/_sandbox/faults`, {
    method: 'POST',
    body: JSON.stringify({ spec }),
  });
  if (!ok) throw new Error('the local Stripe refused the faults');
}

const passReport = z.object({ stripe_calls: z.record(z.string(), z.number()), due: z.number() });

/** The calls of a pass over so many payments whose confirm was carried out and never answered. */
async function backlogCalls(side: Side, rows: number): Promise<string> {
  const { charge, close } = await running(side, 'pending');
  await setFaults(side, 'payment_intents.confirm#*=html_502_after');
  let left = rows;
  await Promise.all(
    Array.from({ length: CHARGED_AT_ONCE }, async () => {
      for (; left > 0;) {
        left -= 1;
        await charge();
      }
    }),
  );
  await close();
  await setFaults(side, '');
  const { stripe_calls: calls, due } = passReport.parse(
    JSON.parse(run(side, ['reconcile', '--json']).stdout),
  );
  return `${String(due)} due, ${Object.entries(calls)
    .map(([kind, count]) => `${kind} ${String(count)}`)
    .join(', ')}`;
}

function say(what: string, pairs: readonly Pair<number, number>[]): void {
  const ours = median(pairs.map((pair) => pair.ours));
  const other = median(pairs.map(({ peer }) => peer));
  const ratio = median(pairs.map((pair) => pair.ours / pair.peer));
  console.log(
    `${what}: here ${ours.toFixed(1)} ms, there ${other.toFixed(1)} ms, ratio ${ratio.toFixed(3)} (medians of ${String(pairs.length)} pairs)`,
  );
}

async function measure(
  name: DatabaseName,
  [here, there]: readonly [Side, Side],
  sizes: Sizes,
): Promise<void> {
  for (const side of [here, there]) run(side, ['migrate']);
  const commands = async (side: Side): Promise<number> => await Promise.resolve(command(side));
  await inPairs(
    2,
    () => commands(here),
    () => commands(there),
  );
  say(
    `${SHOWN[name]}, a whole command`,
    await inPairs(
      sizes.commands,
      () => commands(here),
      () => commands(there),
    ),
  );
  for (const side of [here, there]) {
    const seen = (await callsSince(side, 0)).length;
    command(side);
    console.log(
      `${SHOWN[name]}, calls of one command, ${side.root}: ${(await callsSince(side, seen)).join(', ')}`,
    );
  }
  const ours = await running(here, 'succeeded');
  const other = await running(there, 'succeeded');
  await inPairs(
    WARM_UP,
    () => ours.charge(),
    () => other.charge(),
  );
  say(
    `${SHOWN[name]}, in a running process`,
    await inPairs(
      sizes.pairs,
      () => ours.charge(),
      () => other.charge(),
    ),
  );
  await Promise.all([ours.close(), other.close()]);
  for (const side of [here, there])
    console.log(
      `${SHOWN[name]}, a backlog, ${side.root}: ${await backlogCalls(side, sizes.backlog)}`,
    );
}

async function onDatabase(
  name: DatabaseName,
  roots: readonly [string, string],
  sizes: Sizes,
): Promise<void> {
  await withDatabase(name, async (make) => {
    const stripes = [await startLocalStripe(null), await startLocalStripe(null)] as const;
    const folder = await mkdtemp(join(tmpdir(), 'charge-latency-'));
    const side = async (at: 0 | 1): Promise<Side> => {
      const url =
        make === null ? `sqlite:${join(folder, `ledger-${String(at)}.db`)}` : await make();
      const env = cleanEnvironment(folder, {
        DATABASE_URL: url,
        STRIPE_API_BASE: stripes[at].url,
        STRIPE_SECRET_KEY: 'sk_test_local0123456789abcdef',
        PAYRECON_STRIPE_RPS: '10000',
        PAYRECON_STRIPE_ENDPOINT_RPS: '10000',
        PAYRECON_PENDING_AFTER: '0s',
      });
      return { root: roots[at], folder, env, stripe: stripes[at].url };
    };
    try {
      await measure(name, [await side(0), await side(1)], sizes);
    } finally {
      await Promise.all(
        stripes.map(async (stripe) => {
          await stripe.stop();
        }),
      );
      await rm(folder, { recursive: true });
    }
  });
}

const { values } = parseArgs({
  options: {
    against: { type: 'string' },
    pairs: { type: 'string', default: '40' },
    commands: { type: 'string', default: '15' },
    backlog: { type: 'string', default: '1000' },
  },
});
if (values.against === undefined)
  throw new Error('--against DIR names the other checkout, which is built');
const roots = [
  resolve(fileURLToPath(new URL('..', import.meta.url))),
  resolve(values.against),
] as const;
for (const name of DATABASES) {
  await onDatabase(name, roots, {
    pairs: Number(values.pairs),
    commands: Number(values.commands),
    backlog: Number(values.backlog),
  });
}

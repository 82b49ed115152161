// `charge --file` against Stripe's limit of 25 calls a second and endpoint; a charge is one call to each of two endpoints,
// so the limit is 25 charges a second. Stripe takes a while to answer, as it really does.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '../../test/support/environment.ts';
import { SHOWN, withDatabase, type DatabaseName, type MakeDatabase } from '../databases.ts';
import { startLocalStripe } from '../local-stripe.ts';
import { startMeasured } from '../measured-process.ts';
import {
  aloneFigure,
  atLeast,
  atMost,
  inPairs,
  pairedFigure,
  type Figure,
  type Measured,
  type Size,
} from './figures.ts';

const PER_SECOND = 25;
const ACCOUNT_PER_SECOND = 100;
const LATENCY_MS = 300;

interface Scale {
  readonly rows: number;
  /** The rate of the other does not depend on how many it has, once there are some hundred. */
  readonly peerRows: number;
  readonly pairs: number;
  readonly databases: readonly DatabaseName[];
}

const SCALES: Readonly<Record<Size, Scale>> = {
  quick: { rows: 60, peerRows: 60, pairs: 1, databases: ['sqlite'] },
  full: { rows: 1_000, peerRows: 500, pairs: 1, databases: ['sqlite', 'postgres'] },
  long: { rows: 3_000, peerRows: 3_000, pairs: 3, databases: ['sqlite', 'postgres'] },
};
/** Before the start of the command, and Stripe's allowance for the first second, no longer matter. */
const GOAL_ROWS = 1_000;

interface Run {
  readonly seconds: number;
  readonly refusedShare: number;
}

async function charging(
  rows: number,
  start: (stripeUrl: string, folder: string) => Promise<void>,
): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'payrecon-batch-'));
  const stripe = await startLocalStripe({ perSecond: ACCOUNT_PER_SECOND, perEndpoint: PER_SECOND });
  try {
    await stripe.answerAfter(LATENCY_MS);
    const startedMs = performance.now();
    await start(stripe.url, folder);
    const seconds = (performance.now() - startedMs) / 1_000;
    const { refused, all } = await stripe.refused();
    if (all < 2 * rows) throw new Error(`${String(all)} calls for ${String(rows)} charges`);
    return { seconds, refusedShare: refused / all };
  } finally {
    await stripe.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function ours(rows: number, make: MakeDatabase): Promise<Run> {
  const file = await mkdtemp(join(tmpdir(), 'payrecon-batch-'));
  const path = join(file, 'charges.jsonl');
  const lines = Array.from({ length: rows }, (_, n) =>
    JSON.stringify({
      key: `batch-${String(n)}`,
      amount: '49.99',
      currency: 'usd',
      payment_method: 'pm_card_visa',
      email: `batch-${String(n)}@example.com`,
    }),
  );
  await writeFile(path, `${lines.join('\n')}\n`);
  const url = (await make?.()) ?? `sqlite:${join(file, 'ledger.db')}`;
  const binary = fileURLToPath(new URL('../../bin/payrecon.js', import.meta.url));
  const settings = {
    DATABASE_URL: url,
    STRIPE_SECRET_KEY: 'sk_test_local0123456789abcdef',
    PAYRECON_STRIPE_RPS: String(ACCOUNT_PER_SECOND),
    PAYRECON_STRIPE_ENDPOINT_RPS: String(PER_SECOND),
  };
  await startMeasured([binary, 'migrate', 'up'], cleanEnvironment(file, settings), file).finished();
  return await charging(rows, async (stripeUrl, folder) => {
    const { stdout } = await startMeasured(
      [binary, 'charge', '--file', path, '--json', '--allow-duplicate'],
      cleanEnvironment(folder, { ...settings, STRIPE_API_BASE: stripeUrl }),
      folder,
    ).finished();
    const succeeded = stdout
      .split('\n')
      .filter((line) => line.includes('"result":"succeeded"')).length;
    if (succeeded !== rows)
      throw new Error(`${String(succeeded)} of ${String(rows)} charges succeeded`);
  });
}

async function paced(rows: number): Promise<Run> {
  const client = fileURLToPath(new URL('../paced-client.ts', import.meta.url));
  return await charging(rows, async (stripeUrl, folder) => {
    await startMeasured(
      [
        '--import',
        fileURLToPath(import.meta.resolve('tsx')),
        client,
        stripeUrl,
        String(rows),
        String(PER_SECOND),
      ],
      cleanEnvironment(folder),
      folder,
    ).finished();
  });
}

async function measure(
  name: DatabaseName,
  { rows, peerRows, pairs }: Scale,
): Promise<readonly Figure[]> {
  const done = await withDatabase(
    name,
    async (make) =>
      await inPairs(
        pairs,
        async () => await ours(rows, make),
        async () => await paced(peerRows),
      ),
  );
  const note = `${rows.toLocaleString('en-US')} lines (the plain client has ${peerRows.toLocaleString('en-US')}); the whole command, its start and end included. Stripe answers after ${String(LATENCY_MS)} ms.`;
  const share = aloneFigure(
    {
      name: `${SHOWN[name]}: share of the limit`,
      unit: '%',
      goal: rows >= GOAL_ROWS ? atLeast('ours', 95) : null,
      note,
    },
    done.map((pair) => (100 * rows) / pair.ours.seconds / PER_SECOND),
  );
  return [
    share,
    pairedFigure(
      { name: `${SHOWN[name]}: charges a second`, unit: '/s', goal: null, note },
      done.map((pair) => ({ ours: rows / pair.ours.seconds, peer: peerRows / pair.peer.seconds })),
    ),
    {
      ...aloneFigure(
        { name: `${SHOWN[name]}: calls answered 429`, unit: '%', goal: atMost('ours', 1), note },
        done.map((pair) => 100 * pair.ours.refusedShare),
      ),
      peer: 100 * (done[0]?.peer.refusedShare ?? 0),
    },
  ];
}

export async function run(size: Size): Promise<Measured> {
  const scale = SCALES[size];
  const figures: Figure[] = [];
  for (const name of scale.databases) figures.push(...(await measure(name, scale)));
  return {
    peer: 'a plain client that records nothing: the stripe package, 64 payments at a time, begun at 25 a second',
    figures,
    tables: [],
  };
}

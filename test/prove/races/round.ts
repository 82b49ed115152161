import { gatherEvidence, type LedgerRow } from '../../support/evidence.ts';
import { judge } from '../../support/invariants.ts';
import { quiet, type Ground } from '../ground.ts';
import { chaos, scatterFaults, startWave, type Happened } from './chaos.ts';
import { endAll, type Child } from './children.ts';
import { judgeCharger } from './honesty.ts';
import {
  everythingSaid,
  openScene,
  startCharger,
  startDaemon,
  until,
  type Scene,
} from './scene.ts';
import { comesBack, stoppedCharger, stoppedDaemon } from './zombie.ts';

export interface RoundReport {
  /** What was stopped, what went wrong: for whoever reads a failure. */
  readonly story: string;
  readonly killed: number;
  /** Processes that were continued after their lease had passed and tried to write, and those of them that were refused. */
  readonly late: number;
  readonly refused: number;
  readonly wrong: readonly string[];
}

/** By then every lease has passed, and whoever was not found in Stripe's list is looked for again. */
const PAST_EVERYTHING_MS = 7 * 60_000;
const BETWEEN_PASSES_MS = 6 * 60_000;

export async function runRound(ground: Ground, home: string, seed: number): Promise<RoundReport> {
  await ground.begin(false);
  const scene = await openScene(ground, home, seed);
  try {
    return await play(scene);
  } finally {
    await endAll([...scene.daemons, ...scene.chargers].map(({ child }) => child));
    for (const { stripe, database } of scene.hosts) {
      stripe.close();
      database?.close();
    }
    ground.sandbox.setFaults('');
    await ground.end();
  }
}

async function play(scene: Scene): Promise<RoundReport> {
  const happened: Happened = { killed: 0, events: [] };
  for (const host of scene.hosts) startDaemon(scene, host);
  const zombie = scene.chance() < 0.5 ? await stoppedCharger(scene) : await stoppedDaemon(scene);
  scatterFaults(scene);
  const wave = startWave(scene);
  await chaos(scene, happened);
  scene.ground.sandbox.setFaults('');
  const back = await comesBack(scene, zombie);
  await until(scene, 'every charger has come to an end', () =>
    scene.chargers.every(({ child }) => child.exit !== null),
  );
  const drained = await drain(scene);
  const rows = await settle(scene, happened.killed + 1);
  const wrong = [
    ...back.changed,
    ...(back.late ? [] : [back.story]),
    ...drained,
    ...rows.wrong,
    ...scene.strangeLeases,
    ...scene.chargers.flatMap((charger) => judgeCharger(scene, charger, rows.rows)),
  ];
  return {
    story: [
      `${zombie.child.name} stopped in ${zombie.endpoint}`,
      ...happened.events,
      `${wave.length} chargers`,
    ].join(', '),
    killed: happened.killed,
    late: back.late ? 1 : 0,
    refused: back.late && back.changed.length === 0 ? 1 : 0,
    wrong: wrong.map((each, index) => (index === 0 ? `${each}\n${everythingSaid(scene)}` : each)),
  };
}

/** SIGTERM in the middle of a pass: the call under way is waited for, its answer recorded, everything given back. */
async function drain(scene: Scene): Promise<readonly string[]> {
  const { ground, daemons } = scene;
  const wrong = daemons
    .filter(({ child }) => child.exit !== null && !child.killed)
    .map(({ child }) => `${child.name} ended by itself: ${JSON.stringify(child.exit)}`);
  ground.sandbox.setFaults(
    'payment_intents.confirm=html_502_after;payment_intents.retrieve#*=slow:500',
  );
  const before = ground.sandbox.books.count('payment_intents.retrieve');
  startCharger(scene, scene.hosts[1]!, { key: 'last', method: 'pm_card_visa' });
  await until(
    scene,
    'a daemon asks about the last payment',
    () => ground.sandbox.books.count('payment_intents.retrieve') > before,
  );
  const living = daemons.filter(({ child }) => child.exit === null);
  for (const { child } of living) child.send('SIGTERM');
  await until(scene, 'every daemon has drained', () =>
    living.every(({ child }) => child.exit !== null),
  );
  await until(scene, 'every charger has come to an end', () =>
    scene.chargers.every(({ child }) => child.exit !== null),
  );
  ground.sandbox.setFaults('');
  for (const { child, host } of living) {
    if (child.exit?.code !== 143 || !child.said.err.includes('drained'))
      wrong.push(`11: ${child.name} was told to end, and ended with ${JSON.stringify(child.exit)}`);
    // What it could not give back while its database was away runs out by itself.
    if (!host.databaseWasBroken) wrong.push(...(await stillHeldBy(ground, child)));
    if (/\n\s+at /.test(child.said.err)) wrong.push(`1 ${child.name} shows a stack`);
  }
  return wrong;
}

async function stillHeldBy(ground: Ground, { pid, name }: Child): Promise<readonly string[]> {
  const held = `select key as name from transactions where lease_holder like '%:${pid}' union all select id from notifications where claim_token like '%:${pid}:%'`;
  return (await ground.raw().rows(held)).map(
    (row) => `8: ${String(row['name'])} is still held by the ${name}, which has ended`,
  );
}

/** Stripe answers, nobody else is there, and two passes are made. */
async function settle(
  { ground }: Scene,
  mailAnswersUnseen: number,
): Promise<{ readonly rows: readonly LedgerRow[]; readonly wrong: readonly string[] }> {
  await quiet(ground.sandbox);
  const reconciler = await ground.open('reconcile');
  for (const laterMs of [PAST_EVERYTHING_MS, BETWEEN_PASSES_MS]) {
    ground.advance(laterMs);
    await reconciler.reconcile({ limit: null, dryRun: false });
  }
  const { sandbox, dialect, secrets } = ground;
  const evidence = await gatherEvidence({
    books: sandbox.books,
    raw: ground.raw(),
    dialect,
    verifyAudit: () => reconciler.verifyAudit(null),
  });
  return {
    rows: evidence.rows,
    wrong: judge(evidence, { atRest: true, secrets, mailAnswersUnseen }),
  };
}

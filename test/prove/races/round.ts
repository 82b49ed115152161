import { gatherEvidence, type LedgerRow } from '../../support/evidence.ts';
import { judge } from '../../support/invariants.ts';
import { quiet, type Harness } from '../harness.ts';
import { killAndSkew, scatterFaults, startWave, type Happened } from './kill-and-skew.ts';
import { endAll, type Child } from './children.ts';
import { judgeCharger } from './exit-code-check.ts';
import {
  everythingSaid,
  openFixture,
  startCharger,
  startDaemon,
  until,
  type Fixture,
} from './fixture.ts';
import { comesBack, stoppedCharger, stoppedDaemon } from './paused-process.ts';

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

export async function runRound(harness: Harness, home: string, seed: number): Promise<RoundReport> {
  await harness.begin(false);
  const fixture = await openFixture(harness, home, seed);
  try {
    return await play(fixture);
  } finally {
    await endAll([...fixture.daemons, ...fixture.chargers].map(({ child }) => child));
    for (const { stripe, database } of fixture.hosts) {
      stripe.close();
      database?.close();
    }
    harness.sandbox.setFaults('');
    await harness.end();
  }
}

async function play(fixture: Fixture): Promise<RoundReport> {
  const happened: Happened = { killed: 0, unrecordedMails: new Set(), events: [] };
  for (const host of fixture.hosts) startDaemon(fixture, host);
  const paused =
    fixture.chance() < 0.5 ? await stoppedCharger(fixture) : await stoppedDaemon(fixture);
  scatterFaults(fixture);
  const wave = startWave(fixture);
  await killAndSkew(fixture, happened);
  fixture.harness.sandbox.setFaults('');
  const back = await comesBack(fixture, paused);
  await until(fixture, 'every charger has come to an end', () =>
    fixture.chargers.every(({ child }) => child.exit !== null),
  );
  const drained = await drain(fixture);
  const rows = await settle(fixture, happened.unrecordedMails.size + 1);
  const wrong = [
    ...back.changed,
    ...(back.late ? [] : [back.story]),
    ...drained,
    ...rows.wrong,
    ...fixture.strangeLeases,
    ...fixture.chargers.flatMap((charger) => judgeCharger(fixture, charger, rows.rows)),
  ];
  return {
    story: [
      `${paused.child.name} stopped in ${paused.endpoint}`,
      ...happened.events,
      `${wave.length} chargers`,
    ].join(', '),
    killed: happened.killed,
    late: back.late ? 1 : 0,
    refused: back.late && back.changed.length === 0 ? 1 : 0,
    wrong: wrong.map((each, index) => (index === 0 ? `${each}\n${everythingSaid(fixture)}` : each)),
  };
}

/** SIGTERM in the middle of a pass: the call under way is waited for, its answer recorded, everything given back. */
async function drain(fixture: Fixture): Promise<readonly string[]> {
  const { harness, daemons } = fixture;
  const wrong = daemons
    .filter(({ child }) => child.exit !== null && !child.killed)
    .map(({ child }) => `${child.name} ended by itself: ${JSON.stringify(child.exit)}`);
  harness.sandbox.setFaults(
    'payment_intents.confirm=html_502_after;payment_intents.retrieve#*=slow:500',
  );
  const before = harness.sandbox.books.count('payment_intents.retrieve');
  startCharger(fixture, fixture.hosts[1]!, { key: 'last', method: 'pm_card_visa' });
  await until(
    fixture,
    'a daemon asks about the last payment',
    () => harness.sandbox.books.count('payment_intents.retrieve') > before,
  );
  const living = daemons.filter(({ child }) => child.exit === null);
  for (const { child } of living) child.send('SIGTERM');
  await until(fixture, 'every daemon has drained', () =>
    living.every(({ child }) => child.exit !== null),
  );
  await until(fixture, 'every charger has come to an end', () =>
    fixture.chargers.every(({ child }) => child.exit !== null),
  );
  harness.sandbox.setFaults('');
  for (const { child, host } of living) {
    if (child.exit?.code !== 143 || !child.said.err.includes('drained'))
      wrong.push(`11: ${child.name} was told to end, and ended with ${JSON.stringify(child.exit)}`);
    // What it could not give back while its database was away runs out by itself.
    if (!host.databaseWasBroken) wrong.push(...(await stillHeldBy(harness, child)));
    if (/\n\s+at /.test(child.said.err)) wrong.push(`1 ${child.name} shows a stack`);
  }
  return wrong;
}

async function stillHeldBy(harness: Harness, { pid, name }: Child): Promise<readonly string[]> {
  const held = `select key as name from transactions where lease_holder like '%:${pid}' union all select id from notifications where claim_token like '%:${pid}:%'`;
  return (await harness.raw().rows(held)).map(
    (row) => `8: ${String(row['name'])} is still held by the ${name}, which has ended`,
  );
}

/** Stripe answers, nobody else is there, and two passes are made. */
async function settle(
  { harness }: Fixture,
  mailAnswersUnseen: number,
): Promise<{ readonly rows: readonly LedgerRow[]; readonly wrong: readonly string[] }> {
  await quiet(harness.sandbox);
  const reconciler = await harness.open('reconcile');
  for (const laterMs of [PAST_EVERYTHING_MS, BETWEEN_PASSES_MS]) {
    harness.advance(laterMs);
    await reconciler.reconcile({ limit: null, dryRun: false });
  }
  const { sandbox, dialect, secrets } = harness;
  const evidence = await gatherEvidence({
    books: sandbox.books,
    raw: harness.raw(),
    dialect,
    verifyAudit: () => reconciler.verifyAudit(null),
  });
  return {
    rows: evidence.rows,
    wrong: judge(evidence, { atRest: true, secrets, mailAnswersUnseen }),
  };
}

import { setTimeout as wait } from 'node:timers/promises';
import { gatherEvidence } from '../../support/evidence.ts';
import { judge } from '../../support/invariants.ts';
import { quiet, type Harness } from '../harness.ts';
import { endAll } from '../races/children.ts';
import { look, type Sight } from '../races/sighting.ts';
import {
  leasesRunOut,
  everythingSettled,
  everythingSaid,
  heldBy,
  PAYMENTS,
  startCrew,
  until,
  type Crew,
  type Member,
  type Place,
} from './processes.ts';
import type { Way } from './proxy-links.ts';

/** What happens to one of the hosts in the middle of its block. */
export const EVENTS = [
  'is cut off from the database',
  'is cut off from Stripe',
  'is cut off from both',
  'is killed',
] as const;
export type Event = (typeof EVENTS)[number];

const CUT: Readonly<Record<Event, readonly Way[]>> = {
  'is cut off from the database': ['database'],
  'is cut off from Stripe': ['stripe'],
  'is cut off from both': ['database', 'stripe'],
  'is killed': [],
};

export interface CaseReport {
  /** Payments that the host held, and that others settled. */
  readonly takenOver: number;
  /** It came back, and wrote or asked about what it had lost. */
  readonly cameLate: boolean;
  readonly wrong: readonly string[];
}

/** Anywhere in a block. */
const UP_TO_MS = 700;

export async function runCase(harness: Harness, place: Place, event: Event): Promise<CaseReport> {
  await harness.begin(false);
  const crew = await startCrew(harness, place);
  try {
    return await play(crew, event);
  } finally {
    await endAll(crew.members.map(({ child }) => child));
    for (const { host } of crew.members) for (const way of CUT[event]) await host.mend(way);
    harness.sandbox.setFaults('');
    await harness.end();
  }
}

async function play(crew: Crew, event: Event): Promise<CaseReport> {
  const victim = crew.members[Math.floor(crew.chance() * crew.members.length)]!;
  await wait(crew.chance() * UP_TO_MS);
  await strike(victim, event);
  const held = await heldBy(crew, victim.child);
  // Who still reaches the database gives back what it cannot ask about.
  if (event !== 'is cut off from Stripe') await leasesRunOut(crew, victim.child);
  await until(crew, 'the others have settled everything', () => everythingSettled(crew));
  const before = await look(crew.harness);
  const cameLate = event === 'is killed' ? false : await comesBack(crew, victim, event);
  const after = await look(crew.harness);
  const takenOver = await settledByOthers(crew, held, victim);
  const ended = await drain(crew);
  const wrong = [
    ...changes(before, after),
    ...ended,
    ...heldUp(crew, victim),
    // Who is only cut off may still write down the answers that it had by then.
    ...(takenOver.length === held.length || (event !== 'is killed' && takenOver.length > 0)
      ? []
      : [`of ${held.length} payments that it held, others settled ${takenOver.length}`]),
    ...(await untrue(crew)),
  ];
  return {
    takenOver: takenOver.length,
    cameLate,
    wrong: wrong.map((each, index) => (index === 0 ? `${each}\n${everythingSaid(crew)}` : each)),
  };
}

async function strike({ child, host }: Member, event: Event): Promise<void> {
  for (const way of CUT[event]) await host.cut(way);
  if (event !== 'is killed') return;
  child.killed = true;
  child.send('SIGKILL');
  await child.ended();
}

/** The cable is back, and the host makes a pass that ends well. True if a pass of it ended otherwise, or met payments that it could not settle. */
async function comesBack(crew: Crew, { child, host }: Member, event: Event): Promise<boolean> {
  for (const way of CUT[event]) await host.mend(way);
  const from = child.said.err.length;
  await until(crew, `${child.name} has made a pass again`, () =>
    child.said.err.slice(from).includes('pass: 0 due'),
  );
  return /^pass failed|^pass: .* [1-9][0-9]* still pending/m.test(child.said.err);
}

/** A late write has no effect: everything is settled, and stays as it was. */
function changes(before: Sight, after: Sight): readonly string[] {
  const rows = [...before.rows, ...before.mails].filter(
    ([id, row]) =>
      JSON.stringify(row) !== JSON.stringify(after.rows.get(id) ?? after.mails.get(id)),
  );
  const intents = [...after.intents].filter(([id, status]) => before.intents.get(id) !== status);
  return [
    ...rows.map(
      ([id, row]) =>
        `the late writer changed ${id}: ${JSON.stringify(row)} is now ${JSON.stringify(after.rows.get(id) ?? after.mails.get(id))}`,
    ),
    ...intents.map(
      ([id, status]) =>
        `the late writer left ${id}, which is ${status} and was ${before.intents.get(id) ?? 'not there'}`,
    ),
    ...[...after.audit]
      .filter(([id, entries]) => before.audit.get(id) !== entries)
      .map(([id]) => `the late writer left audit entries of ${id}`),
    ...(before.charges === after.charges
      ? []
      : [`the late writer moved money: ${before.charges} is now ${after.charges}`]),
  ];
}

async function settledByOthers(
  { harness }: Crew,
  held: readonly string[],
  { child }: Member,
): Promise<readonly string[]> {
  if (held.length === 0) return [];
  const rows = await harness
    .raw()
    .rows(
      `select transaction_id as id, actor from audit_events where action = 'settled' and transaction_id in (${held.map((id) => `'${id}'`).join()})`,
    );
  return rows
    .filter(
      ({ actor }) => (JSON.parse(String(actor)) as { operator: unknown }).operator !== child.name,
    )
    .map(({ id }) => String(id));
}

/** One host's network is nobody else's: what it held in the database when it was cut off must not keep the others from Stripe. */
function heldUp({ members }: Crew, victim: Member): readonly string[] {
  return members
    .filter((member) => member !== victim && member.child.said.err.includes('Stripe is away'))
    .map(({ child }) => `${child.name} took Stripe for away`);
}

/** Told to end, each ends well. */
export async function drain({ members }: Crew): Promise<readonly string[]> {
  const living = members.filter(({ child }) => !child.killed);
  for (const { child } of living) child.send('SIGTERM');
  await Promise.all(living.map(({ child }) => child.ended()));
  return living
    .filter(({ child }) => child.exit?.code !== 143 || /\n\s+at /.test(child.said.err))
    .map(
      ({ child }) =>
        `11: ${child.name} was told to end, and ended with ${JSON.stringify(child.exit)}`,
    );
}

/** The ledger against the books, once nobody does anything any more and the e-mails are sent. */
export async function untrue({ harness }: Crew): Promise<readonly string[]> {
  await quiet(harness.sandbox);
  const reader = await harness.open('notify');
  await reader.sendNotifications(null);
  const { sandbox, dialect, secrets } = harness;
  const evidence = await gatherEvidence({
    books: sandbox.books,
    raw: harness.raw(),
    dialect,
    verifyAudit: () => reader.verifyAudit(null),
  });
  const settled = evidence.trail.filter(({ action }) => action === 'settled').length;
  return [
    ...(settled === PAYMENTS
      ? []
      : [`${settled} entries say that one of ${PAYMENTS} payments was settled`]),
    ...judge(evidence, { atRest: true, secrets }),
  ];
}

import { setTimeout as wait } from 'node:timers/promises';
import type { Harness } from '../harness.ts';
import type { OwnServers } from '../postgres/own-servers.ts';
import { endAll } from '../races/children.ts';
import { drain, untrue, type CaseReport } from './case.ts';
import {
  everythingSaid,
  everythingSettled,
  leasesRunOut,
  startCrew,
  until,
  type Crew,
  type Place,
} from './processes.ts';

/*
 * The primary is killed while all hosts are in the middle of their blocks, and its synchronous standby is promoted. The
 * hosts are not restarted, and are told nothing: their address of the database stays the same.
 */

/** Anywhere in a block. */
const UP_TO_MS = 1_500;
/** How long no server is there. */
const AWAY_UP_TO_MS = 3_000;

/** `patient`: leases that nobody could give back run out by themselves, in real time. */
export async function runFailover(
  harness: Harness,
  servers: OwnServers,
  place: Place,
  patient: boolean,
): Promise<CaseReport> {
  await servers.ready();
  await harness.begin(false);
  const crew = await startCrew(harness, place);
  try {
    return await play(crew, servers, patient);
  } finally {
    await endAll(crew.members.map(({ child }) => child));
    harness.sandbox.setFaults('');
    await harness.end();
  }
}

async function play(crew: Crew, servers: OwnServers, patient: boolean): Promise<CaseReport> {
  await wait(crew.chance() * UP_TO_MS);
  const before = await settledBy(crew);
  await servers.down();
  await wait(crew.chance() * AWAY_UP_TO_MS);
  await servers.up();
  const after = await settledBy(crew);
  if (!patient) for (const { child } of crew.members) await leasesRunOut(crew, child);
  await until(crew, 'everything is settled', () => everythingSettled(crew));
  const ended = await drain(crew);
  const lost = [...before]
    .filter(([id, hash]) => after.get(id) !== hash)
    .map(([id]) => `lost: ${id} was settled before the failover, and not after it`);
  const wrong = [...lost, ...ended, ...(await untrue(crew))];
  const pending = [...(await settledBy(crew)).keys()].filter((id) => !after.has(id));
  return {
    takenOver: pending.length,
    cameLate: false,
    wrong: wrong.map((each, index) => (index === 0 ? `${each}\n${everythingSaid(crew)}` : each)),
  };
}

/** What the ledger calls settled, with the end of its audit trail. */
async function settledBy({ harness }: Crew): Promise<ReadonlyMap<string, string>> {
  const rows = await harness
    .raw()
    .rows(`select id, audit_hash from transactions where status <> 'pending'`);
  return new Map(rows.map((row) => [String(row['id']), String(row['audit_hash'])]));
}

import { EXIT } from '../../../src/cli/exit-code.ts';
import { recordLane, SEED, type LaneName } from '../../support/proving.ts';
import { unrecordedMails } from '../../support/unrecorded-mails.ts';
import { gatherEvidence } from '../../support/evidence.ts';
import { judge } from '../../support/invariants.ts';
import { openHarness, quiet, type Harness } from '../harness.ts';
import type { OwnServers } from './own-servers.ts';
import { traffic, type Attempt, type Traffic } from './traffic.ts';

/** What the traffic of a case is judged by: nothing that was told is untrue, and nothing acknowledged is lost. */

/** The seed of the one case to run, as a failure prints it. */
const ONLY: string | undefined = process.env['PROVE_CASE'];
const PAST_LEASES_MS = 91_000;
const BETWEEN_PASSES_MS = 6 * 60_000;

export interface LaneResult {
  readonly cases: number;
  readonly violations: readonly string[];
  readonly counted: Readonly<Record<string, number>>;
}

export async function runOutages(
  lane: LaneName,
  servers: OwnServers,
  size: number,
  part = 0,
): Promise<LaneResult> {
  const harness = await openHarness(servers.target);
  const seeds =
    ONLY === undefined
      ? Array.from({ length: size }, (_, index) => SEED * 10_000 + part * 1_000 + index)
      : [Number(ONLY)];
  const startedMs = performance.now();
  const violations: string[] = [];
  const counted: Record<string, number> = {
    charges: 0,
    'acknowledged before it': 0,
    'told of the absence': 0,
  };
  for (const seed of seeds) {
    const { seen, wrong } = await runCase(harness, servers, seed);
    violations.push(...wrong.map((violation) => `PROVE_CASE=${seed}: ${violation}`));
    if (seen === null) continue;
    const add = (what: string, attempts: readonly Attempt[]): void => {
      counted[what] = (counted[what] ?? 0) + attempts.length;
    };
    add('charges', seen.attempts);
    add(
      'acknowledged before it',
      seen.attempts.filter(
        ({ endedMs, ended }) => endedMs < seen.away.fromMs && isFinal(ended.exitCode),
      ),
    );
    add('told of the absence', duringAbsence(seen));
  }
  recordLane({
    lane,
    cases: seeds.length,
    violations: violations.length,
    seconds: (performance.now() - startedMs) / 1_000,
    counted,
  });
  return { cases: seeds.length, violations, counted };
}

async function runCase(
  harness: Harness,
  servers: OwnServers,
  seed: number,
): Promise<{ readonly seen: Traffic | null; readonly wrong: readonly string[] }> {
  try {
    await servers.ready();
    await harness.begin(false);
    const seen = await traffic(harness, seed, servers);
    await quiet(harness.sandbox);
    const wrong = [
      ...untrueAbsence(seen),
      ...(await lost(servers, seen.attempts)),
      ...(await settled(harness, servers, seen)),
    ];
    return { seen, wrong };
  } catch (error) {
    return {
      seen: null,
      wrong: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
    };
  } finally {
    await harness.end();
  }
}

function isFinal(exitCode: number): boolean {
  return exitCode === EXIT.done || exitCode === EXIT.notSucceeded;
}

/** Began when no server was there, and ended before one was. */
function duringAbsence({ attempts, away }: Traffic): readonly Attempt[] {
  return attempts.filter(
    ({ startedMs, endedMs }) => startedMs >= away.fromMs && endedMs <= away.untilMs,
  );
}

const EXPECTED: ReadonlySet<number> = new Set([
  EXIT.done,
  EXIT.notSucceeded,
  EXIT.outOfReach,
  EXIT.notKnownYet,
]);

function untrueAbsence(seen: Traffic): readonly string[] {
  const strange = seen.attempts
    .filter(({ ended }) => !EXPECTED.has(ended.exitCode))
    .map(
      ({ key, ended }) => `11 the exit code: ${key} ended with ${ended.exitCode}: ${ended.said}`,
    );
  const final = duringAbsence(seen)
    .filter(({ ended }) => isFinal(ended.exitCode))
    .map(
      ({ key, ended }) =>
        `11 the exit code: ${key} ended with ${ended.exitCode} while no database was there`,
    );
  const passes = seen.passes.filter(
    ({ exitCode }) =>
      ![EXIT.done, EXIT.outOfReach, EXIT.notKnownYet].some((code) => code === exitCode),
  );
  return [
    ...strange,
    ...final,
    ...passes.map(
      ({ exitCode, said }) => `11 the exit code: a pass ended with ${exitCode}: ${said}`,
    ),
  ];
}

/** Everything that somebody was told is in the ledger: the same transaction, and once final the same end of it. */
export async function lost(
  servers: Pick<OwnServers, 'query'>,
  attempts: readonly Attempt[],
): Promise<readonly string[]> {
  const rows = new Map(
    (await servers.query('select id, key, status, payment_intent from transactions')).map((row) => [
      String(row['key']),
      row,
    ]),
  );
  const wrong = attempts.flatMap(({ key, ended: { exitCode, transaction } }) => {
    if (transaction === null)
      return isFinal(exitCode) ? [`${key} ended with ${exitCode} and told nothing`] : [];
    const row = rows.get(key);
    if (row?.['id'] !== transaction.id)
      return [
        `lost: ${key} was told to be ${transaction.id} (${exitCode}), the ledger has ${String(row?.['id'])}`,
      ];
    if (!isFinal(exitCode)) return [];
    const told = `${transaction.status} with ${String(transaction.paymentIntent)}`;
    const kept = `${String(row['status'])} with ${String(row['payment_intent'])}`;
    return told === kept
      ? []
      : [`lost: ${key} was told to be ${told} (${exitCode}), the ledger says ${kept}`];
  });
  const touched = new Set(
    attempts.filter(({ ended }) => ended.exitCode !== EXIT.outOfReach).map(({ key }) => key),
  );
  const untouched = attempts.filter(({ key }) => rows.has(key) && !touched.has(key));
  return [
    ...wrong,
    ...untouched.map(
      ({ key }) => `11 the exit code: ${key} ended with 69 and nothing else, and the ledger has it`,
    ),
  ];
}

/** Two passes later everything holds, and what was acknowledged is still as it was told. */
async function settled(
  harness: Harness,
  servers: OwnServers,
  seen: Traffic,
): Promise<readonly string[]> {
  const { sandbox, secrets } = harness;
  harness.advance(PAST_LEASES_MS);
  const reconciler = await harness.open('reconcile');
  let left: readonly string[] = [];
  // A pass that failed may have sent an e-mail, not recorded it, and the next one sent it again.
  const failed = seen.passes.filter(({ exitCode }) => exitCode !== EXIT.done).length;
  const unrecorded = await unrecordedMails(sandbox.books, harness.raw());
  const mailAnswersUnseen = failed + unrecorded.size;
  for (let passes = 1; passes <= 2; passes += 1) {
    await reconciler.reconcile({ limit: null, dryRun: false });
    const evidence = await gatherEvidence({
      books: sandbox.books,
      raw: harness.raw(),
      dialect: 'postgres',
      verifyAudit: () => reconciler.verifyAudit(null),
    });
    left = judge(evidence, { atRest: true, secrets, mailAnswersUnseen });
    if (left.length === 0) break;
    harness.advance(BETWEEN_PASSES_MS);
  }
  return [
    ...left,
    ...(await lost(servers, seen.attempts)).map((violation) => `after the passes: ${violation}`),
  ];
}

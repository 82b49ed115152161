import { setTimeout as wait } from 'node:timers/promises';
import type { EvidenceSource } from '../../support/evidence.ts';
import { violations } from '../../support/invariants.ts';
import { unrecordedMails } from '../../support/unrecorded-mails.ts';
import type { Payrecon } from '../../../src/app/service.ts';
import { quiet, type Harness } from '../harness.ts';
import { COUNT_ONLY, type Runner } from './child.ts';
import type { RealCommand } from './commands.ts';
import { untruth } from './exit-code-check.ts';

/** Who comes next: only the reconciler; whoever ran the command, in this process; or the same command typed again. */
export const RECOVERIES = ['passes', 'again', 'typed again'] as const;
export type Recovery = (typeof RECOVERIES)[number];

/** A lease lasts 90 s and an e-mail's claim 60 s: what the dead process held is free by then. */
const PAST_LEASES_MS = 91_000;
/** A claim that was given back, and a backoff of 1 ms. */
const A_MOMENT_MS = 1_000;
/** Two scans of Stripe's list prove an absence when they lie more than 5 minutes apart. */
const BETWEEN_PASSES_MS = 6 * 60_000;
/** A request that was on its way arrives. */
const ARRIVES_WITHIN_MS = 3;
const GONE_WITHIN_MS = 5_000;

/** What the dead process had sent has arrived and come to its end, at Stripe and in the database server. */
export async function settledDust(harness: Harness): Promise<void> {
  await wait(ARRIVES_WITHIN_MS);
  await quiet(harness.sandbox);
  if (harness.dialect === 'sqlite') return;
  const alive = `select pid from pg_stat_activity where datname = current_database() and application_name = 'payrecon'`;
  for (let waitedMs = 0; (await harness.raw().rows(alive)).length > 0; waitedMs += 2) {
    if (waitedMs > GONE_WITHIN_MS)
      throw new Error('the database server still serves a process that is gone');
    await wait(2);
  }
}

/** Before money can move, the ledger knows where; after a recovery this could not be seen any more. */
export async function moneyWithoutId(harness: Harness): Promise<readonly string[]> {
  const asked = harness.sandbox.books.paymentIntents.filter(
    ({ latest_charge: charge, status }) => charge !== null || status === 'requires_action',
  );
  if (asked.length === 0) return [];
  const known = new Set(
    (await harness.raw().rows('select payment_intent from transactions')).map(
      (row) => row['payment_intent'],
    ),
  );
  return asked
    .filter(({ id }) => !known.has(id))
    .map(({ id, status }) => `2: ${id} is ${status}, and the ledger does not know its id`);
}

/** What is wrong at the moment of death already, the file or the indexes included. */
export async function wrongAtOnce(
  harness: Harness,
  { role }: RealCommand,
): Promise<readonly string[]> {
  if (role === 'migrate') {
    if (harness.dialect !== 'sqlite') return [];
    const [check] = await harness.raw().rows('pragma integrity_check');
    return check?.['integrity_check'] === 'ok' ? [] : [`9: ${JSON.stringify(check)}`];
  }
  const payrecon = await harness.open('audit');
  const found = await violations(source(harness, payrecon), {
    atRest: false,
    secrets: harness.secrets,
    mailAnswersUnseen: 1,
  });
  await payrecon.close();
  return [...found, ...(await moneyWithoutId(harness))];
}

function source(harness: Harness, payrecon: Payrecon): EvidenceSource {
  return {
    books: harness.sandbox.books,
    raw: harness.raw(),
    dialect: harness.dialect,
    verifyAudit: () => payrecon.verifyAudit(null),
  };
}

/**
 * The real program has the machine's clock, so what its predecessor held is made to have expired: the lease and the
 * claim are put as far into the past as time would have carried them.
 */
async function expire(harness: Harness): Promise<void> {
  const raw = harness.raw();
  await raw.run(
    `update transactions set lease_expires_at = lease_expires_at - ${PAST_LEASES_MS} where lease_token is not null`,
  );
  await raw.run(
    `update notifications set next_attempt_at = next_attempt_at - ${PAST_LEASES_MS} where claim_token is not null`,
  );
}

export interface Recover {
  readonly command: RealCommand;
  readonly recovery: Recovery;
  /** It died without draining: leases are held, and an answer of the mail service may be lost. */
  readonly died: boolean;
}

/** Somebody comes after it, two passes are made at most, and everything must hold. */
export async function recoverAndJudge(
  harness: Harness,
  runner: Runner,
  { command, recovery, died }: Recover,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  const { size } = await unrecordedMails(harness.sandbox.books, harness.raw());
  if (recovery === 'typed again') {
    if (died && command.role !== 'migrate') await expire(harness);
    const ended = await runner.run(await command.typed(harness), harness.environment(), COUNT_ONLY);
    wrong.push(
      ...(await untruth(harness, command.role, ended, [])).map((each) => `typed again: ${each}`),
    );
  }
  harness.advance(died ? PAST_LEASES_MS : A_MOMENT_MS);
  // A schema that is not there can only be made by migrating.
  if (recovery === 'again' || (command.role === 'migrate' && recovery === 'passes')) {
    const payrecon = await harness.open(command.base.role);
    wrong.push(...(await command.base.again(payrecon)));
    await payrecon.close();
  }
  return [...wrong, ...(await twoPasses(harness, died ? size : 0))];
}

async function twoPasses(harness: Harness, mailAnswersUnseen: number): Promise<readonly string[]> {
  let left: readonly string[] = [];
  for (let passes = 1; passes <= 2; passes += 1) {
    const reconciler = await harness.open('reconcile');
    await reconciler.reconcile({ limit: null, dryRun: false });
    left = await violations(source(harness, reconciler), {
      atRest: true,
      secrets: harness.secrets,
      mailAnswersUnseen,
    });
    await reconciler.close();
    if (left.length === 0) break;
    harness.advance(BETWEEN_PASSES_MS);
  }
  return left;
}

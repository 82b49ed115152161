import { setTimeout as wait } from 'node:timers/promises';
import { createChance } from '../../../src/sandbox/stripe/ids.ts';
import { aCharge } from '../../faults/lane.ts';
import type { Harness } from '../harness.ts';
import { startChild, type Child } from '../races/children.ts';
import type { NetworkHost } from './proxy-links.ts';

/* Three hosts with a daemon each, and what an outage has left for them. */

export const HOSTS = 3;
/** Payments that a host claims in a pass, so that each has a part. */
const BLOCK = 15;
export const PAYMENTS = HOSTS * BLOCK;
const LATER_MS = 3_600_000;
const LEASE_MS = 90_000;
/** Longer than a lease: where none is moved it runs out by itself. */
const WITHIN_MS = 150_000;

const SETTINGS: Readonly<Record<string, string>> = {
  PAYRECON_STRIPE_DEADLINE: '3s',
  // What fails here fails because of a cable.
  PAYRECON_MAX_ATTEMPTS: '100',
  PAYRECON_DUPLICATE_WINDOW: '0',
  // E-mails are sent when the hosts have ended: whose cable is cut would wait for the mail service most of the time.
  SENDGRID_API_KEY: '',
};

export interface Member {
  readonly child: Child;
  readonly host: NetworkHost;
}

export interface Crew {
  readonly harness: Harness;
  readonly chance: () => number;
  readonly members: readonly Member[];
}

/** What becomes of a charge whose answers are lost: paid, declined, never confirmed, or made without that anybody knows its id. */
const LOSSES = [
  { method: 'pm_card_visa', faults: 'payment_intents.confirm=html_502_after' },
  { method: 'pm_card_chargeDeclined', faults: 'payment_intents.confirm=html_502_after' },
  { method: 'pm_card_visa', faults: 'payment_intents.confirm=html_502' },
  { method: 'pm_card_mastercard', faults: 'payment_intents.confirm=html_502_after' },
  { method: 'pm_card_visa', faults: 'payment_intents.create=html_502_after' },
];

/** Every call takes a while, so that a block takes some. */
const SLOW = ['list', 'retrieve', 'cancel', 'create', 'confirm']
  .map((endpoint) => `payment_intents.${endpoint}#*=slow:350`)
  .join(';');

async function loseAnswers(harness: Harness): Promise<void> {
  // Alone: by the clock of a test, which only jumps, a turn from the shared limits always comes too late.
  const customer = await harness.open('charge', { alone: true }, SETTINGS);
  for (let number = 0; number < PAYMENTS; number += 1) {
    const { method, faults } = LOSSES[number % LOSSES.length]!;
    harness.sandbox.setFaults(faults);
    await customer.charge(aCharge({ key: `order-${number}`, paymentMethod: method }), {
      waitMs: 0,
      waitForOutcome: false,
      allowDuplicate: true,
    });
  }
  await customer.close();
  await harness
    .raw()
    .run(`update transactions set next_attempt_at = next_attempt_at + ${LATER_MS}`);
  harness.sandbox.setFaults(SLOW);
}

export interface Place {
  readonly home: string;
  readonly hosts: readonly NetworkHost[];
  readonly seed: number;
}

/** Started, each in the middle of a block of its own. */
export async function startCrew(harness: Harness, { home, hosts, seed }: Place): Promise<Crew> {
  await loseAnswers(harness);
  const given = harness.environment();
  const members = hosts.map((host, index): Member => {
    const name = `host ${index + 1}`;
    const env = {
      ...given,
      ...SETTINGS,
      PAYRECON_OPERATOR: name,
      DATABASE_URL: host.address('database', given['DATABASE_URL'] ?? ''),
      STRIPE_API_BASE: host.address('stripe', given['STRIPE_API_BASE'] ?? ''),
    };
    return {
      host,
      child: startChild(
        ['reconcile', '--daemon', '--schedule', '* * * * * *', '--limit', String(BLOCK)],
        { name, home, env, skewMs: 0, enter: host.enter },
      ),
    };
  });
  const crew: Crew = { harness, chance: createChance(seed), members };
  await until(crew, 'every host has made a pass', () =>
    members.every(({ child }) => child.said.err.includes('pass: 0 due')),
  );
  await harness
    .raw()
    .run(`update transactions set next_attempt_at = next_attempt_at - ${LATER_MS}`);
  await until(crew, 'every host has a block', async () => {
    for (const { child } of members) if ((await heldBy(crew, child)).length === 0) return false;
    return true;
  });
  return crew;
}

export async function heldBy({ harness }: Crew, { pid }: Child): Promise<readonly string[]> {
  return (
    await harness
      .raw()
      .rows(`select id from transactions where status = 'pending' and lease_holder like '%:${pid}'`)
  ).map(({ id }) => String(id));
}

/** Instead of waiting for it: nothing but the database's clock and this column decide. */
export async function leasesRunOut({ harness }: Crew, { pid }: Child): Promise<void> {
  await harness
    .raw()
    .run(
      `update transactions set lease_expires_at = lease_expires_at - ${LEASE_MS} where lease_holder like '%:${pid}'`,
    );
}

export async function everythingSettled({ harness }: Crew): Promise<boolean> {
  return (
    (await harness.raw().rows(`select 1 from transactions where status = 'pending' limit 1`))
      .length === 0
  );
}

export async function until(
  crew: Crew,
  what: string,
  holds: () => Promise<boolean> | boolean,
): Promise<void> {
  const startedMs = performance.now();
  while (!(await holds())) {
    const ended = crew.members.some(({ child }) => child.exit !== null && !child.killed);
    if (ended || performance.now() - startedMs > WITHIN_MS)
      throw new Error(`in vain: ${what}\n${everythingSaid(crew)}`);
    await wait(25);
  }
}

export function everythingSaid({ members }: Crew): string {
  return members
    .map(
      ({ child }) =>
        `${child.name} (${child.pid}, ${JSON.stringify(child.exit)}): ${child.said.err}`,
    )
    .join('\n');
}

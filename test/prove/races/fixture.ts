import { setTimeout as wait } from 'node:timers/promises';
import { createChance, type Chance } from '../../../src/sandbox/stripe/ids.ts';
import type { Harness } from '../harness.ts';
import { startChild, type Child } from './children.ts';
import { openLink, throughPort, type Link } from './proxy-link.ts';

/*
 * Three hosts, minutes apart by their own clocks, with a daemon each, on one ledger and one Stripe.
 *
 * Everything is drawn from the seed: who does what, what breaks, who is killed. Not in our hands is when the system
 * lets which process run, so a seed repeats the script of a round, not its every step.
 */

const MINUTE_MS = 60_000;
const SKEWS = { alpha: 7 * MINUTE_MS, beta: 0, gamma: -7 * MINUTE_MS } as const;

export interface Host {
  readonly name: string;
  readonly skewMs: number;
  readonly stripe: Link;
  /** Null on SQLite: a file has no network. */
  readonly database: Link | null;
  /** Its connection to the database was broken in this round. */
  databaseWasBroken: boolean;
}

export interface Charger {
  readonly child: Child;
  readonly asked: Asked;
}

export interface Asked {
  readonly key: string;
  readonly method: string;
  readonly methodType?: string;
  readonly reference?: string;
}

export interface Fixture {
  readonly harness: Harness;
  readonly home: string;
  readonly chance: Chance;
  readonly hosts: readonly Host[];
  readonly daemons: { readonly child: Child; readonly host: Host }[];
  readonly chargers: Charger[];
  /** Leases that were not by the database's clock, as they were seen. */
  readonly strangeLeases: Set<string>;
}

const PATIENT: Readonly<Record<string, string>> = {
  // The longest that keeps the lease at 90 s: who is stopped for some seconds must still hear the answer.
  PAYRECON_STRIPE_DEADLINE: '30s',
  // What fails here fails by chance and often: that is not what these rounds are about.
  PAYRECON_MAX_ATTEMPTS: '100',
  PAYRECON_DUPLICATE_WINDOW: '0',
};

export async function openFixture(harness: Harness, home: string, seed: number): Promise<Fixture> {
  const { DATABASE_URL: database = '', STRIPE_API_BASE: stripe = '' } = harness.environment();
  const hosts: Host[] = [];
  for (const [name, skewMs] of Object.entries(SKEWS)) {
    const link = database.startsWith('sqlite:') ? null : await openLink(new URL(database));
    hosts.push({
      name,
      skewMs,
      stripe: await openLink(new URL(stripe)),
      database: link,
      databaseWasBroken: false,
    });
  }
  return {
    harness,
    home,
    chance: createChance(seed),
    hosts,
    daemons: [],
    chargers: [],
    strangeLeases: new Set(),
  };
}

export function pick<Item>({ chance }: Fixture, items: readonly Item[]): Item {
  const item = items[Math.floor(chance() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

function start(
  { harness, home }: Fixture,
  host: Host,
  name: string,
  args: readonly string[],
): Child {
  const given = harness.environment();
  const env = {
    ...given,
    ...PATIENT,
    STRIPE_API_BASE: throughPort(given['STRIPE_API_BASE'] ?? '', host.stripe.port),
    ...(host.database === null
      ? {}
      : { DATABASE_URL: throughPort(given['DATABASE_URL'] ?? '', host.database.port) }),
    PAYRECON_OPERATOR: name,
  };
  return startChild(args, { name, home, env, skewMs: host.skewMs });
}

/** A pass as soon as it has started, and then every second. */
export function startDaemon(fixture: Fixture, host: Host): Child {
  const child = start(fixture, host, `daemon on ${host.name}`, [
    'reconcile',
    '--daemon',
    '--schedule',
    '* * * * * *',
  ]);
  fixture.daemons.push({ child, host });
  return child;
}

export function startCharger(fixture: Fixture, host: Host, asked: Asked): Child {
  const { key, method, methodType = 'card', reference } = asked;
  const args = [
    'charge',
    '--key',
    key,
    '--amount',
    '49.99',
    '--currency',
    'usd',
    '--payment-method',
    method,
    '--method-type',
    methodType,
  ];
  const more = [
    '--email',
    `${key}@example.com`,
    ...(reference === undefined ? [] : ['--reference', reference]),
  ];
  const child = start(fixture, host, `charge of ${key} on ${host.name}`, [...args, ...more]);
  fixture.chargers.push({ child, asked });
  return child;
}

const POLL_MS = 15;
const WITHIN_MS = 60_000;

/** Looks again and again, and at the leases each time. */
export async function until(
  fixture: Fixture,
  what: string,
  there: () => Promise<boolean> | boolean,
): Promise<void> {
  const startedMs = performance.now();
  while (!(await there())) {
    if (performance.now() - startedMs > WITHIN_MS)
      throw new Error(
        [...fixture.strangeLeases, `waited in vain until ${what}`, everythingSaid(fixture)].join(
          '\n',
        ),
      );
    await lookAtLeases(fixture);
    await wait(POLL_MS);
  }
}

export function everythingSaid({ daemons, chargers }: Fixture): string {
  return [...daemons, ...chargers]
    .map(({ child }) => `${child.name} (${child.pid}): ${child.said.out}${child.said.err}`)
    .join('\n');
}

/** Three calls and a margin (src/compose/adapters.ts), with the time limit of these fixtures. */
const LEASE_MS = 120_000;
const SLACK_MS = 5_000;

/**
 * A lease that lasts longer than a lease, or that had passed before anybody moved it, was counted by another clock than
 * the database's: by a host's, and they are minutes apart.
 */
async function lookAtLeases({ harness, strangeLeases }: Fixture): Promise<void> {
  const now =
    harness.dialect === 'sqlite'
      ? `cast(unixepoch('subsec') * 1000 as integer)`
      : `(extract(epoch from clock_timestamp()) * 1000)::bigint`;
  const rows = await harness
    .raw()
    .rows(
      `select key, lease_holder, lease_expires_at - ${now} as left_ms from transactions where lease_token is not null`,
    );
  for (const row of rows) {
    const leftMs = Number(row['left_ms']);
    if (leftMs <= LEASE_MS + SLACK_MS && leftMs >= -(LEASE_MS + SLACK_MS)) continue;
    strangeLeases.add(
      `8: the lease of ${String(row['key'])}, held by ${String(row['lease_holder'])}, ends in ${Math.round(leftMs / 1_000)} s by the database's clock`,
    );
  }
}

/**
 * Lets the leases of a process pass. Whether a lease has passed is decided by nothing but this column and the
 * database's clock, so to move the one back is the same as to wait for the other; only that the process's own clock
 * does not run on, which leaves it less of a chance to notice.
 */
export async function leasesPass({ harness }: Fixture, { pid }: Child): Promise<void> {
  const raw = harness.raw();
  await raw.run(
    `update transactions set lease_expires_at = lease_expires_at - ${LEASE_MS} where lease_holder like '%:${pid}'`,
  );
  await raw.run(
    `update notifications set next_attempt_at = next_attempt_at - 60000 where state = 'sending' and claim_token like '%:${pid}:%'`,
  );
}

import { unrecordedMails } from '../../support/unrecorded-mails.ts';
import { setTimeout as wait } from 'node:timers/promises';
import type { Child } from './children.ts';
import { BREAKS, type Link } from './proxy-link.ts';
import {
  leasesPass,
  pick,
  startCharger,
  startDaemon,
  type Asked,
  type Fixture,
} from './fixture.ts';

/* What happens to the three hosts while their chargers charge. */

const OUTAGE_MS = 1_000;
const BROKEN_MS = 700;

const METHODS: readonly Omit<Asked, 'key'>[] = [
  { method: 'pm_card_visa' },
  { method: 'pm_card_chargeDeclined' },
  { method: 'pm_usBankAccount', methodType: 'us_bank_account' },
  { method: 'pm_card_mastercard' },
];

const ENDPOINTS = [
  'payment_intents.create',
  'payment_intents.confirm',
  'payment_intents.retrieve',
  'payment_intents.cancel',
];
/** None that hangs until a deadline: that one is long here. */
const FAULTS = [
  'html_502',
  'html_502_after',
  'drop_after',
  'cut_body',
  '500_after',
  'reset_before',
  '409',
  '429',
  'slow:300',
  'slow:600',
];
const FAULTY_REQUESTS = 4;

/** A few requests from now on go wrong, each in its way. */
export function scatterFaults(fixture: Fixture): void {
  const rules = Array.from(
    { length: FAULTY_REQUESTS },
    () =>
      `${pick(fixture, ENDPOINTS)}#${1 + Math.floor(fixture.chance() * 3)}=${pick(fixture, FAULTS)}`,
  );
  fixture.harness.sandbox.setFaults(rules.join(';'));
}

/** Two callers of one key, two keys for one reference, and one by itself. */
export function startWave(fixture: Fixture): readonly Child[] {
  const somewhere = (asked: Asked): Child =>
    startCharger(fixture, pick(fixture, fixture.hosts), asked);
  const twice = { key: 'twice', ...pick(fixture, METHODS) };
  const reference = { ...pick(fixture, METHODS), reference: 'order of two keys' };
  return [
    somewhere(twice),
    somewhere(twice),
    somewhere({ key: 'first-of-order', ...reference }),
    somewhere({ key: 'second-of-order', ...reference }),
    somewhere({ key: 'alone', ...pick(fixture, METHODS) }),
  ];
}

export interface Happened {
  /** Processes that were killed. */
  killed: number;
  /** E-mails that were sent and not recorded when one was killed or lost its database. */
  readonly unrecordedMails: Set<string>;
  readonly events: string[];
}

type Event = (fixture: Fixture, happened: Happened) => Promise<void>;

const EVENTS: Readonly<Record<string, Event>> = {
  async 'a daemon is killed and another started'(fixture, happened) {
    const living = fixture.daemons.filter(
      ({ child }) => child.exit === null && !child.killed && !child.stopped,
    );
    const { child, host } = pick(fixture, living);
    await kill(fixture, child, happened);
    startDaemon(fixture, host);
  },
  async 'a charger is killed and its caller asks again'(fixture, happened) {
    const living = fixture.chargers.filter(
      ({ child, asked }) => child.exit === null && !child.stopped && asked.reference === undefined,
    );
    if (living.length === 0) return;
    const { child, asked } = pick(fixture, living);
    await wait(fixture.chance() * 300);
    await kill(fixture, child, happened);
    startCharger(fixture, pick(fixture, fixture.hosts), asked);
  },
  async 'Stripe is away for a second'(fixture) {
    fixture.harness.sandbox.setFaults(
      `outage:${pick(fixture, ['reset_before', '500_before', 'html_502'])}`,
    );
    await wait(OUTAGE_MS);
    fixture.harness.sandbox.setFaults('');
  },
  async 'the way to Stripe breaks'(fixture) {
    await broken(fixture, pick(fixture, fixture.hosts).stripe);
  },
  async 'the way to the database breaks'(fixture, happened) {
    const host = pick(fixture, fixture.hosts);
    if (host.database === null) return;
    host.databaseWasBroken = true;
    await broken(fixture, host.database);
    await noteUnrecordedMails(fixture, happened);
  },
};

async function kill(fixture: Fixture, child: Child, happened: Happened): Promise<void> {
  if (child.exit !== null) return;
  child.killed = true;
  child.send('SIGKILL');
  await child.ended();
  happened.killed += 1;
  await noteUnrecordedMails(fixture, happened);
  await leasesPass(fixture, child);
}

async function noteUnrecordedMails({ harness }: Fixture, happened: Happened): Promise<void> {
  for (const mail of await unrecordedMails(harness.sandbox.books, harness.raw()))
    happened.unrecordedMails.add(mail);
}

async function broken(fixture: Fixture, link: Link): Promise<void> {
  link.break(pick(fixture, BREAKS));
  await wait(BROKEN_MS);
  link.heal();
}

const EVENTS_A_ROUND = 2;

/** Two different things go wrong, one after the other. */
export async function killAndSkew(fixture: Fixture, happened: Happened): Promise<void> {
  const names = Object.keys(EVENTS).filter(
    (name) => fixture.harness.dialect === 'postgres' || !name.includes('database'),
  );
  for (let count = 0; count < EVENTS_A_ROUND; count += 1) {
    const [name = ''] = names.splice(Math.floor(fixture.chance() * names.length), 1);
    happened.events.push(name);
    await EVENTS[name]?.(fixture, happened);
  }
}

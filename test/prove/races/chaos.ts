import { setTimeout as wait } from 'node:timers/promises';
import type { Child } from './children.ts';
import { BREAKS, type Link } from './link.ts';
import { leasesPass, pick, startCharger, startDaemon, type Asked, type Scene } from './scene.ts';

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
export function scatterFaults(scene: Scene): void {
  const rules = Array.from(
    { length: FAULTY_REQUESTS },
    () => `${pick(scene, ENDPOINTS)}#${1 + Math.floor(scene.chance() * 3)}=${pick(scene, FAULTS)}`,
  );
  scene.ground.sandbox.setFaults(rules.join(';'));
}

/** Two callers of one key, two keys for one reference, and one by itself. */
export function startWave(scene: Scene): readonly Child[] {
  const somewhere = (asked: Asked): Child => startCharger(scene, pick(scene, scene.hosts), asked);
  const twice = { key: 'twice', ...pick(scene, METHODS) };
  const reference = { ...pick(scene, METHODS), reference: 'order of two keys' };
  return [
    somewhere(twice),
    somewhere(twice),
    somewhere({ key: 'first-of-order', ...reference }),
    somewhere({ key: 'second-of-order', ...reference }),
    somewhere({ key: 'alone', ...pick(scene, METHODS) }),
  ];
}

export interface Happened {
  /** Processes that were killed. */
  killed: number;
  readonly events: string[];
}

type Event = (scene: Scene, happened: Happened) => Promise<void>;

const EVENTS: Readonly<Record<string, Event>> = {
  async 'a daemon is killed and another started'(scene, happened) {
    const living = scene.daemons.filter(
      ({ child }) => child.exit === null && !child.killed && !child.stopped,
    );
    const { child, host } = pick(scene, living);
    await kill(scene, child, happened);
    startDaemon(scene, host);
  },
  async 'a charger is killed and its caller asks again'(scene, happened) {
    const living = scene.chargers.filter(
      ({ child, asked }) => child.exit === null && !child.stopped && asked.reference === undefined,
    );
    if (living.length === 0) return;
    const { child, asked } = pick(scene, living);
    await wait(scene.chance() * 300);
    await kill(scene, child, happened);
    startCharger(scene, pick(scene, scene.hosts), asked);
  },
  async 'Stripe is away for a second'(scene) {
    scene.ground.sandbox.setFaults(
      `outage:${pick(scene, ['reset_before', '500_before', 'html_502'])}`,
    );
    await wait(OUTAGE_MS);
    scene.ground.sandbox.setFaults('');
  },
  async 'the way to Stripe breaks'(scene) {
    await broken(scene, pick(scene, scene.hosts).stripe);
  },
  async 'the way to the database breaks'(scene) {
    const host = pick(scene, scene.hosts);
    if (host.database === null) return;
    host.databaseWasBroken = true;
    await broken(scene, host.database);
  },
};

async function kill(scene: Scene, child: Child, happened: Happened): Promise<void> {
  if (child.exit !== null) return;
  child.killed = true;
  child.send('SIGKILL');
  await child.ended();
  happened.killed += 1;
  await leasesPass(scene, child);
}

async function broken(scene: Scene, link: Link): Promise<void> {
  link.break(pick(scene, BREAKS));
  await wait(BROKEN_MS);
  link.heal();
}

const EVENTS_A_ROUND = 2;

/** Two different things go wrong, one after the other. */
export async function chaos(scene: Scene, happened: Happened): Promise<void> {
  const names = Object.keys(EVENTS).filter(
    (name) => scene.ground.dialect === 'postgres' || !name.includes('database'),
  );
  for (let count = 0; count < EVENTS_A_ROUND; count += 1) {
    const [name = ''] = names.splice(Math.floor(scene.chance() * names.length), 1);
    happened.events.push(name);
    await EVENTS[name]?.(scene, happened);
  }
}

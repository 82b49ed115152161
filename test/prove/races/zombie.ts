import type { Child } from './children.ts';
import { leasesPass, pick, startCharger, until, type Scene } from './scene.ts';

/*
 * A process that is stopped in the middle of a call to Stripe, loses its lease, is continued when another one has
 * settled the payment, and then wants to write what it has heard.
 */

export interface Zombie {
  readonly child: Child;
  readonly kind: 'charger' | 'daemon';
  readonly key: string;
  readonly endpoint: string;
  /** What it had said before it was stopped. */
  readonly saidBefore: number;
}

/** Long enough to be stopped in, on a busy machine too. */
const SLOW_MS = 2_000;

const CHARGER_CALLS = [
  { endpoint: 'payment_intents.create', method: 'pm_card_visa' },
  { endpoint: 'payment_intents.confirm', method: 'pm_card_visa' },
  { endpoint: 'payment_intents.cancel', method: 'pm_card_chargeDeclined' },
] as const;

/** A caller, stopped while Stripe takes its time with one of the calls. */
export async function stoppedCharger(scene: Scene): Promise<Zombie> {
  const { sandbox } = scene.ground;
  const { endpoint, method } = pick(scene, CHARGER_CALLS);
  const key = 'stopped-charger';
  sandbox.setFaults(`${endpoint}=slow:${SLOW_MS}`);
  const host = pick(scene, scene.hosts);
  const child = startCharger(scene, host, { key, method });
  await until(scene, `${endpoint} is under way`, () => sandbox.books.count(endpoint) > 0);
  await child.stop();
  // Somebody else asks again, and waits for the lease: now and then the daemons are to be the only ones.
  if (scene.chance() < 0.5) startCharger(scene, pick(scene, scene.hosts), { key, method });
  return await losesItsLease(scene, {
    child,
    kind: 'charger',
    key,
    endpoint,
    saidBefore: child.said.err.length,
  });
}

/** A daemon, stopped while it asks about a payment whose confirm was answered by nobody. */
export async function stoppedDaemon(scene: Scene): Promise<Zombie> {
  const { ground } = scene;
  const endpoint = 'payment_intents.retrieve';
  const key = 'stopped-daemon';
  ground.sandbox.setFaults(`payment_intents.confirm=html_502_after;${endpoint}=slow:${SLOW_MS}`);
  startCharger(scene, pick(scene, scene.hosts), {
    key,
    method: pick(scene, ['pm_card_visa', 'pm_card_mastercard']),
  });
  await until(scene, `${endpoint} is under way`, () => ground.sandbox.books.count(endpoint) > 0);
  const [row] = await ground
    .raw()
    .rows(`select lease_holder from transactions where key = '${key}'`);
  const pid = Number(String(row?.['lease_holder']).split(':').at(-1));
  const daemon = scene.daemons.find(({ child }) => child.pid === pid);
  if (daemon === undefined)
    throw new Error(`${key} is held by ${String(row?.['lease_holder'])}, which is no daemon`);
  await daemon.child.stop();
  return await losesItsLease(scene, {
    child: daemon.child,
    kind: 'daemon',
    key,
    endpoint,
    saidBefore: daemon.child.said.err.length,
  });
}

async function losesItsLease(scene: Scene, zombie: Zombie): Promise<Zombie> {
  const [row] = await look(scene, zombie);
  if (!String(row?.['lease_holder']).endsWith(`:${zombie.child.pid}`))
    throw new Error(
      `${zombie.child.name} held nothing when it was stopped: ${JSON.stringify(row)}`,
    );
  await leasesPass(scene, zombie.child);
  return zombie;
}

async function look(
  { ground }: Scene,
  { key }: Zombie,
): Promise<readonly Record<string, unknown>[]> {
  const audit =
    '(select count(*) from audit_events where transaction_id = transactions.id) as entries';
  return await ground
    .raw()
    .rows(
      `select id, status, step, version, lease_token, lease_holder, audit_hash, updated_at, ${audit} from transactions where key = '${key}'`,
    );
}

/** A pass that met something, or broke. */
const PASSED = /^pass(: [1-9]| failed)/m;
const NOTHING_RECORDED = /^pass: 1 due, 0 succeeded, 0 failed, 0 canceled, 1 still pending/m;

export interface Return {
  /** It wanted to write, and was told that it must not; else it proves nothing, or something bad. */
  readonly late: boolean;
  /** What it changed all the same. */
  readonly changed: readonly string[];
  /** For people. */
  readonly story: string;
}

/** Continues it once another process has settled the payment and Stripe's answer lies ready. */
export async function comesBack(scene: Scene, zombie: Zombie): Promise<Return> {
  const { child, key, endpoint } = zombie;
  const { books } = scene.ground.sandbox;
  await until(scene, `somebody has settled ${key}`, async () => {
    const [row] = await look(scene, zombie);
    return row?.['status'] !== 'pending' && row?.['lease_token'] === null;
  });
  await until(
    scene,
    `${endpoint} is answered`,
    () => books.requests.find((request) => request.endpoint === endpoint)?.duration_ms !== null,
  );
  const before = JSON.stringify(await look(scene, zombie));
  const moneyBefore = books.charges.length;
  child.send('SIGCONT');
  const said = (): string => child.said.err.slice(zombie.saidBefore);
  await until(scene, `${child.name} has come to an end`, () =>
    zombie.kind === 'charger' ? child.exit !== null : PASSED.test(said()),
  );
  const after = JSON.stringify(await look(scene, zombie));
  const [row] = await look(scene, zombie);
  const mine = new Set(
    books.paymentIntents
      .filter((intent) => intent.metadata['payrecon_transaction'] === row?.['id'])
      .map(({ id }) => id),
  );
  const sawMoney = books.charges
    .slice(moneyBefore)
    .filter((charge) => mine.has(charge.payment_intent));
  return {
    // A charge says it in words; a daemon's pass reports the payment that it asked about as still pending.
    late:
      zombie.kind === 'charger'
        ? child.exit?.code === 75 && said().includes('another process took over')
        : NOTHING_RECORDED.test(said()),
    changed: [
      ...(before === after ? [] : [`the late writer changed ${key}: ${before} is now ${after}`]),
      ...(sawMoney.length === 0
        ? []
        : [`the late writer moved money: ${JSON.stringify(sawMoney)}`]),
    ],
    story: `no late writer: ${child.name} came back to ${endpoint} and ended with ${JSON.stringify(child.exit)}: ${child.said.out}${said()}`,
  };
}

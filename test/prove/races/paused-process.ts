import type { Child } from './children.ts';
import { leasesPass, pick, startCharger, until, type Fixture } from './fixture.ts';

/*
 * A process that is stopped in the middle of a call to Stripe, loses its lease, is continued when another one has
 * settled the payment, and then wants to write what it has heard.
 */

export interface PausedProcess {
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
export async function stoppedCharger(fixture: Fixture): Promise<PausedProcess> {
  const { sandbox } = fixture.harness;
  const { endpoint, method } = pick(fixture, CHARGER_CALLS);
  const key = 'stopped-charger';
  sandbox.setFaults(`${endpoint}=slow:${SLOW_MS}`);
  const host = pick(fixture, fixture.hosts);
  const child = startCharger(fixture, host, { key, method });
  await until(fixture, `${endpoint} is under way`, () => sandbox.books.count(endpoint) > 0);
  await child.stop();
  // Somebody else asks again, and waits for the lease: now and then the daemons are to be the only ones.
  if (fixture.chance() < 0.5) startCharger(fixture, pick(fixture, fixture.hosts), { key, method });
  return await losesItsLease(fixture, {
    child,
    kind: 'charger',
    key,
    endpoint,
    saidBefore: child.said.err.length,
  });
}

/** A daemon, stopped while it asks about a payment whose confirm was answered by nobody. */
export async function stoppedDaemon(fixture: Fixture): Promise<PausedProcess> {
  const { harness } = fixture;
  const endpoint = 'payment_intents.retrieve';
  const key = 'stopped-daemon';
  harness.sandbox.setFaults(`payment_intents.confirm=html_502_after;${endpoint}=slow:${SLOW_MS}`);
  startCharger(fixture, pick(fixture, fixture.hosts), {
    key,
    method: pick(fixture, ['pm_card_visa', 'pm_card_mastercard']),
  });
  await until(fixture, `${endpoint} is under way`, () => harness.sandbox.books.count(endpoint) > 0);
  const [row] = await harness
    .raw()
    .rows(`select lease_holder from transactions where key = '${key}'`);
  const pid = Number(String(row?.['lease_holder']).split(':').at(-1));
  const daemon = fixture.daemons.find(({ child }) => child.pid === pid);
  if (daemon === undefined)
    throw new Error(`${key} is held by ${String(row?.['lease_holder'])}, which is no daemon`);
  await daemon.child.stop();
  return await losesItsLease(fixture, {
    child: daemon.child,
    kind: 'daemon',
    key,
    endpoint,
    saidBefore: daemon.child.said.err.length,
  });
}

async function losesItsLease(fixture: Fixture, paused: PausedProcess): Promise<PausedProcess> {
  const [row] = await look(fixture, paused);
  if (!String(row?.['lease_holder']).endsWith(`:${paused.child.pid}`))
    throw new Error(
      `${paused.child.name} held nothing when it was stopped: ${JSON.stringify(row)}`,
    );
  await leasesPass(fixture, paused.child);
  return paused;
}

async function look(
  { harness }: Fixture,
  { key }: PausedProcess,
): Promise<readonly Record<string, unknown>[]> {
  const audit =
    '(select count(*) from audit_events where transaction_id = transactions.id) as entries';
  return await harness
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
export async function comesBack(fixture: Fixture, paused: PausedProcess): Promise<Return> {
  const { child, key, endpoint } = paused;
  const { books } = fixture.harness.sandbox;
  await until(fixture, `somebody has settled ${key}`, async () => {
    const [row] = await look(fixture, paused);
    return row?.['status'] !== 'pending' && row?.['lease_token'] === null;
  });
  await until(
    fixture,
    `${endpoint} is answered`,
    () => books.requests.find((request) => request.endpoint === endpoint)?.duration_ms !== null,
  );
  const before = JSON.stringify(await look(fixture, paused));
  const moneyBefore = books.charges.length;
  child.send('SIGCONT');
  const said = (): string => child.said.err.slice(paused.saidBefore);
  await until(fixture, `${child.name} has come to an end`, () =>
    paused.kind === 'charger' ? child.exit !== null : PASSED.test(said()),
  );
  const after = JSON.stringify(await look(fixture, paused));
  const [row] = await look(fixture, paused);
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
      paused.kind === 'charger'
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

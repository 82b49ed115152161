import { describe, expect, it } from 'vitest';
import type { PassOutcome } from '../../../src/app/service.ts';
import { exitCode } from '../../../src/cli/exit-code.ts';
import { errorOf } from '../../storage/errors-of.ts';
import { targets } from '../../storage/targets.ts';
import type { PaymentWorld } from '../../support/payment-world.ts';
import {
  aPatientWorld,
  EVERYTHING_DUE,
  lostPayments,
  unconfirmedPayments,
} from '../payments-left.ts';

/* Transactions that are named are asked about now; what is not due yet is counted, and said. */

const AFTER_MS = 5 * 60_000;
const PATIENT = { PAYRECON_PENDING_AFTER: '5m' };

async function passOver(
  world: PaymentWorld,
  only?: readonly string[],
  options: { readonly dryRun?: true } = {},
): Promise<PassOutcome> {
  const payrecon = await world.open('reconcile');
  return await payrecon.reconcile({
    ...EVERYTHING_DUE,
    ...options,
    ...(only === undefined ? {} : { only }),
  });
}

function exitOf(outcome: PassOutcome): number {
  return exitCode({ kind: 'passed', outcome }, null);
}

describe.each(targets)('a pass, on $name', (target) => {
  it('counts what is too young to be asked about, and says until when', async () => {
    const world = await aPatientWorld(target, PATIENT);
    const created = (await lostPayments(world, 2)).map(({ createdAt }) => createdAt);
    const outcome = await passOver(world);
    expect(outcome).toMatchObject({
      report: { due: 0, notSent: 0 },
      waiting: { tooYoung: 2, tooYoungUntil: Math.min(...created) + AFTER_MS, later: 0 },
      named: null,
    });
    expect(exitOf(outcome)).toBe(0);
    const status = await (await world.open('status')).status();
    expect(status).toMatchObject({ pending: 2, waiting: outcome.waiting, notSent: 0 });
  });

  it('asks about nothing before the time that is told', async () => {
    const world = await aPatientWorld(target, PATIENT);
    const [row] = await lostPayments(world, 1);
    const payrecon = await world.open('show');
    const shown = await payrecon.show(row!.id);
    expect(row!.nextAttemptAt).toBe(row!.createdAt + AFTER_MS);
    expect(shown.transaction.nextAttemptAt).toBe(row!.createdAt + AFTER_MS);
    expect(shown.why).toMatch(/Stripe is asked again in \d/);
    expect((await payrecon.list(ALL, 1, null)).data[0]?.nextAttemptAt).toBe(
      row!.createdAt + AFTER_MS,
    );
  });

  it('counts what was asked about and is asked again only later', async () => {
    const world = await aPatientWorld(target, {
      PAYRECON_BACKOFF_BASE: '1h',
      PAYRECON_BACKOFF_CAP: '1h',
    });
    await lostPayments(world, 3);
    world.sandbox.setFaults('payment_intents.retrieve#*=500_before');
    await passOver(world);
    world.sandbox.setFaults('');
    const { waiting } = await passOver(world);
    expect(waiting.tooYoung).toBe(0);
    const rows = (await (await world.open('list')).list(ALL, 10, null)).data;
    const later = rows.filter(({ status }) => status === 'pending');
    expect(waiting.later).toBe(later.length);
    expect(waiting.laterFrom).toBe(
      later.length === 0 ? null : Math.min(...later.map((row) => row.nextAttemptAt ?? 0)),
    );
  });

  it('over transactions that are named asks about them alone, now, and leaves no sign of a reconciler', async () => {
    const world = await aPatientWorld(target, PATIENT);
    const [first, second] = await lostPayments(world, 2);
    const outcome = await passOver(world, [first!.key, first!.id]);
    expect(outcome).toMatchObject({
      passId: null,
      report: { due: 1, settled: { succeeded: 1 } },
      waiting: { tooYoung: 1 },
      named: { held: [], needPerson: 0, pending: 0 },
    });
    expect(exitOf(outcome)).toBe(0);
    const payrecon = await world.open('show');
    expect((await payrecon.show(first!.id)).transaction.status).toBe('succeeded');
    expect((await payrecon.show(second!.id)).transaction.status).toBe('pending');
    expect((await payrecon.status()).lastPass).toBeNull();
    expect((await payrecon.verifyAudit(null)).firstBad).toBeNull();
  });

  it('over a transaction that is named says what it would do, in a dry run', async () => {
    const world = await aPatientWorld(target, PATIENT);
    const [first] = await lostPayments(world, 2);
    const outcome = await passOver(world, [first!.key], { dryRun: true });
    expect(outcome).toMatchObject({ report: { due: 1, settled: { succeeded: 1 } } });
    expect((await (await world.open('show')).show(first!.id)).transaction.status).toBe('pending');
  });

  it('asks nothing where one of them is not there', async () => {
    const world = await aPatientWorld(target, PATIENT);
    const [first] = await lostPayments(world, 1);
    const requests = world.sandbox.books.requests.length;
    expect(await errorOf(passOver(world, [first!.key, 'nobody']))).toMatchObject({
      code: 'no_such_transaction',
      kind: 'not_found',
    });
    const asked = world.sandbox.books.requests.slice(requests).map(({ endpoint }) => endpoint);
    expect(asked.filter((endpoint) => endpoint.startsWith('payment_intents'))).toEqual([]);
  });

  it('leaves what another process holds, and says so', async () => {
    const world = await aPatientWorld(target, PATIENT);
    const [first, second] = await unconfirmedPayments(world, 2);
    const storage = await world.database.open();
    const actor = { role: 'other', operator: 'o', systemUser: 'o', host: 'h', pid: 1 };
    expect(await storage.ledger.claim(first!.id, actor)).not.toBeNull();
    const outcome = await passOver(world, [first!.key, second!.key]);
    expect(outcome.named?.held.map(({ key }) => key)).toEqual([first!.key]);
    expect(outcome.report).toMatchObject({ due: 1, settled: { canceled: 1 } });
    expect(exitOf(outcome)).toBe(75);
    await storage.close();
  });

  it('ends as not known yet while Stripe does not tell of what was named', async () => {
    const world = await aPatientWorld(target, PATIENT);
    const [first] = await lostPayments(world, 1);
    world.sandbox.setFaults('payment_intents.retrieve#*=500_before');
    const outcome = await passOver(world, [first!.key]);
    expect(outcome.named).toMatchObject({ pending: 1 });
    expect(exitOf(outcome)).toBe(75);
  });
});

const ALL = {
  statuses: [],
  since: null,
  until: null,
  customer: null,
  reference: null,
  needsPerson: false,
};

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { sqlite, targets } from '../../storage/targets.ts';
import { bindLedger } from '../../support/bound-ledger.ts';
import { evidenceSource } from '../../support/evidence.ts';
import { expectInvariants } from '../../support/invariants.ts';
import { TEST_KEY, type PaymentWorld } from '../../support/payment-world.ts';
import { aSteadyWorld, errorOf, expectDecent, expectNothingSent } from './command-line.ts';
import { chargeLine } from './lines.ts';

/** An address at which nobody listens: a port that was just given back. */
async function nobodyThere(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

async function mailStates(world: PaymentWorld): Promise<readonly unknown[]> {
  return (await (await world.database.raw()).rows('select state from notifications')).map(
    (row) => row['state'],
  );
}

/** Time goes by: an e-mail that could not be sent is due again. */
async function mailIsDue(world: PaymentWorld): Promise<void> {
  await (
    await world.database.raw()
  ).run('update notifications set next_attempt_at = 1 where next_attempt_at is not null');
}

describe.each(targets)('on $name', (target) => {
  test('Stripe out of reach: recorded, nothing sent, and the same command goes on when it is back', async () => {
    const world = await aSteadyWorld(target);
    const away = { STRIPE_API_BASE: await nobodyThere() };
    // Nobody knows yet whose this ledger is: then nothing is recorded, either.
    const first = await world.run(chargeLine({}), { env: away });
    expect(first).toMatchObject({ exitCode: 69, stdout: '' });
    expect(errorOf(first).code).toBe('stripe_unreachable');
    expectDecent(world, first);
    await expectNothingSent(world);

    await bindLedger(world.database, TEST_KEY);
    for (const args of [chargeLine({}), chargeLine({})]) {
      const said = await world.run(args, { env: away });
      expect(said.exitCode).toBe(75);
      expect(said.json()).toMatchObject({ status: 'pending', payment_intent: null });
      expectDecent(world, said);
    }
    const told = await world.run(
      chargeLine({}).filter((argument) => argument !== '--json'),
      { env: away },
    );
    expect(told.stderr).toMatch(/nothing was charged/);
    expect(told.stderr).toMatch(/run the same command again/);
    expect(world.sandbox.books.requests).toEqual([]);
    expect((await world.run(chargeLine({}))).exitCode).toBe(0);
    expect((await world.run(['reconcile'])).exitCode).toBe(0);
    await expectInvariants(await evidenceSource(world.sandbox.books, world.database), {
      atRest: true,
    });
  });

  test('SendGrid out of reach: the charge succeeds, the e-mail waits, and is delivered later', async () => {
    const world = await aSteadyWorld(target);
    const away = { SENDGRID_API_BASE: await nobodyThere() };
    expect((await world.run(chargeLine({}), { env: away })).exitCode).toBe(0);
    const said = await world.run(['notifications', 'send'], { env: away });
    expect(said.exitCode).toBe(69);
    expectDecent(world, said);
    expect(await mailStates(world)).toEqual(['queued']);
    await mailIsDue(world);
    expect((await world.run(['reconcile'], { env: away })).exitCode).toBe(0);
    expect(await mailStates(world)).toEqual(['queued']);
    await mailIsDue(world);
    expect((await world.run(['notifications', 'send'])).exitCode).toBe(0);
    expect(world.sandbox.books.mails).toHaveLength(1);
    await expectInvariants(await evidenceSource(world.sandbox.books, world.database), {
      atRest: true,
    });
  });
});

test('a key that Stripe does not know: exit 2, nothing charged, and the right key goes on', async () => {
  const world = await aSteadyWorld(sqlite, { sandbox: { secretKeys: [TEST_KEY] } });
  const wrong = { STRIPE_SECRET_KEY: 'sk_test_hunter2hunter2hunter2' };
  for (const attempt of [1, 2]) {
    const said = await world.run(chargeLine({}), { env: wrong });
    expect({ attempt, exit: said.exitCode }).toEqual({ attempt, exit: 2 });
    expect(said.stdout).toBe('');
    expect(errorOf(said)).toMatchObject({
      code: 'stripe_unauthorized',
      fields: ['STRIPE_SECRET_KEY'],
    });
    expect(errorOf(said).message).toMatch(
      /Correct STRIPE_SECRET_KEY and run the same command again/,
    );
    expectDecent(world, said, ['hunter2']);
  }
  const pass = await world.run(['reconcile', '--json'], { env: wrong });
  expect(pass.exitCode).toBe(2);
  expectDecent(world, pass, ['hunter2']);
  expect(world.sandbox.books.paymentIntents).toEqual([]);
  const right = await world.run(chargeLine({}, 'order-2'));
  expect(right.exitCode).toBe(0);
  await expectInvariants(await evidenceSource(world.sandbox.books, world.database), {
    atRest: false,
    secrets: ['hunter2'],
  });
});

test('a key that Stripe refuses when a pass asks: exit 2, and nothing is decided', async () => {
  const world = await aSteadyWorld(sqlite, { sandbox: { secretKeys: [TEST_KEY] } });
  world.sandbox.setFaults('payment_intents.confirm=html_502_after');
  expect((await world.run(chargeLine({}))).exitCode).toBe(75);
  const wrong = { STRIPE_SECRET_KEY: 'sk_test_hunter2hunter2hunter2' };
  for (const args of [
    ['reconcile', '--json'],
    ['reconcile', '--dry-run', '--json'],
  ]) {
    const said = await world.run(args, { env: wrong });
    expect({ args, exit: said.exitCode }).toEqual({ args, exit: 2 });
    expect(errorOf(said).fields).toEqual(['STRIPE_SECRET_KEY']);
    expectDecent(world, said, ['hunter2']);
  }
  expect((await world.run(['show', 'order-1', '--json'])).json()).toMatchObject({
    status: 'pending',
    attempts: 0,
  });
  expect((await world.run(['reconcile'])).exitCode).toBe(0);
  await expectInvariants(await evidenceSource(world.sandbox.books, world.database), {
    atRest: true,
    secrets: ['hunter2'],
  });
});

test('a key that SendGrid refuses: exit 2, every e-mail stays queued, and none is lost', async () => {
  const world = await aSteadyWorld(sqlite);
  const wrong = { SENDGRID_API_KEY: 'hunter2hunter2hunter2' };
  expect((await world.run(chargeLine({}), { env: wrong })).exitCode).toBe(0);
  const said = await world.run(['notifications', 'send'], { env: wrong });
  expect(said.exitCode).toBe(2);
  expect(said.stdout + said.stderr).toMatch(/SENDGRID_API_KEY|key/);
  expectDecent(world, said, ['hunter2']);
  expect(await mailStates(world)).toEqual(['queued']);
  expect((await world.run(['notifications', 'send'])).exitCode).toBe(0);
  await expectInvariants(await evidenceSource(world.sandbox.books, world.database), {
    atRest: true,
    secrets: ['hunter2'],
  });
});

test('without a key for SendGrid the charge succeeds, and the e-mail waits', async () => {
  const world = await aSteadyWorld(sqlite);
  const none = { SENDGRID_API_KEY: '' };
  expect((await world.run(chargeLine({}), { env: none })).exitCode).toBe(0);
  const said = await world.run(['notifications', 'send'], { env: none });
  expect(said.exitCode).toBe(2);
  expect(said.stdout + said.stderr).toMatch(/SENDGRID_API_KEY/);
  expect(await mailStates(world)).toEqual(['queued']);
  await expectInvariants(await evidenceSource(world.sandbox.books, world.database), {
    atRest: true,
    mailWorks: false,
  });
});

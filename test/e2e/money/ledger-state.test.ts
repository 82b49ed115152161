import { describe, expect, it, vi } from 'vitest';
import type { MoveProgress } from '../../../src/app/ports.ts';
import { targets } from '../../storage/targets.ts';
import { refusalOf } from '../exit-codes/refusals.ts';
import { AMOUNT, aFixture, type Fixture } from '../verdicts/fixture.ts';
import { aRemoval, killedBetween, shown } from './moving.ts';
import { chargeOrder } from './shop.ts';

/* A ledger on which no payments can be made says so where an operator looks, with what is safe to do now. */

vi.setConfig({ testTimeout: 240_000 });

interface Said {
  readonly json: Record<string, unknown>;
  readonly text: string;
  readonly exitCode: number | undefined;
}

async function status(fixture: Fixture): Promise<Said> {
  const json = await fixture.run(['status', '--json']);
  const text = await fixture.run(['status']);
  expect(text.exitCode).toBe(json.exitCode);
  const words = `${text.stdout} ${text.stderr}`.replaceAll(/\s+/g, ' ');
  return { json: json.json() as Record<string, unknown>, text: words, exitCode: json.exitCode };
}

async function doctor(
  fixture: Fixture,
): Promise<{ readonly check: unknown; readonly exitCode: number | undefined }> {
  const run = await fixture.run(['doctor', '--json']);
  const { checks } = run.json() as { checks: readonly { name: string }[] };
  return { check: checks.find(({ name }) => name === 'ledger'), exitCode: run.exitCode };
}

const IN_USE = { ledger_state: 'in_use', rolled_back_at: null, moved_to: null, moved_at: null };

describe.each(targets)('a ledger that was rolled back, on $name', (target) => {
  it('is said by status and doctor, with what is safe, until it is whole', async () => {
    const fixture = await aFixture(target);
    await fixture.charge('paid');
    expect(await status(fixture)).toMatchObject({ json: IN_USE, exitCode: 0 });
    expect(await doctor(fixture)).toMatchObject({ check: { state: 'ok' } });

    await fixture.elsewhere('', {
      amount: String(AMOUNT),
      currency: 'usd',
      'metadata[payrecon_transaction]': 'txn_01KF0000000000000000000009',
      'metadata[payrecon_ledger]': await fixture.ledgerId(),
      'metadata[payrecon_attempt]': '1',
    });
    expect((await fixture.pass()).exitCode).toBe(5);
    const said = await status(fixture);
    expect(said).toMatchObject({
      json: {
        ...IN_USE,
        ledger_state: 'rolled_back',
        rolled_back_at: expect.any(String) as unknown,
      },
      exitCode: 5,
    });
    expect(said.text).toContain('rolled back: nothing is charged on it');
    expect(said.text).toContain('Restore the newest copy of the ledger');
    // No payment waits for a person, but the ledger does.
    const listed = await fixture.run(['stuck', 'list']);
    expect(`${listed.stdout}${listed.stderr}`).toMatch(/no payment waits for a person/i);
    expect(await doctor(fixture)).toMatchObject({
      check: {
        state: 'failed',
        message: expect.stringContaining('Restore the newest copy of the ledger') as unknown,
      },
      exitCode: 5,
    });
  });
});

describe('a ledger whose move to PostgreSQL', () => {
  it('has ended is said to be moved', async () => {
    const { old, there, move } = await aRemoval();
    await chargeOrder(old);
    expect((await move()).exitCode).toBe(0);
    const said = await status(old);
    expect(said).toMatchObject({
      json: {
        ...IN_USE,
        ledger_state: 'moved',
        moved_to: shown(there),
        moved_at: expect.any(String) as unknown,
      },
      exitCode: 0,
    });
    expect(said.text).toContain(`Point DATABASE_URL at ${shown(there)}`);
    expect(await doctor(old)).toMatchObject({ check: { state: 'failed' }, exitCode: 2 });
    expect(await status(there)).toMatchObject({ json: IN_USE, exitCode: 0 });
    expect(await doctor(there)).toMatchObject({ check: { state: 'ok' } });
  });

  it('goes on is told how far it is: every row is copied, and then compared', async () => {
    const { old, there } = await aRemoval();
    await chargeOrder(old);
    const told: MoveProgress[] = [];
    const payrecon = await there.open('migrate');
    await payrecon.move(old.database.url, (progress) => {
      told.push(progress);
    });
    expect([...new Set(told.map(({ part }) => part))]).toEqual([
      'copying',
      'comparing',
      'verifying',
    ]);
    const ends = (['copying', 'comparing'] as const).map((part) =>
      told.findLast((progress) => progress.part === part),
    );
    for (const end of ends) expect(end?.done).toBe(end?.rows);
    expect(ends[0]?.rows).toBeGreaterThan(3);
  });

  it('was cut short is said to be on its way, with the command that ends it', async () => {
    const removal = await aRemoval();
    const { old, there, move } = removal;
    await chargeOrder(old);
    await killedBetween(removal);
    const command = `payrecon migrate --from ${old.database.url}`;
    const said = await status(old);
    expect(said).toMatchObject({
      json: { ...IN_USE, ledger_state: 'moving', moved_to: shown(there) },
      exitCode: 5,
    });
    expect(said.text).toContain('has not ended');
    // However the terminal breaks the line.
    expect(said.text.replaceAll(' ', '')).toContain(command.replaceAll(' ', ''));
    expect(await doctor(old)).toMatchObject({
      check: { state: 'failed', message: expect.stringContaining(command) as unknown },
      exitCode: 5,
    });
    for (const args of [
      ['reconcile', '--json'],
      ['migrate', 'up', '--json'],
    ]) {
      const run = await old.run(args);
      expect(refusalOf(run)).toMatchObject({ exitCode: 2, code: 'ledger_moved' });
      expect(run.stderr).toContain('has not ended');
    }
    expect((await move()).exitCode).toBe(0);
    expect(await status(old)).toMatchObject({ json: { ledger_state: 'moved' }, exitCode: 0 });
  });
});

import { cp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { sqlite, targets } from '../../storage/targets.ts';
import { binary } from '../../support/binary.ts';
import { cleanEnvironment } from '../../support/environment.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { startPayrecon } from '../exit-codes/running.ts';
import { aFixture, type Fixture } from '../verdicts/fixture.ts';

const HEADER = 'key,amount,currency,payment_method,email';

function rows(count: number): string[] {
  return Array.from(
    { length: count },
    (_, at) => `line-${String(at)},${String(at + 1)}.00,usd,pm_card_visa,${String(at)}@example.com`,
  );
}

async function aFile(lines: readonly string[], name = 'due.csv'): Promise<string> {
  const file = join(await temporaryFolder(), name);
  await writeFile(file, lines.join('\n'));
  return file;
}

/** What Stripe has taken, one entry a payment: amount by amount, so that a payment too many shows. */
const taken = ({ sandbox }: Fixture): readonly number[] =>
  sandbox.books.paymentIntents
    .map(({ amount_received }) => amount_received)
    .filter((amount) => amount > 0)
    .sort((a, b) => a - b);

const all = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, at) => (at + 1) * 100);

async function forgetLeases(fixture: Fixture): Promise<void> {
  await (
    await fixture.database.raw()
  ).run(
    'update transactions set lease_expires_at = lease_expires_at - 200000 where lease_token is not null',
  );
}

async function afterConfirms(fixture: Fixture, count: number): Promise<void> {
  await expect
    .poll(() => fixture.sandbox.books.count('payment_intents.confirm'), {
      timeout: 15_000,
      interval: 5,
    })
    .toBeGreaterThanOrEqual(count);
}

describe.each(targets)('a file on $name', (target) => {
  it('that is killed half way is finished by running it again, and each line is charged once', async () => {
    const fixture = await aFixture(target, { env: { PAYRECON_STRIPE_DEADLINE: '10s' } });
    const file = await aFile([HEADER, ...rows(60)]);
    const args = ['charge', '--file', file, '--concurrency', '8', '--json'];
    const killed = execa(process.execPath, [binary, ...args], {
      env: cleanEnvironment(await temporaryFolder(), fixture.env),
      extendEnv: false,
      reject: false,
    });
    await afterConfirms(fixture, 20);
    killed.kill('SIGKILL');
    expect((await killed).signal).toBe('SIGKILL');
    const before = taken(fixture).length;
    expect(before).toBeGreaterThan(10);
    expect(before).toBeLessThan(60);
    await forgetLeases(fixture);

    const again = await fixture.run(args);
    expect(again.jsonLines()).toHaveLength(60);
    expect(
      again.jsonLines().filter((line) => (line as { result: string }).result === 'succeeded'),
    ).toHaveLength(60);
    expect(JSON.parse(again.stderr)).toMatchObject({ summary: { lines: 60, succeeded: 60 } });
    expect(again.exitCode).toBe(0);
    expect(taken(fixture)).toEqual(all(60));

    const third = await fixture.run(args);
    expect(JSON.parse(third.stderr)).toMatchObject({
      summary: { lines: 60, succeeded: 60, repeated: 60 },
    });
    expect(taken(fixture)).toEqual(all(60));
    await fixture.verifyAudit();
  });

  it('that is told to end finishes what it has begun, begins nothing more, and goes on when it is run again', async () => {
    const fixture = await aFixture(target, { env: { PAYRECON_STRIPE_DEADLINE: '10s' } });
    fixture.sandbox.setFaults('payment_intents.confirm#*=slow:50');
    const file = await aFile([HEADER, ...rows(100)]);
    const running = await startPayrecon(
      ['charge', '--file', file, '--concurrency', '4', '--json'],
      fixture.env,
    );
    await afterConfirms(fixture, 8);
    running.signal('SIGTERM');
    const end = await running.end;
    fixture.sandbox.setFaults('');
    expect(end.exitCode).toBe(143);
    const told = end.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { result: string });
    expect(told.length).toBeLessThan(40);
    expect(told.filter(({ result }) => result === 'succeeded')).toHaveLength(taken(fixture).length);
    const raw = await fixture.database.raw();
    expect(await raw.rows('select id from transactions where lease_token is not null')).toEqual([]);
    expect(await raw.rows('select id from transactions')).toHaveLength(told.length);

    expect((await fixture.run(['charge', '--file', file, '--json'])).exitCode).toBe(0);
    expect(taken(fixture)).toEqual(all(100));
  });
});

describe('a file', () => {
  it('with bad, doubled and declined lines charges the good ones, and leaves with the worst of them', async () => {
    const fixture = await aFixture(sqlite);
    const lines = [
      ...rows(3),
      'line-1,2.00,usd,pm_card_visa,1@example.com',
      'line-2,9.00,usd,pm_card_visa,',
      'bad,9,usd,pm_card_visa,',
      'declined,5.00,usd,pm_card_chargeDeclined,',
    ];
    const run = await fixture.run(['charge', '--file', await aFile([HEADER, ...lines]), '--json']);
    const told = run.jsonLines() as { line: number; result: string; repeated: boolean }[];
    expect(
      told
        .sort((a, b) => a.line - b.line)
        .map(({ line, result, repeated }) => [line, result, repeated]),
    ).toEqual([
      [2, 'succeeded', false],
      [3, 'succeeded', false],
      [4, 'succeeded', false],
      [5, 'succeeded', true],
      [6, 'refused', false],
      [7, 'invalid', false],
      [8, 'failed', false],
    ]);
    expect(run.exitCode).toBe(4);
    expect(taken(fixture)).toEqual(all(3));
  });

  it('stops where Stripe is away, and nothing is lost or doubled by running it again', async () => {
    const fixture = await aFixture(sqlite);
    fixture.sandbox.setFaults('payment_intents.create#*=html_502');
    const file = await aFile([HEADER, ...rows(120)]);
    const away = await fixture.run(['charge', '--file', file, '--concurrency', '10', '--json']);
    expect(away.stderr).toContain('"stripe_away"');
    expect(away.jsonLines().length).toBeLessThan(40);
    expect(away.exitCode).toBe(75);
    fixture.sandbox.setFaults('');
    expect((await fixture.run(['charge', '--file', file, '--json'])).exitCode).toBe(0);
    expect(taken(fixture)).toEqual(all(120));
  });

  it('that waits for more from a pipe ends at once when it is told to', async () => {
    const fixture = await aFixture(sqlite);
    const running = execa(process.execPath, [binary, 'charge', '--file', '-', '--json'], {
      env: cleanEnvironment(await temporaryFolder(), fixture.env),
      extendEnv: false,
      reject: false,
      timeout: 15_000,
      killSignal: 'SIGKILL',
    });
    running.stdin.write(`${HEADER}\n${rows(2).join('\n')}\n`);
    await afterConfirms(fixture, 1);
    running.kill('SIGTERM');
    const { exitCode, stdout, stderr } = await running;
    expect(exitCode).toBe(143);
    expect(stdout).toContain('"line-0"');
    expect(JSON.parse(stderr)).toMatchObject({ summary: { interrupted: true } });
  });

  it('comes through a pipe', async () => {
    const fixture = await aFixture(sqlite);
    const objects = rows(40)
      .map((row) => row.split(','))
      .map(([key, amount, currency, payment_method]) =>
        JSON.stringify({ key, amount, currency, payment_method }),
      );
    const run = await fixture.run(['charge', '--file', '-', '--json'], {
      input: objects.join('\n'),
    });
    expect([run.exitCode, run.jsonLines().length]).toEqual([0, 40]);
    expect(taken(fixture)).toEqual(all(40));
  });

  it('is read by a library that a single charge does not load', async () => {
    const fixture = await aFixture(sqlite);
    const folder = await temporaryFolder();
    const root = dirname(dirname(binary));
    await cp(join(root, 'bin'), join(folder, 'bin'), { recursive: true });
    await cp(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
    const parts = await readdir(join(folder, 'dist'));
    const readers: string[] = [];
    for (const part of parts.filter((name) => name.endsWith('.js'))) {
      const text = await readFile(join(folder, 'dist', part), 'utf8');
      // The reader of CSV says so in the codes of its errors.
      if (text.includes('CSV_INVALID_OPTION')) readers.push(part);
    }
    expect(readers.length).toBe(1);
    for (const part of readers) await rm(join(folder, 'dist', part));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    const env = cleanEnvironment(folder, fixture.env);
    const run = async (...args: readonly string[]) =>
      await execa(process.execPath, [join(folder, 'bin/payrecon.js'), 'charge', ...args], {
        env,
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
      });
    expect(
      await run(
        '--key',
        'one',
        '--amount',
        '1.00',
        '--currency',
        'usd',
        '--payment-method',
        'pm_card_visa',
      ),
    ).toMatchObject({ exitCode: 0, stderr: '' });
    const many = await run('--file', await aFile([HEADER, ...rows(1)]));
    expect(many.exitCode).toBe(1);
    expect(many.stderr).toContain(readers[0]);
  });
});

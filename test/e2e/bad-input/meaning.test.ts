import { existsSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { fingerprint } from '../../../src/domain/request/fingerprint.ts';
import type { ChargeRequest } from '../../../src/domain/transaction.ts';
import { sqlite } from '../../storage/targets.ts';
import { binary } from '../../support/binary.ts';
import { cleanEnvironment } from '../../support/environment.ts';
import type { PaymentWorld } from '../../support/payment-world.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { aSteadyWorld, errorOf, expectDecent, expectNothingSent, runHere } from './command-line.ts';
import { chargeLine } from './lines.ts';

const HIDDEN = 'order\u200b7';
const CYRILLIC = '\u043erder-7';

const request: ChargeRequest = {
  key: HIDDEN,
  reference: null,
  amount: 4999,
  currency: 'usd',
  customer: null,
  paymentMethod: 'pm_card_visa',
  methodTypes: ['card'],
  email: 'ada@example.com',
  description: null,
  metadata: {},
  onSession: false,
};

/** As a version of payrecon without these rules would have begun it. */
async function begun(world: PaymentWorld, asked: ChargeRequest): Promise<void> {
  const storage = await world.database.open();
  const actor = { role: 'charge', operator: 'ada', systemUser: 'ada', host: 'h', pid: 1 };
  const opened = await storage.ledger.open(
    asked,
    fingerprint(asked),
    { windowMs: 0, allow: true },
    actor,
  );
  if (opened.kind !== 'opened') throw new Error(opened.kind);
  await storage.ledger.release([opened.lease]);
  await storage.close();
}

const taken = ({ sandbox }: PaymentWorld): number =>
  sandbox.books.paymentIntents.filter(({ amount_received }) => amount_received > 0).length;

async function aFile(content: string | Uint8Array, name: string): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, content);
  return path;
}

const HEADER = 'key,amount,currency,payment_method,description';
const line = (key: string, description = ''): string =>
  `${key},1.00,usd,pm_card_visa,${description}`;

describe('a text that could be read as another', { timeout: 60_000 }, () => {
  test.each([
    [{ '--key': HIDDEN }, 'key', 'U+200B at character 6'],
    [{ '--key': CYRILLIC }, 'key', 'U+043E at character 1'],
    [{ '--reference': 'invoice \uff17' }, 'reference', 'U+FF17 at character 9'],
    [{ '--description': 'pay \u202e99' }, 'description', 'U+202E at character 5'],
  ])('is refused with %j, and makes no ledger', async (flags, field, says) => {
    const world = await aSteadyWorld(sqlite, { ledger: false });
    for (const said of [
      await runHere(world, chargeLine(flags)),
      await world.run(chargeLine(flags)),
    ]) {
      expect([said.exitCode, said.stdout]).toEqual([2, '']);
      expect(errorOf(said).fields).toEqual([field]);
      expect(errorOf(said).message).toContain(says);
      expectDecent(world, said);
    }
    expect(existsSync(world.database.url.slice('sqlite:'.length))).toBe(false);
    await expectNothingSent(world);
  });

  test('is answered where the ledger has it: charged once, shown, and never under a corrected key by mistake', async () => {
    const world = await aSteadyWorld(sqlite);
    await begun(world, request);
    const args = chargeLine({ '--key': HIDDEN });
    const first = await world.run(args);
    expect([first.exitCode, taken(world)]).toEqual([0, 1]);
    const again = await world.run(args);
    expect([again.exitCode, taken(world)]).toEqual([0, 1]);
    expect((await world.run(['show', HIDDEN, '--json'])).exitCode).toBe(0);
    expect((await world.run(chargeLine({ '--key': HIDDEN, '--amount': '1.00' }))).exitCode).toBe(4);
    expect((await world.run(chargeLine({ '--key': CYRILLIC }))).exitCode).toBe(2);
    expect(taken(world)).toBe(1);
  });

  test('is refused as a line of a file and by the library too', async () => {
    const world = await aSteadyWorld(sqlite);
    const file = await aFile([HEADER, line('a'), line(CYRILLIC), line('c')].join('\n'), 'due.csv');
    const said = await world.run(['charge', '--file', file, '--json', '--allow-duplicate']);
    const ends = said
      .jsonLines()
      .map((each) => each as { line: number; result: string })
      .sort((a, b) => a.line - b.line)
      .map(({ result }) => result);
    expect([said.exitCode, ends]).toEqual([2, ['succeeded', 'invalid', 'succeeded']]);
    const payrecon = await world.open('library');
    const charging = payrecon.charge(request, {
      waitMs: 0,
      waitForOutcome: false,
      allowDuplicate: false,
    });
    await expect(charging).rejects.toMatchObject({ kind: 'usage', code: 'invalid_request' });
    expect(taken(world)).toBe(2);
  });
});

describe('bytes that are no UTF-8', { timeout: 60_000 }, () => {
  const flags = [
    'key',
    'reference',
    'description',
    'payment-method',
    'customer',
    'email',
    'currency',
    'amount',
    'metadata',
  ];

  test.each(flags)('in the value of --%s are refused', async (flag) => {
    const world = await aSteadyWorld(sqlite);
    const args = chargeLine({ [`--${flag}`]: null });
    // Only a shell can put such a byte into an argument.
    const script = `node=$1; shift; exec "$node" "$@" "--${flag}=$(printf 'a=b\\377')"`;
    const env = cleanEnvironment(await temporaryFolder(), world.env);
    const said = await execa('sh', ['-c', script, 'sh', process.execPath, binary, ...args], {
      env,
      extendEnv: false,
      reject: false,
    });
    expect([said.exitCode, said.stdout]).toEqual([2, '']);
    const { message, fields } = errorOf({
      stdout: said.stdout,
      stderr: said.stderr,
      exitCode: said.exitCode,
    });
    expect(fields).toContain(flag.replace('-', '_'));
    expect(message).toContain('bytes that are no UTF-8 (U+FFFD at character ');
    await expectNothingSent(world);
  });

  test('refuse a file in UTF-16, and stop one in Latin-1 where they begin', async () => {
    const world = await aSteadyWorld(sqlite);
    const utf16 = await world.run([
      'charge',
      '--json',
      '--file',
      await aFile(Buffer.from(`\ufeff${HEADER}\n${line('a')}`, 'utf16le'), 'due.csv'),
    ]);
    expect([utf16.exitCode, utf16.stdout]).toEqual([2, '']);
    expect(utf16.stderr).toContain('save it as UTF-8');
    await expectNothingSent(world);
    const text = [HEADER, line('a'), line('b', 'caf\xe9'), line('c')].join('\n');
    const latin1 = await world.run([
      'charge',
      '--json',
      '--file',
      await aFile(Buffer.from(text, 'latin1'), 'due.csv'),
    ]);
    expect(latin1.jsonLines()).toMatchObject([{ line: 2, result: 'succeeded' }]);
    expect(latin1.stderr).toContain('From line 3 on');
    expect([latin1.exitCode, taken(world)]).toEqual([2, 1]);
  });
});

test(
  'a stray quotation mark fails its own line, in the program as it is built',
  { timeout: 60_000 },
  async () => {
    const world = await aSteadyWorld(sqlite);
    const file = await aFile(
      [HEADER, line('a'), line('b', '12" vinyl'), line('c', '"a"b'), line('d')].join('\n'),
      'due.csv',
    );
    const said = await world.run(['charge', '--file', file, '--json', '--allow-duplicate']);
    expect(said.jsonLines()).toHaveLength(4);
    expect(said.stderr).not.toContain('bug');
    expectDecent(world, said);
    expect([said.exitCode, taken(world)]).toEqual([2, 2]);
  },
);

describe('what is unsafe about the machine', { timeout: 60_000 }, () => {
  const live = ['sk', 'live', 'a1'.repeat(10)].join('_');

  test('no live key is sent while Node takes every certificate for the right one', async () => {
    const world = await aSteadyWorld(sqlite);
    const env = { STRIPE_SECRET_KEY: live, PAYRECON_LIVE: '1', NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    const said = await world.run(chargeLine({}), { env });
    expect([said.exitCode, said.stdout]).toEqual([2, '']);
    expect(said.stderr).toContain('NODE_TLS_REJECT_UNAUTHORIZED');
    expect(said.stderr).not.toContain('a1a1');
    await expectNothingSent(world);
  });

  test('is told to a program that reads standard error', async () => {
    const world = await aSteadyWorld(sqlite);
    await chmod(world.database.url.slice('sqlite:'.length), 0o666);
    const said = await world.run(['list', '--json']);
    expect(JSON.parse(said.stderr)).toEqual({
      notice: expect.stringContaining(
        '(the ledger) can be read and changed by other users',
      ) as string,
    });
    const failed = await world.run(['show', 'nothing', '--json']);
    expect(JSON.parse(failed.stderr)).toMatchObject({
      error: { code: 'no_such_transaction' },
      notices: [expect.stringContaining('the ledger')],
    });
    expect((await world.run(['list'])).stderr).toContain('chmod 600');
  });
});

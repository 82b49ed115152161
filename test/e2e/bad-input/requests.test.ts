import { expect, test } from 'vitest';
import { sqlite } from '../../storage/targets.ts';
import {
  aSteadyWorld,
  errorOf,
  expectDecent,
  expectNothingSent,
  runHere,
  type Said,
} from './command-line.ts';
import { BAD_LINES, chargeLine, GOOD_LINES, type BadLine } from './lines.ts';

const LINES = 132;
/** Of the lines that an operating system can pass on, every so many are given to the real binary as well. */
const SAMPLE_EVERY = 7;

function expectRefused(line: BadLine, said: Said): void {
  const shown = { exit: said.exitCode, stdout: said.stdout, line: chargeLine(line.flags) };
  expect(shown).toEqual({ exit: 2, stdout: '', line: shown.line });
  const { message, fields } = errorOf(said);
  expect(fields).toEqual([line.field.slice(2).replaceAll('-', '_')]);
  expect(message).toContain('nothing was sent');
  expect(message).toContain(`${line.field}: `);
  expect(message).toMatch(line.says);
}

test(
  'what cannot be charged as it stands is refused with what to change, and nothing is sent',
  { timeout: 60_000 },
  async () => {
    const world = await aSteadyWorld(sqlite);
    expect(BAD_LINES).toHaveLength(LINES);
    for (const line of BAD_LINES) {
      const said = await runHere(world, chargeLine(line.flags));
      expectRefused(line, said);
      expectDecent(world, said);
    }
    await expectNothingSent(world);
  },
);

test('the real binary says the same', { timeout: 60_000 }, async () => {
  const world = await aSteadyWorld(sqlite);
  const passable = BAD_LINES.filter(
    ({ flags }) => !chargeLine(flags).some((argument) => /\u0000|\p{Cs}/u.test(argument)),
  );
  const sample = passable.filter((_, index) => index % SAMPLE_EVERY === 0);
  expect(sample.length).toBeGreaterThan(15);
  for (const line of sample) {
    const said = await world.run(chargeLine(line.flags));
    expectRefused(line, said);
    expectDecent(world, said);
  }
  await expectNothingSent(world);
});

test('everything that is wrong is said at once', async () => {
  const world = await aSteadyWorld(sqlite);
  const said = await runHere(
    world,
    chargeLine({
      '--key': '',
      '--amount': '4999',
      '--payment-method': 'visa',
      '--email': 'ada',
      '--metadata': ['a'],
      '--wait': 'x',
    }),
  );
  expect(errorOf(said).fields).toEqual([
    'key',
    'amount',
    'payment_method',
    'email',
    'metadata',
    'wait',
  ]);
  await expectNothingSent(world);
});

test(
  'without the mistake each is charged, with the amount that was meant',
  { timeout: 60_000 },
  async () => {
    const world = await aSteadyWorld(sqlite, {
      env: { PAYRECON_DUPLICATE_WINDOW: '0', PAYRECON_STRIPE_DEADLINE: '10s' },
    });
    for (const [index, { flags, amount, currency }] of GOOD_LINES.entries()) {
      const said = await runHere(world, chargeLine(flags, `order-${index}`));
      expect({ said, exit: said.exitCode }).toEqual({ said, exit: 0 });
      expect(world.sandbox.books.paymentIntents.at(-1)).toMatchObject({
        status: 'succeeded',
        amount,
        currency,
      });
    }
    expect(world.sandbox.books.succeededCount()).toBe(GOOD_LINES.length);
  },
);

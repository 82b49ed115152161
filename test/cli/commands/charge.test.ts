import { describe, expect, it } from 'vitest';
import type { ChargeOutcome, TransactionPage } from '../../../src/app/service.ts';
import { readCharge } from '../../../src/cli/commands/charge.ts';
import { PayreconError } from '../../../src/domain/errors.ts';
import type { Transaction } from '../../../src/domain/transaction.ts';
import { commandLine } from '../support/command-line.ts';
import {
  authenticationNeeded,
  charged,
  failed,
  fenced,
  keyConflict,
  pending,
  requestRefused,
  stuck,
  succeeded,
  unknown,
} from '../support/fixture.ts';

const flags = [
  '--key',
  'order-1001',
  '--amount',
  '49.99',
  '--currency',
  'usd',
  '--payment-method',
  'pm_card_visa',
];

async function problemsOf(read: Promise<unknown>): Promise<readonly string[]> {
  const error: unknown = await read.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PayreconError)) throw new Error('it was not refused');
  expect(error.kind).toBe('usage');
  return error.problems.map((problem) => problem.field);
}

describe('reading the flags of charge', () => {
  it('reads everything that can be given', async () => {
    const { request, options } = await readCharge({
      key: 'order-1001',
      amountMinor: '4999',
      currency: 'USD',
      paymentMethod: 'pm_card_visa',
      methodType: ['card', 'link'],
      customer: 'cus_1',
      reference: 'r-1',
      email: 'ada@example.com',
      description: 'Two books',
      metadata: ['cart=17', 'formula=a=b'],
      wait: '30s',
      allowDuplicate: true,
    });
    expect(request).toEqual({
      key: 'order-1001',
      reference: 'r-1',
      amount: 4999,
      currency: 'usd',
      customer: 'cus_1',
      paymentMethod: 'pm_card_visa',
      methodTypes: ['card', 'link'],
      email: 'ada@example.com',
      description: 'Two books',
      metadata: { cart: '17', formula: 'a=b' },
      onSession: false,
    });
    expect(options).toEqual({ waitMs: 30_000, waitForOutcome: true, allowDuplicate: true });
  });

  it('waits 5 s for another process, and not for the outcome, unless told', async () => {
    const { options } = await readCharge({
      key: 'k',
      amount: '1.00',
      currency: 'usd',
      paymentMethod: 'pm_card_visa',
    });
    expect(options).toEqual({ waitMs: 5_000, waitForOutcome: false, allowDuplicate: false });
  });

  it('names everything that is wrong at once', async () => {
    expect(
      await problemsOf(
        readCharge({ amount: '4999', currency: 'usd', wait: '5', metadata: ['x', 'a=1', 'a=2'] }),
      ),
    ).toEqual(['--key', '--amount', '--payment-method', '--metadata', '--metadata', '--wait']);
  });

  it.each(['4999', '49.999', '-49.99', '0.00', '4.9e1', '100000000.00', '４９.９９', '49,99', ''])(
    'refuses the amount %j',
    async (amount) => {
      expect(
        await problemsOf(
          readCharge({ key: 'k', amount, currency: 'usd', paymentMethod: 'pm_card_visa' }),
        ),
      ).toEqual(['--amount']);
    },
  );
});

describe('charge', () => {
  it('passes the request on and prints the transaction', async () => {
    const { code, stdout, stderr, opened, calls } = await commandLine(
      ['charge', ...flags, '--stripe-deadline', '3s', '--json'],
      {
        payrecon: { charge: () => Promise.resolve(charged(succeeded)) },
      },
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      id: succeeded.id,
      status: 'succeeded',
      amount: 4999,
    });
    expect(stdout.split('\n')).toHaveLength(2);
    expect(stderr).toBe('');
    expect(opened).toEqual([
      { flags: { 'stripe-deadline': '3s' }, needsStripe: true, role: 'charge' },
    ]);
    expect(calls[0]?.args[0]).toMatchObject({
      key: 'order-1001',
      amount: 4999,
      methodTypes: ['card'],
    });
    expect(calls[0]?.args[1]).toMatchObject({ waitMs: 5_000, allowDuplicate: false });
    expect((calls[0]?.args[1] as { signal: unknown }).signal).toBeInstanceOf(AbortSignal);
  });

  it('opens nothing when the input is bad', async () => {
    const { code, stdout, stderr, opened } = await commandLine([
      'charge',
      '--key',
      'k',
      '--amount',
      '4999',
      '--currency',
      'usd',
      '--json',
    ]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(opened).toEqual([]);
    const { error } = JSON.parse(stderr) as {
      error: { code: string; message: string; fields: string[] };
    };
    expect(Object.keys(error)).toEqual(['code', 'message', 'fields']);
    expect(error.code).toBe('invalid_request');
    expect(error.fields).toEqual(['amount', 'payment_method']);
    expect(error.message).toContain('4999.00');
    expect(error.message).toContain('--amount-minor 4999');
  });

  it('prints the transaction with every other exit code too', async () => {
    for (const [transaction, expected] of [
      [failed, 3],
      [stuck, 5],
      [pending, 75],
    ] as const) {
      const { code, stdout, stderr } = await commandLine(['charge', ...flags, '--json'], {
        payrecon: { charge: () => Promise.resolve(charged(transaction)) },
      });
      expect(code).toBe(expected);
      expect(JSON.parse(stdout)).toMatchObject({ status: transaction.status });
      expect(stderr).toBe('');
    }
  });

  it('leaves stdout empty on a refusal, and shows the other transaction within it', async () => {
    const refusal = new PayreconError('key_reused', 'The key belongs to another request.', {
      transaction: succeeded,
      problems: [
        { field: 'amount', message: 'differs' },
        { field: '--payment-method', message: 'differs' },
      ],
    });
    const { code, stdout, stderr, closed } = await commandLine(['charge', ...flags, '--json'], {
      payrecon: { charge: () => Promise.reject(refusal) },
    });
    expect(code).toBe(4);
    expect(closed).toBe(1);
    expect(stdout).toBe('');
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: 'key_reused',
        message: 'The key belongs to another request. amount: differs. --payment-method: differs.',
        fields: ['amount', 'payment_method'],
        transaction: {
          id: succeeded.id,
          key: succeeded.key,
          reference: succeeded.reference,
          status: 'succeeded',
          amount: 4_999,
          currency: 'usd',
          amount_decimal: '49.99',
          payment_intent: succeeded.paymentIntent,
          created_at: new Date(succeeded.createdAt).toISOString(),
          settled_at: new Date(succeeded.settledAt ?? 0).toISOString(),
        },
      },
    });
  });

  it.each([
    ['duplicate_suspected', 'looks like'],
    ['reference_taken', 'taken by'],
    ['key_reused', 'recorded'],
  ] as const)(
    'begins a refusal (%s) with that word for a person, on stderr alone',
    async (why, label) => {
      const refusal = new PayreconError(why, 'It is refused.', { transaction: succeeded });
      const { code, stdout, stderr } = await commandLine(['charge', ...flags], {
        payrecon: { charge: () => Promise.reject(refusal) },
      });
      expect(code).toBe(4);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^✗ refused\npayrecon: It is refused\.\n/u);
      expect(stderr).toContain(`  ${label.padEnd(10)}  ${succeeded.id}\n`);
      expect(stderr).not.toContain(String(succeeded.email));
    },
  );

  it('tells a person how to run it again when the outcome is not known', async () => {
    const { code, stdout, stderr } = await commandLine(
      ['charge', ...flags, '--description', "Ada's books"],
      {
        payrecon: {
          charge: () => Promise.resolve(charged(pending, { note: 'no answer (timeout)' })),
        },
      },
    );
    expect(code).toBe(75);
    expect(stdout).toContain('… pending  $49.99');
    expect(stdout).toContain(pending.id);
    expect(stdout).not.toContain('again');
    expect(stderr).toContain('Last heard: no answer (timeout).');
    expect(stderr).toContain(`payrecon charge ${flags.join(' ')} --description 'Ada'\\''s books'`);
  });

  it('says when nothing new was started', async () => {
    const charge = (repeated: boolean) => () => Promise.resolve(charged(succeeded, { repeated }));
    expect(
      (await commandLine(['charge', ...flags], { payrecon: { charge: charge(true) } })).stderr,
    ).toBe('→ This key was known: nothing new was started.\n');
    expect(
      (await commandLine(['charge', ...flags], { payrecon: { charge: charge(false) } })).stderr,
    ).toBe('');
  });

  it('gives a command for a stuck transaction', async () => {
    const { stderr } = await commandLine(['charge', ...flags], {
      payrecon: { charge: () => Promise.resolve(charged(stuck)) },
    });
    expect(stderr).toContain(`payrecon stuck resolve ${stuck.id}`);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends after %s with %i', async (stoppedBy, expected) => {
    const { code, closed } = await commandLine(['charge', ...flags], {
      stoppedBy,
      payrecon: { charge: () => Promise.resolve(charged(pending, { situation: 'interrupted' })) },
    });
    expect(code).toBe(expected);
    expect(closed).toBe(1);
  });
});

describe('what charge says to a person', () => {
  const said = async (
    transaction: Transaction,
    more: Partial<ChargeOutcome> = {},
  ): Promise<string> => {
    const { stdout, stderr } = await commandLine(['charge', ...flags], {
      payrecon: { charge: () => Promise.resolve(charged(transaction, more)) },
    });
    return `${stdout}\n${stderr}`;
  };

  it('of a request that Stripe refused: whose fault it is, and that the key is free', async () => {
    const text = await said(requestRefused);
    expect(text).toContain(
      "failure     Stripe refused the request: No such PaymentMethod: 'pm_card_visa' (resource_missing)",
    );
    expect(text).toContain(
      'No bank was asked, nothing was charged. Correct it and charge again with the same key.',
    );
    expect(text).not.toMatch(/declined|used up|new key/);
  });

  it('of a payment that the bank wants the customer for', async () => {
    const text = await said(authenticationNeeded);
    expect(text).toContain('failure     the bank wants the customer to authenticate it: ');
    expect(text).toContain('Have them pay on-session (`--on-session`) under a new key');
    expect(text).not.toContain('The payment was declined');
  });

  it('of a decline: the key is used up', async () => {
    expect(await said(failed)).toContain('This key is used up; a new attempt needs a new key.');
  });

  it('of a payment that was fenced off before its confirm: the same command makes a new attempt', async () => {
    const text = await said(fenced);
    expect(text).toContain('Charging again with the same key makes a new attempt.');
    expect(text).toContain(`payrecon charge ${flags.join(' ')}`);
    expect(text).not.toContain('used up');
  });

  it('of what was never sent: nothing that is not known, and that it goes on', async () => {
    const text = await said(
      { ...unknown, step: 'recorded', createSentAt: null },
      { situation: 'not_sent', note: 'the create was not sent: no permit in time' },
    );
    expect(text).toContain('Last heard: the create was not sent: no permit in time.');
    expect(text).toContain('To go on, run the same command again:');
    expect(text).not.toMatch(/Stripe was not reached|`payrecon reconcile` (?:finds|records)/);
  });

  it('of a confirm that was refused for the moment: that it is not sent, and that a pass would end the attempt', async () => {
    const text = await said(
      { ...pending, step: 'created', confirmSentAt: null },
      { situation: 'unknown', note: 'Stripe could not take the confirm now' },
    );
    expect(text).toContain(
      'To go on, run the same command again; a pass that comes first cancels this payment intent, and the same key then makes a new attempt:',
    );
  });

  it('of a key that was used elsewhere: the other intent, and never that nothing was charged', async () => {
    const text = await said(keyConflict);
    expect(text).toContain(
      'Under this key Stripe shows: pi_3OtherOtherOtherOther is succeeded, €55.00.',
    );
    expect(text).not.toMatch(/nothing (?:was|can have been) charged|same command/);
  });
});

describe('charge --on-session', () => {
  const waiting: Transaction = {
    ...pending,
    onSession: true,
    session: 'on_session',
    stripeStatus: 'requires_action',
  };
  const nextAction = {
    type: 'redirect_to_url',
    redirect_to_url: { url: 'https://hooks.stripe.com/3d_secure_2/x' },
  };
  const outcome = charged(waiting, {
    situation: 'requires_action',
    clientSecret: 'pi_3Mtw_secret_abc',
    nextAction,
  });

  it('says that the customer is there', async () => {
    const { request } = await readCharge({
      key: 'k',
      amount: '1.00',
      currency: 'usd',
      paymentMethod: 'pm_card_visa',
      onSession: true,
    });
    expect(request.onSession).toBe(true);
    const { calls } = await commandLine(['charge', ...flags, '--on-session'], {
      payrecon: { charge: () => Promise.resolve(charged(succeeded)) },
    });
    expect(calls[0]?.args[0]).toMatchObject({ onSession: true });
  });

  it('gives a program what the page of the customer needs', async () => {
    const { code, stdout } = await commandLine(['charge', ...flags, '--on-session', '--json'], {
      payrecon: { charge: () => Promise.resolve(outcome) },
    });
    expect(code).toBe(75);
    const document = JSON.parse(stdout) as object;
    expect(Object.keys(document).slice(-3)).toEqual(['review', 'client_secret', 'next_action']);
    expect(document).toMatchObject({
      id: waiting.id,
      status: 'pending',
      client_secret: 'pi_3Mtw_secret_abc',
      next_action: nextAction,
    });
  });

  it('gives a person the same, and says what it is for', async () => {
    const { stdout, stderr } = await commandLine(['charge', ...flags, '--on-session'], {
      payrecon: { charge: () => Promise.resolve(outcome) },
    });
    expect(stdout).toContain('client secret  pi_3Mtw_secret_abc\n');
    expect(stdout).toContain(
      'next action    redirect_to_url https://hooks.stripe.com/3d_secure_2/x\n',
    );
    expect(stderr).toContain(
      "The customer's page finishes it with the client secret (Stripe.js: handleNextAction).",
    );
  });

  it('gives it of no payment that does not wait for its customer', async () => {
    for (const each of [charged(succeeded), charged(pending)]) {
      const { stdout } = await commandLine(['charge', ...flags, '--json'], {
        payrecon: { charge: () => Promise.resolve(each) },
      });
      expect(JSON.parse(stdout)).not.toHaveProperty('client_secret');
    }
  });

  it('cannot be said of the lines of a file', async () => {
    const { code, stderr, opened } = await commandLine([
      'charge',
      '--file',
      'due.csv',
      '--on-session',
    ]);
    expect([code, opened]).toEqual([2, []]);
    expect(stderr).toContain(
      '--on-session: the lines of a file are charged without their customers',
    );
  });
});

describe('warnings of the settings', () => {
  const list = (): Promise<TransactionPage> =>
    Promise.resolve({ data: [], hasMore: false, nextCursor: null });
  const warnings = ['/etc/key can be read by others: \u001b[31mchmod 600 it'];

  it('are said on stderr', async () => {
    const { code, stderr } = await commandLine(['list'], { payrecon: { list, warnings } });
    expect(code).toBe(0);
    expect(stderr).toContain(String.raw`! /etc/key can be read by others: \e[31mchmod 600 it`);
  });

  it('reach a program as documents of their own, or beside the error', async () => {
    const notice = '/etc/key can be read by others: \u001b[31mchmod 600 it';
    const { stdout, stderr } = await commandLine(['list', '--json'], {
      payrecon: { list, warnings },
    });
    expect(JSON.parse(stderr)).toEqual({ notice });
    expect(stderr).not.toContain('\u001b');
    expect(JSON.parse(stdout)).toEqual({ data: [], has_more: false, next_cursor: null });
    const failing = () => Promise.reject(new PayreconError('database_unreachable', 'Away.'));
    const failed = await commandLine(['list', '--json'], { payrecon: { list: failing, warnings } });
    expect(JSON.parse(failed.stderr)).toEqual({
      error: { code: 'database_unreachable', message: 'Away.', fields: [] },
      notices: [notice],
    });
  });

  it('are said to cron, and on a terminal with --json once', async () => {
    expect(
      (await commandLine(['list'], { payrecon: { list, warnings } })).stderr.match(/chmod 600 it/g),
    ).toHaveLength(1);
    expect(
      (
        await commandLine(['list', '--json'], { columns: 80, payrecon: { list, warnings } })
      ).stderr.match(/chmod 600 it/g),
    ).toHaveLength(1);
  });
});

describe('the mode', () => {
  const charge = (): Promise<ReturnType<typeof charged>> => Promise.resolve(charged(succeeded));

  it('is said on stderr when it is live, even into a pipe', async () => {
    const { stdout, stderr } = await commandLine(['charge', ...flags, '--json', '--live'], {
      payrecon: { charge, mode: 'live', ledger: 'postgres://db/pay' },
    });
    expect(stderr).toBe('LIVE MODE: real money · postgres://db/pay\n');
    expect(JSON.parse(stdout)).toMatchObject({ status: 'succeeded' });
  });

  it('is said on a terminal', async () => {
    const { stderr } = await commandLine(['charge', ...flags], {
      columns: 80,
      payrecon: { charge },
    });
    expect(stderr).toContain('test mode · sqlite:/tmp/ledger.db');
  });

  it('is passed on as a flag, before and after the command', async () => {
    for (const typed of [
      ['--live', 'charge', ...flags],
      ['charge', ...flags, '--live'],
    ]) {
      const { opened } = await commandLine(typed, { payrecon: { charge } });
      expect(opened[0]?.flags).toEqual({ live: true });
    }
  });

  it('is joined by the one that allows a new ledger, on charge and on migrate alone', async () => {
    expect(
      (await commandLine(['charge', ...flags, '--new-ledger'], { payrecon: { charge } })).opened[0]
        ?.flags,
    ).toEqual({ 'new-ledger': true });
    const migrate = () => Promise.resolve([]);
    expect(
      (await commandLine(['migrate', '--new-ledger'], { payrecon: { migrate } })).opened[0]?.flags,
    ).toEqual({ 'new-ledger': true });
    expect(await commandLine(['reconcile', '--new-ledger'])).toMatchObject({ code: 2, opened: [] });
  });

  it('is not set by the value of another flag', async () => {
    const { opened, calls } = await commandLine(['charge', ...flags, '--description=--live'], {
      payrecon: { charge },
    });
    expect(opened[0]?.flags).toEqual({});
    expect(calls[0]?.args[0]).toMatchObject({ description: '--live' });
  });
});

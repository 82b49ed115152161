import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import type { ReconciledRow, StuckCase } from '../../src/app/service.ts';
import type { Transaction } from '../../src/domain/transaction.ts';
import { commandLine } from './support/command-line.ts';
import {
  acceptedLongAgo,
  charged,
  paidLess,
  paidOtherwise,
  pass,
  shown,
  stuck,
  succeeded,
} from './support/fixture.ts';

/* What Stripe received is what every view names, wherever a payment that succeeded is shown. */

const flags = [
  '--key',
  'order-1001',
  '--amount',
  '420.00',
  '--currency',
  'usd',
  '--payment-method',
  'pm_card_visa',
];
const list = (...data: readonly Transaction[]) => ({
  list: () => Promise.resolve({ data, hasMore: false, nextCursor: null }),
});

describe('an amount that is not the one asked for', () => {
  it.each([
    ['less', paidLess, '$240.00 (asked for $420.00)'],
    ['another currency', paidOtherwise, '€420.02 (asked for $420.00)'],
    ['accepted before it was stored', acceptedLongAgo, '€240.00 (asked for $420.00)'],
  ])('%s: is named by show, charge, list and the pass', async (_name, transaction, words) => {
    const show = await commandLine(['show', 'order-1001'], {
      payrecon: { show: () => Promise.resolve({ ...shown, transaction }) },
    });
    expect(show.stdout).toContain(`✓ succeeded  ${words}\n`);
    const charge = await commandLine(['charge', ...flags], {
      payrecon: { charge: () => Promise.resolve(charged(transaction, { repeated: true })) },
    });
    expect(charge.stdout).toContain(`✓ succeeded  ${words}\n`);
    const listed = await commandLine(['list'], { payrecon: list(transaction) });
    expect(listed.stdout).toMatch(
      new RegExp(`^✓ succeeded +${words.replaceAll(/[$().]/g, String.raw`\$&`)} +order-1001 `, 'm'),
    );
    const reconcile = (options: { onRow?: (row: ReconciledRow) => void }): Promise<typeof pass> => {
      options.onRow?.({ before: transaction, after: transaction, verdict: 'succeeded' });
      return Promise.resolve(pass);
    };
    const reconciled = await commandLine(['reconcile'], { payrecon: { reconcile } });
    expect(reconciled.stdout).toMatch(
      new RegExp(
        `^✓ succeeded +${words.split(' ')[0]?.replaceAll(/[$.]/g, String.raw`\$&`) ?? ''} +order-1001 .*asked for \\$420\\.00`,
        'm',
      ),
    );
  });

  it('is named by the answer of stuck resolve', async () => {
    const inspected: StuckCase = {
      transaction: stuck,
      seen: { kind: 'missing', requestId: null, message: '' },
      evidence: 'pi_1 is succeeded, $240.00 received',
      targets: [{ as: 'succeeded', meaning: 'accept it', needsCancelAtStripe: false }],
    };
    const { stdout } = await commandLine(
      ['stuck', 'resolve', stuck.id, '--as', 'succeeded', '--reason', 'ok', '--yes'],
      {
        payrecon: {
          inspect: () => Promise.resolve(inspected),
          resolve: () => Promise.resolve(paidLess),
        },
      },
    );
    expect(stdout).toContain('✓ succeeded  $240.00 (asked for $420.00)\n');
  });

  it('is named by the result of a line of a file', async () => {
    const file = 'key,amount,currency,payment_method\norder-1001,420.00,usd,pm_card_visa\n';
    const { stdout } = await commandLine(['charge', '--file', 'due.csv'], {
      files: { 'due.csv': file },
      payrecon: { charge: () => Promise.resolve(charged(paidLess)) },
    });
    expect(stdout).toMatch(/✓ succeeded +\$240\.00 +order-1001 +asked for \$420\.00/);
  });

  it('keeps the amounts of a list in line, and the list within its terminal', async () => {
    const larger = { ...succeeded, amount: 123_456_700, amountReceived: 123_456_700 };
    const { stdout } = await commandLine(['list'], {
      columns: 80,
      payrecon: list(paidLess, larger),
    });
    const [title = '', less = '', more = ''] = stdout.split('\n');
    expect(less).toContain('$240.00 (asked $420.00)');
    expect(less.indexOf('$240.00') + '$240.00'.length).toBe(
      more.indexOf('$1,234,567.00') + '$1,234,567.00'.length,
    );
    expect(title.indexOf('AMOUNT') + 'AMOUNT'.length).toBe(
      more.indexOf('$1,234,567.00') + '$1,234,567.00'.length,
    );
    expect(Math.max(...stdout.split('\n').map((line) => stringWidth(line)))).toBeLessThanOrEqual(
      80,
    );
  });
});

describe('an amount', () => {
  it('stands alone where it was received as it was asked for', async () => {
    const { stdout } = await commandLine(['show', 'order-1001'], {
      payrecon: { show: () => Promise.resolve(shown) },
    });
    expect(stdout).toContain('✓ succeeded  $49.99\n');
  });

  it('is said to be not known where a person alone says that it succeeded', async () => {
    const transaction: Transaction = {
      ...paidLess,
      amountReceived: null,
      currencyReceived: null,
      review: {
        ...paidLess.review!,
        evidence: { asked: 'look up', seen: 'missing', message: 'No such payment_intent' },
      },
    };
    const show = await commandLine(['show', 'order-1001'], {
      payrecon: { show: () => Promise.resolve({ ...shown, transaction }) },
    });
    expect(show.stdout).toContain(
      '✓ succeeded  $420.00 asked for (what was received is not known)\n',
    );
    const listed = await commandLine(['list'], { payrecon: list(transaction) });
    expect(listed.stdout).toContain('$420.00 asked for (what was received is not known)');
  });

  it('that Stripe received stands beside the one asked for while a person has not decided', async () => {
    const mismatch = { ...stuck, amount: 42_000, amountReceived: 24_000, currencyReceived: 'usd' };
    const { stdout } = await commandLine(['show', 'order-1001'], {
      payrecon: { show: () => Promise.resolve({ ...shown, transaction: mismatch }) },
    });
    expect(stdout).toContain('! stuck  $420.00 (Stripe received $240.00)\n');
  });
});

import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { escapeText } from '../../src/cli/render/parts/escape.ts';
import { type Column, fitColumns, shorten } from '../../src/cli/render/parts/columns.ts';
import { hints } from '../../src/cli/render/parts/next-steps.ts';
import { shellWords } from '../../src/cli/render/parts/shell.ts';
import { table } from '../../src/cli/render/parts/table.ts';
import { createTheme, PALETTE } from '../../src/cli/render/parts/theme.ts';
import {
  absoluteTime,
  fullTime,
  lengthOfTime,
  relativeTime,
} from '../../src/cli/render/parts/time.ts';
import { wrap } from '../../src/cli/render/parts/wrap.ts';
import type { StuckCase } from '../../src/app/service.ts';
import type { Transaction } from '../../src/domain/transaction.ts';
import { commandLine } from './support/command-line.ts';
import {
  authenticationNeeded,
  canceled,
  charged,
  createdAt,
  email,
  failed,
  fenced,
  keyConflict,
  paidLess,
  pass,
  pending,
  requestRefused,
  shown,
  stuck,
  succeeded,
  unknown,
} from './support/fixture.ts';

const plain = createTheme({ colourLevel: 0 });
const nasty =
  '\u001b]0;owned\u0007 \u202egnp.exe \u009b31m \r\n back\b \u2066x\u2069 \u200bz \u2028';

function widest(text: string): number {
  return Math.max(...text.split('\n').map((line) => stringWidth(line)));
}

const longKey: Transaction = {
  ...succeeded,
  id: 'txn_01JDA0B1C2D3E4F5G6H7J8K9MX',
  key: `subscription/${'x'.repeat(230)}/2026-11`,
  amount: 99_999_999,
  amountReceived: 99_999_999,
};
const wideLetters: Transaction = {
  ...pending,
  id: 'txn_01JDA0B1C2D3E4F5G6H7J8K9MY',
  key: '注文番号一二三四五六七八九十百千万',
  reference: '👩‍👩‍👧‍👦 family',
  customer: null,
};
const rows = [succeeded, pending, failed, canceled, stuck, unknown, longKey, wideLetters];
const page = { data: rows, hasMore: true, nextCursor: 'eyJhIjoxfQ' };

describe('the list', () => {
  it.each([80, 140])('fits %i columns', async (columns) => {
    const { stdout } = await commandLine(['list'], {
      columns,
      payrecon: { list: () => Promise.resolve(page) },
    });
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(rows.length + 1);
    expect(widest(stdout)).toBeLessThanOrEqual(columns);
    for (const row of rows) expect(stdout).toContain(row.id);
    expect(stdout).toContain('$999,999.99');
    expect(stdout).toContain('✓ succeeded');
  });

  it('shows times by age where it is narrow, and whole where it is wide', async () => {
    const narrow = await commandLine(['list'], {
      columns: 80,
      payrecon: { list: () => Promise.resolve(page) },
    });
    const wide = await commandLine(['list'], {
      columns: 140,
      payrecon: { list: () => Promise.resolve(page) },
    });
    expect(narrow.stdout).toContain('3 min ago');
    expect(wide.stdout).toContain('2026-11-22 06:11:05Z');
    expect(wide.stdout).toContain('REFERENCE');
    expect(narrow.stdout).not.toContain('REFERENCE');
  });

  it('shortens nothing in a pipe', async () => {
    const { stdout } = await commandLine(['list'], {
      payrecon: { list: () => Promise.resolve(page) },
    });
    expect(stdout).toContain(longKey.key);
    expect(stdout).not.toContain('\u001b');
  });

  it('names the next page on stderr, as a command that can be pasted', async () => {
    const { stdout, stderr } = await commandLine(['list', '--status', 'stuck', '--cursor', 'old'], {
      payrecon: { list: () => Promise.resolve(page) },
    });
    expect(stdout).not.toContain('--cursor');
    expect(stderr).toContain('payrecon list --status stuck --cursor eyJhIjoxfQ\n');
  });

  it('says on stderr that there is nothing', async () => {
    const { stdout, stderr, code } = await commandLine(['list'], {
      payrecon: { list: () => Promise.resolve({ data: [], hasMore: false, nextCursor: null }) },
    });
    expect([stdout, code]).toEqual(['', 0]);
    expect(stderr).toContain('No transactions.');
  });

  it('has colours on a terminal only, and not with --no-color', async () => {
    const situation = {
      columns: 80,
      colourLevel: 2 as const,
      payrecon: { list: () => Promise.resolve(page) },
    };
    const coloured = await commandLine(['list'], situation);
    expect(coloured.stdout).toContain(`\u001b[38;5;${String(PALETTE.green)}m`);
    expect(widest(coloured.stdout)).toBeLessThanOrEqual(80);
    for (const typed of [
      ['list', '--no-color'],
      ['--no-color', 'list'],
    ]) {
      const without = await commandLine(typed, situation);
      expect(without.stdout + without.stderr).not.toContain('\u001b');
    }
  });
});

describe('show', () => {
  it.each([80, 140])('fits %i columns', async (columns) => {
    const why = `${shown.why} ${'It goes on for a while, as such sentences do. '.repeat(4)}`.trim();
    const transaction = {
      ...stuck,
      description: 'long '.repeat(60).trim(),
      metadata: { a: '1', b: 'words and words '.repeat(20).trim() },
    };
    const { stdout } = await commandLine(['show', 'order-1001'], {
      columns,
      payrecon: { show: () => Promise.resolve({ ...shown, transaction, why }) },
    });
    expect(widest(stdout)).toBeLessThanOrEqual(columns);
    for (const part of ['Why', 'Audit trail', 'E-mails', 'a=1', stuck.id, 'customer_succeeded'])
      expect(stdout).toContain(part);
  });

  it('says who did what, and what was seen', async () => {
    const { stdout } = await commandLine(['show', 'order-1001'], {
      columns: 140,
      payrecon: { show: () => Promise.resolve(shown) },
    });
    expect(stdout).toMatch(
      /1\s+2026-11-22 06:11:05Z\s+opened\s+pending\s+ada@till-1\s+asked=create/,
    );
    expect(stdout).toMatch(
      /2\s+2026-11-22 06:11:06Z\s+settled\s+succeeded\s+ada@till-1\s+asked=confirm seen=succeeded amount=4999\s+req_8dxKLKxZGVpQhB/,
    );
    expect(stdout).toContain('2026-11-22 06:11:05Z (3 min ago)');
  });
});

describe('whose fault it was', () => {
  const page = (...data: readonly Transaction[]) => ({
    list: () => Promise.resolve({ data, hasMore: false, nextCursor: null }),
  });

  it.each<[string, Transaction, string]>([
    ['a refused request', requestRefused, 'request refused: resource_missing'],
    ['authentication', authenticationNeeded, 'authentication needed: authentication_required'],
    ['a decline', failed, 'insufficient_funds'],
    ['a fence', fenced, 'not confirmed'],
    ['what was never sent', { ...unknown, step: 'recorded' }, 'never sent'],
    ['what is overdue', { ...pending, expectedBy: createdAt }, 'overdue'],
  ])('is in the note of the list: %s', async (_name, transaction, note) => {
    const { stdout } = await commandLine(['list'], { columns: 200, payrecon: page(transaction) });
    expect(stdout.split('\n')[1]).toMatch(new RegExp(`  ${note}$`));
  });

  it.each<[string, Transaction, string]>([
    [
      'a refused request',
      requestRefused,
      "failure     Stripe refused the request: No such PaymentMethod: 'pm_card_visa' (resource_missing)",
    ],
    ['a fence', fenced, 'canceled    by payrecon, because it was not confirmed'],
    ['a person', canceled, 'canceled    by a person'],
    ['Stripe', { ...canceled, canceledBy: 'stripe' }, 'canceled    by Stripe'],
    ['a second attempt', { ...fenced, attempt: 2, intents: 1 }, 'attempt     2'],
    ['a charge without the customer', succeeded, 'session     without the customer (off-session)'],
    [
      'a charge with the customer',
      { ...succeeded, session: 'on_session', onSession: true },
      'session     with the customer (on-session)',
    ],
    ['what was received', paidLess, 'received    $240.00'],
    [
      'what is overdue',
      { ...pending, expectedBy: createdAt },
      'expected    2026-11-22 06:11:05Z (3 min ago), overdue',
    ],
  ])('is told by show: %s', async (_name, transaction, line) => {
    const { stdout } = await commandLine(['show', 'order-1001'], {
      payrecon: { show: () => Promise.resolve({ ...shown, transaction }) },
    });
    expect(stdout).toContain(`  ${line}\n`);
  });

  it('names the other intents of a key that was used elsewhere, in show and before a decision', async () => {
    const show = await commandLine(['show', 'order-1001'], {
      payrecon: { show: () => Promise.resolve({ ...shown, transaction: keyConflict }) },
    });
    const inspect = (): Promise<StuckCase> =>
      Promise.resolve({
        transaction: keyConflict,
        seen: { kind: 'missing', requestId: null, message: '' },
        evidence: 'nothing new',
        targets: [],
      });
    const resolve = await commandLine(
      ['stuck', 'resolve', keyConflict.id, '--as', 'retry', '--reason', 'r', '--yes'],
      { payrecon: { inspect } },
    );
    for (const text of [show.stdout, resolve.stderr]) {
      expect(text).toContain('under key   pi_3OtherOtherOtherOther is succeeded, €55.00\n');
      expect(text).toContain('looks like  pi_3LikeLikeLikeLikeLike is canceled, $49.99\n');
    }
    expect(show.stdout).not.toContain('other_intents=');
  });
});

describe('what came from outside', () => {
  const hostile: Transaction = {
    ...failed,
    key: `k${nasty}`,
    description: nasty,
    customer: null,
    metadata: { [`m${nasty}`]: nasty },
    failureMessage: nasty,
    review: { ...stuck.review!, message: nasty, evidence: { seen: nasty } },
  };

  it.each([
    [
      'charge',
      [
        'charge',
        '--key',
        'k',
        '--amount',
        '1.00',
        '--currency',
        'usd',
        '--payment-method',
        'pm_card_visa',
      ],
      { charge: () => Promise.resolve(charged(hostile, { note: nasty })) },
    ],
    [
      'list',
      ['list'],
      { list: () => Promise.resolve({ data: [hostile], hasMore: false, nextCursor: null }) },
    ],
    [
      'show',
      ['show', 'k'],
      {
        show: () =>
          Promise.resolve({
            ...shown,
            transaction: hostile,
            why: nasty,
            audit: [{ ...shown.audit[0]!, detail: { message: nasty } }],
            notifications: [{ ...email, lastError: nasty }],
          }),
      },
    ],
    [
      'notifications list',
      ['notifications', 'list'],
      { notifications: () => Promise.resolve([{ ...email, to: nasty, lastError: nasty }]) },
    ],
    [
      'doctor',
      ['doctor'],
      {
        doctor: () =>
          Promise.resolve([
            { name: 'stripe', state: 'ok' as const, message: nasty, failure: null },
          ]),
      },
    ],
  ])('is shown escaped by %s', async (_name, typed, payrecon) => {
    const { stdout, stderr } = await commandLine(typed, {
      payrecon: { ...payrecon, mode: 'live', ledger: `postgres://${nasty}` },
    });
    expect(stdout + stderr).not.toMatch(
      /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u2028\u202e\u2066\u2069]/,
    );
    expect(stdout).toContain(String.raw`\e]0;owned\x07 \u202egnp.exe`);
  });

  it('is shown escaped by reconcile', async () => {
    const reconcile = (options: {
      onRow?: (row: { before: Transaction; after: Transaction; verdict: string }) => void;
    }): Promise<typeof pass> => {
      options.onRow?.({ before: hostile, after: hostile, verdict: nasty });
      return Promise.resolve(pass);
    };
    const { stdout } = await commandLine(['reconcile'], { columns: 140, payrecon: { reconcile } });
    expect(stdout).toContain(String.raw`\e]0;owned`);
    expect(stdout).not.toContain('\u001b');
  });

  it('is escaped so that it can be read', () => {
    expect(escapeText('a\u001b[31m\tb\u0000\u0085\u202e\u{e0041}')).toBe(
      String.raw`a\e[31m\tb\x00\x85\u202e\u{e0041}`,
    );
    expect(escapeText('lone \ud800 half')).toBe(String.raw`lone \ud800 half`);
    expect(escapeText('Zoë 李 👩‍👩‍👧 ok')).toBe('Zoë 李 👩‍👩‍👧 ok');
  });
});

describe('the pass', () => {
  it.each([80, 140])('prints its rows as they come within %i columns', async (columns) => {
    const verdict =
      'canceled at Stripe, then recorded, and here is a long explanation of it that has no room at all in any terminal of this width';
    const { stdout, stderr, code } = await commandLine(['reconcile'], {
      columns,
      payrecon: {
        reconcile: ({ onRow }) => {
          for (const after of rows) onRow?.({ before: pending, after, verdict });
          return Promise.resolve({
            ...pass,
            stuckTotal: 1,
            overdueTotal: 2,
            report: { ...pass.report, outage: true },
          });
        },
      },
    });
    expect(widest(stdout)).toBeLessThanOrEqual(columns);
    expect(widest(stderr)).toBeLessThanOrEqual(columns);
    expect(stdout).toContain('3: 2 succeeded, 1 failed, 0 canceled');
    expect(stderr).toContain('1 stuck, 2 overdue');
    expect(stderr).toContain('payrecon stuck list');
    expect(stdout).not.toContain('stuck list');
    expect(code).toBe(5);
  });

  it('says what was never sent, and who goes on with it', async () => {
    const report = { ...pass.report, notSent: 2 };
    const { stdout } = await commandLine(['reconcile'], {
      payrecon: { reconcile: () => Promise.resolve({ ...pass, report }) },
    });
    expect(stdout).toContain('  not sent    2, left to whoever charges again with their keys\n');
    const none = await commandLine(['reconcile'], {
      payrecon: { reconcile: () => Promise.resolve(pass) },
    });
    expect(none.stdout).not.toContain('not sent');
  });

  it('says what is too young or waits, and from when the first of them is asked about', async () => {
    const from = createdAt + 300_000;
    const waiting = { tooYoung: 3, tooYoungUntil: from, later: 1, laterFrom: from + 60_000 };
    const { stdout } = await commandLine(['reconcile'], {
      payrecon: { reconcile: () => Promise.resolve({ ...pass, waiting }) },
    });
    expect(stdout).toMatch(/^ {2}too young {3}3, the first asked about from 2026-11-22 06:16:05/m);
    expect(stdout).toMatch(/^ {2}later {7}1, asked about from 2026-11-22 06:17:05/m);
  });

  it('over what was named says which another process holds, with the command for later', async () => {
    const named = { held: [pending], needPerson: 0, pending: 0 };
    const { code, stdout, stderr, calls } = await commandLine(
      ['reconcile', pending.id, 'order-2'],
      {
        payrecon: { reconcile: () => Promise.resolve({ ...pass, passId: null, named }) },
      },
    );
    expect(calls[0]?.args[0]).toMatchObject({ only: [pending.id, 'order-2'], limit: null });
    expect(stdout).toMatch(/^Asked Stripe about what was named\n {2}named /m);
    expect(stderr).toContain('is being worked on by another process, so it was not asked about');
    expect(stderr).toContain(`payrecon reconcile ${pending.id}`);
    expect(code).toBe(75);
  });

  it.each([
    ['key_forbidden', 'This key may not make one kind of call (403)'],
    ['error', 'The pass stopped early because of an error'],
  ])('says why it stopped early: %s', async (stoppedBy, words) => {
    const report = { ...pass.report, stoppedBy };
    const { stderr } = await commandLine(['reconcile'], {
      payrecon: { reconcile: () => Promise.resolve({ ...pass, report }) },
    });
    expect(stderr).toContain(words);
  });
});

describe('fitting', () => {
  it('leaves out the least important column first, then shortens', () => {
    const columns: readonly Column[] = [
      { title: 'A', least: 4, rank: 3 },
      { title: 'B', least: 4, rank: 1 },
      { title: 'C', least: 4, rank: 2 },
    ];
    expect(fitColumns(columns, [10, 10, 10], 40, 2)).toEqual([
      { index: 0, width: 10 },
      { index: 1, width: 10 },
      { index: 2, width: 10 },
    ]);
    expect(fitColumns(columns, [10, 5, 10], 21, 2)).toEqual([
      { index: 0, width: 6 },
      { index: 1, width: 5 },
      { index: 2, width: 6 },
    ]);
    expect(fitColumns(columns, [10, 10, 10], 15, 2)).toEqual([
      { index: 0, width: 7 },
      { index: 2, width: 6 },
    ]);
    expect(fitColumns([{ title: 'A', least: 'whole', rank: 1 }], [10], 4, 2)).toEqual([
      { index: 0, width: 10 },
    ]);
    expect(fitColumns(columns, [10, 0, 10], 40, 2)).toEqual([
      { index: 0, width: 10 },
      { index: 2, width: 10 },
    ]);
    expect(fitColumns(columns, [10, 10, 10], Number.POSITIVE_INFINITY, 2)).toHaveLength(3);
  });

  it('shortens at the end or in the middle, never through a letter', () => {
    expect(shorten('order-1001', 10)).toBe('order-1001');
    expect(shorten('order-1001-again', 10)).toBe('order-100…');
    expect(shorten('order-1001-again', 10, 'middle')).toBe('order…gain');
    expect(stringWidth(shorten('注文番号一二三', 8, 'middle'))).toBeLessThanOrEqual(8);
    expect(shorten('👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦', 3)).toBe('👩‍👩‍👧‍👦…');
    expect(shorten('abc', 0)).toBe('');
  });

  it('wraps between words and keeps ids whole', () => {
    expect(wrap('one two three four', 9, 2)).toBe('one two\n  three\n  four');
    expect(wrap(`see ${succeeded.id} there`, 12)).toBe(`see\n${succeeded.id}\nthere`);
    expect(wrap('one two', Number.POSITIVE_INFINITY)).toBe('one two');
  });

  it('keeps the columns of a table in line', () => {
    const text = table(
      [
        { title: 'A', least: 1, rank: 2 },
        { title: 'B', least: 1, rank: 1, align: 'right' },
      ],
      [
        [{ text: 'x' }, { text: '1' }],
        [{ text: 'long' }, { text: '200' }],
      ],
      80,
      plain,
    );
    expect(text).toBe('A       B\nx       1\nlong  200\n');
  });
});

describe('words', () => {
  it('times', () => {
    expect(relativeTime(createdAt, createdAt + 999)).toBe('now');
    expect(relativeTime(createdAt, createdAt + 59_000)).toBe('59 s ago');
    expect(relativeTime(createdAt + 7_200_000, createdAt)).toBe('in 2 h');
    expect(fullTime(createdAt, createdAt + 3 * 86_400_000, {})).toBe(
      '2026-11-22 06:11:05Z (3 d ago)',
    );
    const summerMs = Date.UTC(2026, 6, 1, 22, 30);
    expect(
      ['UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/New_York', 'Europe/London'].flatMap(
        (timeZone) => [createdAt, summerMs].map((at) => absoluteTime(at, { timeZone })),
      ),
    ).toEqual([
      '2026-11-22 06:11:05Z',
      '2026-07-01 22:30:00Z',
      '2026-11-22 07:11:05 +01:00',
      '2026-07-02 00:30:00 +02:00',
      '2026-11-22 11:41:05 +05:30',
      '2026-07-02 04:00:00 +05:30',
      '2026-11-22 01:11:05 -05:00',
      '2026-07-01 18:30:00 -04:00',
      '2026-11-22 06:11:05 +00:00',
      '2026-07-01 23:30:00 +01:00',
    ]);
    expect([lengthOfTime(12.4), lengthOfTime(1_234), lengthOfTime(125_000)]).toEqual([
      '12 ms',
      '1.2 s',
      '2 min 5 s',
    ]);
  });

  it('commands that can be pasted', () => {
    expect(shellWords(['payrecon', 'show', 'order 1'])).toEqual(['payrecon', 'show', "'order 1'"]);
    expect(shellWords(['', "it's", '$HOME', 'a=b'])).toEqual([
      "''",
      String.raw`'it'\''s'`,
      "'$HOME'",
      'a=b',
    ]);
  });

  it('long commands are broken as a shell takes them', () => {
    const command = [
      'payrecon',
      'charge',
      '--key',
      'order-1001',
      '--amount',
      '49.99',
      '--description',
      'two books',
    ];
    const text = hints([{ text: 'Again:', command }], {
      isTerminal: true,
      columns: 40,
      colourLevel: 0,
      write: () => undefined,
    });
    const whole = [
      '→ Again:',
      '    payrecon charge --key order-1001 \\',
      '      --amount 49.99 --description \\',
      "      'two books'",
      '',
    ];
    expect(text.split('\n')).toEqual(whole);
  });
});

describe('colours', () => {
  /** The 256-colour table: a cube of 6 x 6 x 6, then greys. */
  function rgb(index: number): readonly number[] {
    if (index >= 232) return Array.from({ length: 3 }, () => 8 + (index - 232) * 10);
    const level = (step: number): number => (step === 0 ? 0 : 55 + step * 40);
    return [36, 6, 1].map((place) => level(Math.floor((index - 16) / place) % 6));
  }

  /** WCAG's relative luminance. */
  function luminance(index: number): number {
    const [red = 0, green = 0, blue = 0] = rgb(index).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  it.each(Object.entries(PALETTE))('%s is readable on black and on white', (_name, index) => {
    const own = luminance(index) + 0.05;
    expect(1.05 / own).toBeGreaterThanOrEqual(3.8);
    expect(own / 0.05).toBeGreaterThanOrEqual(3.8);
  });

  it('every status has a sign of its own', () => {
    const signs = (['pending', 'succeeded', 'failed', 'canceled', 'stuck'] as const).map(
      plain.sign,
    );
    expect(new Set(signs).size).toBe(5);
  });
});

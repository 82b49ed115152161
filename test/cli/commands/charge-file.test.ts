import { describe, expect, it } from 'vitest';
import type { ChargeRequest } from '../../../src/domain/transaction.ts';
import { PayreconError } from '../../../src/domain/errors.ts';
import { progressText } from '../../../src/cli/render/parts/progress.ts';
import { commandLine, type Situation } from '../support/command-line.ts';
import {
  canceled,
  charged,
  failed,
  paidLess,
  pending,
  requestRefused,
  stuck,
  succeeded,
} from '../support/fixture.ts';

const HEADER = 'key,amount,currency,payment_method';
const line = (key: string, amount = '49.99'): string => `${key},${amount},usd,pm_card_visa`;

interface Shown {
  readonly line: number;
  readonly key: string | null;
  readonly result: string;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly fields: readonly string[];
  } | null;
}

/** Charges what is in the file; each row ends as its key says. */
async function chargeAll(
  content: string | Uint8Array,
  {
    name = 'due.csv',
    flags = ['--json'],
    ...situation
  }: Situation & { readonly name?: string; readonly flags?: readonly string[] } = {},
) {
  const requests: ChargeRequest[] = [];
  const charge = (request: ChargeRequest) => {
    requests.push(request);
    const as =
      [failed, canceled, pending, stuck].find(({ status }) => request.key.startsWith(status)) ??
      succeeded;
    if (request.key.startsWith('not allowed'))
      return Promise.resolve(charged({ ...requestRefused, key: request.key }));
    if (request.key.startsWith('refused'))
      return Promise.reject(
        new PayreconError('reference_taken', 'Taken.', { transaction: succeeded }),
      );
    if (request.key.startsWith('unreachable'))
      return Promise.reject(new PayreconError('database_unreachable', 'Away.'));
    return Promise.resolve(charged({ ...as, key: request.key }));
  };
  const { code, stdout, stderr, calls } = await commandLine(
    ['charge', '--file', name, '--concurrency', '1', ...flags],
    { files: { [name]: content }, payrecon: situation.payrecon ?? { charge }, ...situation },
  );
  const lines = flags.includes('--json')
    ? stdout
        .split('\n')
        .filter((text) => text !== '')
        .map((text) => JSON.parse(text) as Shown)
    : [];
  return { code, stdout, stderr, calls, lines, requests };
}

const endings = (lines: readonly Shown[]) =>
  lines.map((each) => [each.line, each.key, each.result]);

describe('a file of CSV', () => {
  it.each([
    ['\n', ''],
    ['\r\n', ''],
    ['\n', '\ufeff'],
    ['\r\n', '\ufeff'],
  ])('is read with line ends %j after %j', async (end, mark) => {
    const text = [HEADER, line('a'), '', line('b', '1.00'), ',,,', line('é')].join(end);
    const { code, lines, stderr } = await chargeAll(`${mark}${text}`);
    expect(endings(lines)).toEqual([
      [2, 'a', 'succeeded'],
      [4, 'b', 'succeeded'],
      [6, 'é', 'succeeded'],
    ]);
    expect(JSON.parse(stderr)).toMatchObject({
      summary: { lines: 3, succeeded: 3, interrupted: false },
    });
    expect(code).toBe(0);
  });

  it('passes on every column, in any order; an empty cell is not given', async () => {
    const { requests } = await chargeAll(
      'metadata.cart,description,email,reference,customer,payment_method,currency,amount_minor,amount,key\n"1,""2""",Two books,ada@example.com,r-1,cus_1,pm_card_visa,JPY,500,,a\n,,,,,pm_card_visa,usd,,5.00,b\n',
    );
    expect(requests).toEqual([
      {
        key: 'a',
        amount: 500,
        currency: 'jpy',
        paymentMethod: 'pm_card_visa',
        methodTypes: ['card'],
        customer: 'cus_1',
        reference: 'r-1',
        email: 'ada@example.com',
        description: 'Two books',
        metadata: { cart: '1,"2"' },
        onSession: false,
      },
      {
        key: 'b',
        amount: 500,
        currency: 'usd',
        paymentMethod: 'pm_card_visa',
        methodTypes: ['card'],
        customer: null,
        reference: null,
        email: null,
        description: null,
        metadata: {},
        onSession: false,
      },
    ]);
  });

  it('lets a line fail alone, with its number and every field that is wrong', async () => {
    const text = [
      HEADER,
      line('a'),
      'b,4999,usd,card',
      '"c"x,1.00,usd,pm_card_visa',
      'd,1.00,usd',
      '"e\nf",1.00,usd,pm_card_visa',
      ',1.00,usd,pm_card_visa',
      'g"h,1.00,usd,pm_card_visa',
      line('z'),
    ].join('\n');
    const { code, lines } = await chargeAll(text);
    expect(endings(lines)).toEqual([
      [2, 'a', 'succeeded'],
      [3, 'b', 'invalid'],
      [4, null, 'invalid'],
      [5, 'd', 'invalid'],
      [6, 'e\nf', 'invalid'],
      [8, null, 'invalid'],
      [9, null, 'invalid'],
      [10, 'z', 'succeeded'],
    ]);
    expect(lines.map(({ error }) => error?.fields ?? [])).toEqual([
      [],
      ['amount', 'payment_method'],
      ['line'],
      ['columns'],
      ['key'],
      ['key'],
      ['line'],
      [],
    ]);
    expect(code).toBe(2);
  });

  it('stops where a quotation mark is never closed, and says which line opened it', async () => {
    const { code, lines, stderr } = await chargeAll(
      [HEADER, line('a'), `"${line('b')}`, line('c')].join('\n'),
    );
    expect(endings(lines)).toEqual([[2, 'a', 'succeeded']]);
    expect(stderr).toContain('From line 3 on the file cannot be read');
    expect(code).toBe(2);
  });

  it('is not read into memory when it is one endless line', async () => {
    const { code, stderr } = await chargeAll(`${HEADER}\n${'x'.repeat(300_000)}`, { payrecon: {} });
    expect(stderr).toContain('longer than 256 KiB');
    expect(code).toBe(2);
  });

  it.each([
    ['', 'The file is empty'],
    ['key,amount,currency\na,1.00,usd\n', 'payment_method: this column is missing'],
    ['key,currency,payment_method\n', 'give amount or amount_minor'],
    [`${HEADER},curency\n`, 'did you mean currency?'],
    [`${HEADER},key\n`, 'is there twice'],
    [`${HEADER},metadata.\n`, 'column 5'],
    [`key|amount|currency|payment_method\na|1.00|usd|pm_card_visa\n`, 'this column is missing'],
  ])('%j is refused as a whole, and nothing is sent', async (content, message) => {
    const { code, stdout, stderr } = await chargeAll(content, { payrecon: {} });
    expect(stderr).toContain(message);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('with no lines is done at once', async () => {
    const { code, stderr } = await chargeAll(HEADER, { payrecon: {} });
    expect(JSON.parse(stderr)).toMatchObject({ summary: { lines: 0 } });
    expect(code).toBe(0);
  });
});

describe('a file of JSON lines', () => {
  const object = (more: object): string =>
    JSON.stringify({
      key: 'a',
      amount: '49.99',
      currency: 'usd',
      payment_method: 'pm_card_visa',
      ...more,
    });

  it('is read with its metadata, as an object or as fields', async () => {
    const text = [
      object({ metadata: { cart: '1' }, 'metadata.note': 'gift', email: null }),
      '',
      object({ key: 'b', amount: null, amount_minor: 500 }),
    ].join('\r\n');
    const { code, lines, requests } = await chargeAll(`\ufeff${text}\n`, { name: 'due.jsonl' });
    expect(endings(lines)).toEqual([
      [1, 'a', 'succeeded'],
      [3, 'b', 'succeeded'],
    ]);
    expect(requests.map(({ amount, metadata, email }) => [amount, metadata, email])).toEqual([
      [4999, { cart: '1', note: 'gift' }, null],
      [500, {}, null],
    ]);
    expect(code).toBe(0);
  });

  it('lets a line fail alone', async () => {
    const wrong = [
      '{',
      '[]',
      object({ amount: 49.99 }),
      object({ amount: null, amount_minor: 1.5 }),
      object({ metadata: { a: 1 } }),
      object({ curency: 'usd' }),
      object({ metadata: 'x' }),
      object({ metadata: { a: '1' }, 'metadata.a': '2' }),
    ];
    const { code, lines } = await chargeAll([...wrong, object({})].join('\n'), {
      name: 'due.jsonl',
    });
    expect(lines.map(({ result }) => result)).toEqual([...wrong.map(() => 'invalid'), 'succeeded']);
    expect(lines.map(({ error }) => error?.fields)).toEqual([
      ['line'],
      ['line'],
      ['amount'],
      ['amount_minor'],
      ['metadata.a'],
      ['"curency"'],
      ['metadata'],
      ['metadata.a'],
      undefined,
    ]);
    expect(code).toBe(2);
  });

  it('passes over a line that is too long', async () => {
    const { lines } = await chargeAll(
      [object({ description: 'x'.repeat(300_000) }), object({})].join('\n'),
      { name: 'due.jsonl' },
    );
    expect(endings(lines)).toEqual([
      [1, null, 'invalid'],
      [2, 'a', 'succeeded'],
    ]);
  });

  it('comes from standard input, as CSV does', async () => {
    expect(endings((await chargeAll(`\n ${object({})}`, { name: '-' })).lines)).toEqual([
      [2, 'a', 'succeeded'],
    ]);
    expect(endings((await chargeAll(`${HEADER}\n${line('a')}`, { name: '-' })).lines)).toEqual([
      [2, 'a', 'succeeded'],
    ]);
  });
});

describe('how a file ends', () => {
  it.each([
    [['ok'], 0],
    [['ok', 'failed'], 3],
    [['canceled'], 3],
    [['failed', 'bad'], 2],
    [['failed', 'bad', 'refused'], 4],
    [['refused', 'stuck'], 5],
    [['stuck', 'refused', 'bad', 'failed', 'pending', 'ok'], 75],
    [['failed', 'not allowed'], 2],
    [['refused', 'not allowed'], 4],
    [['pending', 'not allowed'], 75],
    [['unreachable'], 69],
    [['ok', 'unreachable'], 75],
  ])('%j: exit %d', async (keys, exit) => {
    const { code, lines } = await chargeAll(
      [HEADER, ...keys.map((key) => line(key, key === 'bad' ? '1' : '1.00'))].join('\n'),
    );
    expect(lines).toHaveLength(keys.length);
    expect(code).toBe(exit);
  });

  it('with requests that Stripe refused: whose fault that is, and that the same command goes on', async () => {
    const text = [
      HEADER,
      line('a'),
      line('failed'),
      line('not allowed'),
      line('not allowed either'),
    ].join('\n');
    const { stdout, stderr } = await chargeAll(text, { flags: [], columns: 200 });
    expect(stdout).toMatch(
      /✗ failed +\$49\.99 {2}not allowed +Stripe refused the request: No such PaymentMethod/,
    );
    expect(stdout).toMatch(/\n {2}failed +3, of which 2 are requests that Stripe refused\n/);
    expect(stderr).toContain(
      'Stripe refused 2 requests: no bank was asked, nothing was charged, and their keys are not used up. Correct them and run the same command again:\n    payrecon charge --file due.csv',
    );
    const json = await chargeAll(text);
    expect(json.lines.map(({ result }) => result)).toEqual([
      'succeeded',
      'failed',
      'failed',
      'failed',
    ]);
    expect(JSON.parse(json.stderr)).toMatchObject({ summary: { failed: 3, requests_refused: 2 } });
  });

  it('with what is not known: that the same command goes on, and asks', async () => {
    const { stderr } = await chargeAll([HEADER, line('pending')].join('\n'), { flags: [] });
    expect(stderr).toContain(
      '1 pending. Run the same command again: what was not sent goes on, and Stripe is asked about the rest; no line is charged twice:',
    );
  });

  it('with the amount that was received', async () => {
    const { lines } = await chargeAll([HEADER, line('a')].join('\n'), {
      payrecon: { charge: () => Promise.resolve(charged(paidLess)) },
    });
    expect(lines[0]).toMatchObject({ transaction: { amount: 42_000, amount_received: 24_000 } });
  });

  it('by a signal: exit 143, and how to go on', async () => {
    const { code, stderr } = await chargeAll([HEADER, line('a')].join('\n'), {
      flags: [],
      payrecon: {},
      stoppedBy: 'SIGTERM',
    });
    expect(stderr).toContain('payrecon charge --file due.csv');
    expect(code).toBe(143);
  });
});

describe('the flags of a file', () => {
  it.each([
    [
      ['--file', 'due.csv', '--key', 'a', '--amount', '1.00'],
      ['--key', '--amount'],
    ],
    [['--file', 'due.xlsx'], ['--file']],
    [['--file', 'due.csv', '--concurrency', '0'], ['--concurrency']],
    [
      ['--file', 'due.csv', '--concurrency', '201', '--wait', '5'],
      ['--wait', '--concurrency'],
    ],
    [
      [
        '--key',
        'a',
        '--amount',
        '1.00',
        '--currency',
        'usd',
        '--payment-method',
        'pm_1',
        '--concurrency',
        '2',
      ],
      ['--concurrency'],
    ],
  ])('%j is refused', async (typed, fields) => {
    const { code, stderr } = await commandLine(['charge', ...typed, '--json']);
    expect(JSON.parse(stderr)).toMatchObject({
      error: { fields: fields.map((field) => field.slice(2).replaceAll('-', '_')) },
    });
    expect(code).toBe(2);
  });

  it('a file that is not there is named, and nothing is opened', async () => {
    const { code, stderr, opened } = await commandLine(['charge', '--file', 'no.csv'], {
      files: {},
    });
    expect(stderr).toContain('"no.csv" cannot be read');
    expect([code, opened]).toEqual([2, []]);
  });

  it('go with every charge', async () => {
    const { calls } = await chargeAll(`${HEADER}\n${line('a')}`, {
      flags: ['--wait', '1s', '--allow-duplicate', '--method-type', 'us_bank_account'],
      payrecon: { charge: () => Promise.resolve(charged(succeeded)) },
    });
    expect(calls[0]?.args).toMatchObject([
      { methodTypes: ['us_bank_account'] },
      { waitMs: 1_000, waitForOutcome: true, allowDuplicate: true },
    ]);
  });
});

describe('a file at a terminal', () => {
  it('has a line a row and a summary', async () => {
    const { stdout } = await chargeAll(
      [HEADER, line('ok'), line('bad', '5'), line('failed')].join('\n'),
      { flags: [], columns: 100 },
    );
    expect(stdout).toMatch(/^ {6}2 {2}✓ succeeded +\$49\.99 {2}ok$/m);
    expect(stdout).toMatch(/^ {6}3 {2}✗ invalid +bad +amount: /m);
    expect(stdout).toMatch(/^ {6}4 {2}✗ failed +\$49\.99 {2}failed +Your card has insufficient/m);
    expect(stdout).toMatch(
      /3 lines\n {2}succeeded +1\n {2}failed +1\n {2}pending +0\n {2}invalid +1\n/,
    );
  });

  it('shows how far it is, how fast, and how long still', () => {
    expect(
      progressText(
        { atMs: 30_000, rows: 600, bytes: 5_000 },
        { atMs: 10_000, rows: 100, bytes: 1_000 },
        25_000,
      ),
    ).toBe('600 lines · 25.0/s · 20 % · 1 min 40 s left');
    expect(
      progressText(
        { atMs: 30_000, rows: 600, bytes: 5_000 },
        { atMs: 10_000, rows: 100, bytes: 1_000 },
        null,
      ),
    ).toBe('600 lines · 25.0/s');
  });

  it('has no progress elsewhere', async () => {
    const slow = async () => {
      await new Promise((resolve) => setTimeout(resolve, 250));
      return charged(succeeded);
    };
    const text = [HEADER, line('a'), line('b')].join('\n');
    expect(
      (await chargeAll(text, { flags: [], payrecon: { charge: slow }, columns: 80 })).stderr,
    ).toContain('/s · 100 %');
    expect((await chargeAll(text, { flags: [], payrecon: { charge: slow } })).stderr).toBe('');
  });
});

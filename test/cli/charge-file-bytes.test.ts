import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { csvRows } from '../../src/cli/commands/charge-file/csv.ts';
import { jsonRows } from '../../src/cli/commands/charge-file/json-lines.ts';
import { readText } from '../../src/cli/commands/charge-file/text.ts';
import type { ChargeRequest } from '../../src/domain/transaction.ts';
import { commandLine } from './support/command-line.ts';
import { charged, succeeded } from './support/fixture.ts';

const HEADER = 'key,amount,currency,payment_method';
const line = (key: string): string => `${key},1.00,usd,pm_1`;
const object = (key: string): string =>
  JSON.stringify({ key, amount: '1.00', currency: 'usd', payment_method: 'pm_1' });

interface Shown {
  readonly line: number;
  readonly key: string | null;
  readonly result: string;
  readonly error: { readonly message: string; readonly fields: readonly string[] } | null;
}

/** Each line that can be charged is; `nothing` where none may get so far. */
async function chargeAll(
  content: string | Uint8Array,
  name = 'due.csv',
  reached: 'lines' | 'nothing' = 'lines',
) {
  const requests: ChargeRequest[] = [];
  const charge = (request: ChargeRequest) => {
    requests.push(request);
    return Promise.resolve(charged({ ...succeeded, key: request.key }));
  };
  const typed = ['charge', '--file', name, '--concurrency', '1', '--json'];
  const { code, stdout, stderr } = await commandLine(typed, {
    files: { [name]: content },
    payrecon: reached === 'lines' ? { charge } : {},
  });
  const lines = stdout
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text) as Shown);
  return {
    code,
    stderr,
    lines,
    keys: requests.map(({ key }) => key),
    ends: lines.map((each) => [each.line, each.result]),
  };
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();

describe('a file of a spreadsheet', () => {
  const cells = (separator: string, ...texts: readonly string[]): string => texts.join(separator);

  it.each([
    ['semicolons', ';'],
    ['tabs', '\t'],
    ['commas', ','],
  ])('may have %s between its cells, and its columns in any case', async (_, separator) => {
    // No text of a charge may hold a tab.
    const inCell = separator === '\t' ? ',' : separator;
    const rows = [
      cells(separator, 'KEY', ' Amount', '"Currency"', 'Payment_Method', 'Metadata.OrderId'),
      cells(separator, 'a', '1.00', 'usd', 'pm_1', 'X-1'),
      cells(separator, 'b', '2.50', 'usd', 'pm_1', `"x${inCell}y"`),
    ];
    const requests: ChargeRequest[] = [];
    const { code, stderr } = await commandLine(['charge', '--file', 'due.csv', '--json'], {
      files: { 'due.csv': rows.join('\r\n') },
      payrecon: {
        charge: (request) => {
          requests.push(request);
          return Promise.resolve(charged({ ...succeeded, key: request.key }));
        },
      },
    });
    expect(stderr).not.toContain('error');
    expect(code).toBe(0);
    expect(
      requests
        .map(({ key, amount, metadata }) => [key, amount, metadata['OrderId']])
        .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    ).toEqual([
      ['a', 100, 'X-1'],
      ['b', 250, `x${inCell}y`],
    ]);
  });

  it('in which a comma is a decimal mark is refused line by line, not multiplied', async () => {
    const text = 'key;amount;currency;payment_method\na;1,00;usd;pm_1\nb;2.00;usd;pm_1\n';
    expect((await chargeAll(text)).ends).toEqual([
      [2, 'invalid'],
      [3, 'succeeded'],
    ]);
  });

  it('of a column twice, but for capital letters, is refused whole', async () => {
    const { code, stderr } = await chargeAll(`Key,${HEADER}\na,${line('a')}`, 'due.csv', 'nothing');
    expect(code).toBe(2);
    expect(stderr).toContain('is there twice');
  });

  it('names the types of the payment methods of its lines, over those of the flag', async () => {
    const types = async (content: string, name: string): Promise<readonly string[][]> => {
      const seen: string[][] = [];
      await commandLine(
        ['charge', '--file', name, '--method-type', 'link', '--concurrency', '1', '--json'],
        {
          files: { [name]: content },
          payrecon: {
            charge: (request) => {
              seen.push([...request.methodTypes]);
              return Promise.resolve(charged({ ...succeeded, key: request.key }));
            },
          },
        },
      );
      return seen;
    };
    const rows = [
      `${HEADER},method_type`,
      `${line('a')},us_bank_account`,
      `${line('b')},card|link`,
    ];
    expect(await types([...rows, `${line('c')},`].join('\n'), 'due.csv')).toEqual([
      ['us_bank_account'],
      ['card', 'link'],
      ['link'],
    ]);
    const json = [{ method_type: 'card link' }, { method_type: ['sepa_debit'] }, {}].map((more) =>
      JSON.stringify({ ...(JSON.parse(object('k')) as object), ...more }),
    );
    expect(await types(json.join('\n'), 'due.jsonl')).toEqual([
      ['card', 'link'],
      ['sepa_debit'],
      ['link'],
    ]);
    const wrong = await chargeAll(
      `${HEADER},method_type\n${line('a')},visa\n`,
      'due.csv',
      'nothing',
    );
    expect(wrong.lines[0]).toMatchObject({ result: 'invalid', error: { fields: ['method_type'] } });
  });

  it('of lines of blanks alone says nothing of them', async () => {
    const blank = Array.from({ length: 50_000 }, () => ' ').join('\n');
    const { lines } = await chargeAll(`${HEADER}\n${blank}\n${line('z')}\n , ,\t, \n`);
    expect(lines.map(({ line: at, result }) => [at, result])).toEqual([[50_002, 'succeeded']]);
  });
});

describe('names that are there twice', () => {
  it('make a line of JSON invalid, and it alone', async () => {
    const twice = [
      '{"key":"a","amount":"1.00","amount":"9.00","currency":"usd","payment_method":"pm_1"}',
      String.raw`{"key":"b","\u006bey":"c","amount":"1.00","currency":"usd","payment_method":"pm_1"}`,
      '{"key":"d","amount":"1.00","currency":"usd","payment_method":"pm_1","metadata":{"a":"1","a":"2"}}',
    ];
    const { code, lines, keys } = await chargeAll([...twice, object('z')].join('\n'), 'due.jsonl');
    expect(lines.map(({ key, result, error }) => [key, result, error?.fields])).toEqual([
      ['a', 'invalid', ['line']],
      [null, 'invalid', ['line']],
      ['d', 'invalid', ['line']],
      ['z', 'succeeded', undefined],
    ]);
    expect(
      lines.map(
        ({ error }) => /the name ("\w+") stands in it twice/.exec(error?.message ?? '')?.[1],
      ),
    ).toEqual(['"amount"', '"key"', '"a"', undefined]);
    expect([code, keys]).toEqual([2, ['z']]);
  });

  it('do not stand behind __proto__', async () => {
    const { lines, keys } = await chargeAll(
      `{"__proto__":${object('a')}}\n${object('a').replace('{', '{"__proto__":{"email":"a@example.com"},')}`,
      'due.jsonl',
      'nothing',
    );
    expect(lines.map(({ result }) => result)).toEqual(['invalid', 'invalid']);
    expect(keys).toEqual([]);
  });

  it('are told from a line that is nested without end', async () => {
    const { lines } = await chargeAll(
      `${'['.repeat(100_000)}\n${'{"a":'.repeat(40_000)}\n${object('z')}`,
      'due.jsonl',
    );
    expect(lines.map(({ result }) => result)).toEqual(['invalid', 'invalid', 'succeeded']);
    expect(lines[0]?.error?.message).toContain('nested deeper');
  });

  it.each(['key', 'KEY', ' Key ', 'metadata.a', 'Metadata.A', 'metadata. a'])(
    'make the header of CSV wrong: %j',
    async (name) => {
      const { code, stderr, keys } = await chargeAll(
        `metadata.a,${HEADER},${name}\nx,${line('a')},y\n`,
        'due.csv',
        'nothing',
      );
      expect(stderr).toContain('column 6');
      expect(stderr).toContain('is there twice');
      expect([code, keys]).toEqual([2, []]);
    },
  );
});

describe('bytes that are no UTF-8', () => {
  it.each([
    ['due.csv', Buffer.from(`\ufeff${HEADER}\n${line('a')}\n`, 'utf16le')],
    ['due.csv', utf16be(`\ufeff${HEADER}\n${line('a')}\n`)],
    ['due.csv', Buffer.from(`${HEADER}\n${line('a')}\n`, 'utf16le')],
    ['due.jsonl', Buffer.from(`\ufeff${object('a')}\n`, 'utf16le')],
    ['due.jsonl', utf16be(`${object('a')}\n`)],
    ['-', Buffer.from(`\ufeff${object('a')}\n`, 'utf16le')],
    ['-', utf16be(`\ufeff${HEADER}\n${line('a')}\n`)],
  ])('as UTF-16 refuse the whole file (%s, %#)', async (name, content) => {
    const { code, stderr, lines, keys } = await chargeAll(content, name, 'nothing');
    expect(stderr).toContain('UTF-16');
    expect(stderr).toContain('save it as UTF-8');
    expect([code, lines, keys]).toEqual([2, [], []]);
  });

  it.each([
    ['due.csv', [HEADER, line('a'), line('Jos\xe9'), line('b')], 3],
    ['due.csv', [HEADER, line('a'), `"x`, `\xe9",1.00,usd,pm_1`, line('b')], 4],
    ['due.csv', [HEADER, '', '\r', line('a'), '', '', `"b`, '', `\xe9"`], 9],
    ['due.jsonl', [object('a'), object('Jos\xe9'), object('b')], 2],
    ['due.jsonl', [object('a'), '\xff', object('c')], 2],
  ])('stop %s at their line, with what came before charged (%#)', async (name, text, at) => {
    const { code, stderr, lines, keys } = await chargeAll(latin1(text.join('\n')), name);
    expect(stderr).toContain(`From line ${String(at)} on the file cannot be read`);
    expect(stderr).toContain('save it as UTF-8');
    expect(stderr).toContain('no line is charged twice');
    expect([code, lines.map(({ key }) => key), keys]).toEqual([2, ['a'], ['a']]);
  });

  it.each([
    ['due.csv', [HEADER, line('a'), `b,1.00,usd,pm_\0`, line('c')]],
    ['due.jsonl', ['', object('a'), `${object('b')}\0`, object('c')]],
  ])('do not count a NUL, whose line of %s fails alone', async (name, text) => {
    const { code, lines, keys } = await chargeAll(text.join('\n'), name);
    expect(lines.map((each) => [each.line, each.result])).toEqual([
      [2, 'succeeded'],
      [3, 'invalid'],
      [4, 'succeeded'],
    ]);
    expect(lines[1]?.error?.message).toContain('it holds a NUL character');
    expect([code, keys]).toEqual([2, ['a', 'c']]);
  });

  it('in the header send nothing', async () => {
    const { code, stderr, keys } = await chargeAll(
      latin1(`${HEADER},metadata.caf\xe9\n${line('a')},x\n`),
      'due.csv',
      'nothing',
    );
    expect(stderr).toContain('From line 1 on the file cannot be read');
    expect([code, keys]).toEqual([2, []]);
  });

  it.each(['due.csv', 'due.jsonl', '-'])(
    'are not the mark of UTF-8, at the start and only there (%s)',
    async (name) => {
      const text =
        name === 'due.csv'
          ? [`"key"${HEADER.slice(3)}`, line('a'), `\ufeff${line('b')}`]
          : [object('a'), `\ufeff${object('b')}`];
      const { lines, keys, ends } = await chargeAll(`\ufeff${text.join('\n')}`, name);
      expect(lines[0]).toMatchObject({ key: 'a', result: 'succeeded' });
      expect(ends.map(([, result]) => result)).toEqual(['succeeded', 'invalid']);
      expect(keys).toEqual(['a']);
    },
  );

  it('are not letters that lie across two reads', async () => {
    expect((await chargeAll(`${HEADER}\n${line('äöü€💡'.repeat(10))}`)).keys).toEqual([
      'äöü€💡'.repeat(10),
    ]);
  });
});

describe('a stray quotation mark', () => {
  it.each(['12" vinyl', '"a"b', 'a"', '"a" ', ' "a"', '"a""b"c', 'a""b'])(
    'in the cell %s makes its line invalid, and the others are charged',
    async (cell) => {
      const { code, lines, ends } = await chargeAll(
        `${HEADER},description\n${line('a')},x\n${line('b')},${cell}\n${line('c')},x\n`,
      );
      expect(ends).toEqual([
        [2, 'succeeded'],
        [3, 'invalid'],
        [4, 'succeeded'],
      ]);
      expect(lines[1]?.error?.message).toContain('quotation mark');
      expect(code).toBe(2);
    },
  );

  it('that takes in the lines below says how far', async () => {
    const { lines, ends } = await chargeAll(
      `${HEADER},description\n${line('b')},"x\n${line('c')},y\n${line('d')},z"z\n${line('e')},x\n`,
    );
    expect(ends).toEqual([
      [2, 'invalid'],
      [5, 'succeeded'],
    ]);
    expect(lines[0]?.error?.message).toContain('it takes in the lines as far as line 4');
  });

  it('keeps its place over line ends of every kind', async () => {
    const { ends } = await chargeAll(
      `\n\r\n${HEADER}\r\n\r\n\n${line('a')}\r\r${line('b')}\n\r\n\n"x\n\n",1.00,usd,pm_1\r\n${line('c')}`,
    );
    expect(ends).toEqual([
      [6, 'succeeded'],
      [8, 'succeeded'],
      [11, 'invalid'],
      [14, 'succeeded'],
    ]);
  });

  it.each(['"x"', '"a ""b"" c"', '"x,y"', ''])('is none in the cell %s', async (cell) => {
    expect((await chargeAll(`${HEADER},description\r\n${line('b')},${cell}\r\n`)).ends).toEqual([
      [2, 'succeeded'],
    ]);
  });
});

describe('a file that is mostly nothing', () => {
  /** One read of 64 KiB after the other, as from a disk. */
  const source = (text: string) => {
    const bytes = Buffer.from(text);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, at) =>
      bytes.subarray(at * 65_536, (at + 1) * 65_536),
    );
    return Readable.from(pieces, { objectMode: false });
  };

  /** The rows, and how many times the reader had to be asked for them. */
  async function read(text: string, csv: boolean) {
    const bytes = await readText(source(text));
    const rows = csv ? csvRows(bytes, []) : jsonRows(bytes, []);
    const seen: (readonly [number, boolean])[] = [];
    let asked = 0;
    for (;;) {
      asked += 1;
      const next = await rows.next();
      if (next.done === true) return { seen, asked };
      seen.push([next.value.line, next.value.parsed.ok]);
    }
  }

  it.each(['\n', '\r\n', '\r', ',,,\n'])(
    'is read through at one question a row: 300,000 times %j in CSV',
    async (blank) => {
      expect(await read(`${HEADER}\n${blank.repeat(300_000)}${line('a')}\n`, true)).toEqual({
        seen: [[300_002, true]],
        asked: 2,
      });
    },
  );

  it.each(['\n', '\r\n', ' \t \n'])(
    'is read through at one question a row: 300,000 times %j in JSON lines',
    async (blank) => {
      expect(await read(`${blank.repeat(300_000)}${object('a')}`, false)).toEqual({
        seen: [[300_001, true]],
        asked: 2,
      });
    },
  );

  it('may be 300,000 blank lines before the first object, on standard input too', async () => {
    expect((await chargeAll(`${'\n'.repeat(300_000)}${object('a')}`, '-')).ends).toEqual([
      [300_001, 'succeeded'],
    ]);
  });

  it('may be rows of a single character', async () => {
    const { seen } = await read(`${HEADER}\n${'a\n'.repeat(100_000)}`, true);
    expect(seen).toHaveLength(100_000);
    expect(seen.at(-1)).toEqual([100_001, false]);
  });

  it('may be columns that no header has', async () => {
    const { lines } = await chargeAll(`${HEADER}\n${','.repeat(200_000)}x\n${line('a')}`);
    expect(lines.map(({ result }) => result)).toEqual(['invalid', 'succeeded']);
    expect(lines[0]?.error?.message).toContain('there are 200001 cells');
  });

  it('ends where a line has no end', async () => {
    let pieces = 0;
    const endless = Readable.from(
      (async function* () {
        await Promise.resolve();
        yield Buffer.from(`${object('a')}\n`);
        for (;;) {
          pieces += 1;
          yield Buffer.alloc(65_536, 'x');
        }
      })(),
      { objectMode: false },
    );
    const rows = jsonRows(await readText(endless), []);
    expect((await rows.next()).value).toMatchObject({ line: 1 });
    await expect(rows.next()).rejects.toMatchObject({
      kind: 'usage',
      code: 'unreadable_file',
      message: expect.stringContaining('From line 2 on') as string,
    });
    expect(pieces).toBeLessThan(1_000);
    expect(endless.destroyed).toBe(true);
  });
});

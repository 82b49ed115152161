import { Readable } from 'node:stream';
import type { ChargeRow } from '../../../src/app/charge-row.ts';
import type { Payrecon } from '../../../src/app/service.ts';
import { csvRows } from '../../../src/cli/commands/charge-file/csv.ts';
import { jsonRows } from '../../../src/cli/commands/charge-file/json-lines.ts';
import { readText } from '../../../src/cli/commands/charge-file/text.ts';
import type { CliServices } from '../../../src/cli/dependencies.ts';
import { EXIT } from '../../../src/cli/exit-code.ts';
import { runCommandLine } from '../../../src/cli/run.ts';
import type { Output } from '../../../src/cli/streams.ts';
import { DECLARATIONS } from '../../../src/config/declarations.ts';
import { loadSettings } from '../../../src/config/settings.ts';
import { PayreconError } from '../../../src/domain/errors.ts';
import { decimalAmount } from '../../../src/domain/money/money.ts';
import type { ChargeRequest } from '../../../src/domain/transaction.ts';
import { createChance } from '../../../src/sandbox/stripe/ids.ts';

/*
 * Files, arguments and settings that somebody might give, whole and broken, through the readers of the
 * command line. Each is read, or refused in words; what is read as an amount stands in its own line.
 */

export interface Fuzzed {
  readonly inputs: number;
  /** Read as a charge, or as settings. */
  readonly read: number;
  readonly refused: number;
  readonly crashes: readonly string[];
  readonly wrongAmounts: readonly string[];
}

type Chance = () => number;

interface Meant {
  readonly key: string;
  readonly amount: number;
  readonly currency: string;
}

const CURRENCIES = ['usd', 'eur', 'jpy', 'kwd', 'huf', 'isk'] as const;
const SPECIAL = [
  '"',
  '""',
  ',',
  ';',
  '\t',
  '\r',
  '\n',
  '\0',
  '\\',
  "'",
  '=',
  '+',
  '-',
  '.',
  ',',
  '0',
  '9',
  'e',
  'E',
  ' ',
  '\u00a0',
  '\u0660',
  '\uff11',
  '\ud800',
  '\u200b',
  '{',
  '}',
  ':',
  'null',
  '1e5',
  '٫',
] as const;
const ROWS_A_FILE = 40;

export async function fuzz(inputs: number, seed: number): Promise<Fuzzed> {
  const chance = createChance(seed);
  const tally = new Tally();
  while (tally.inputs < inputs) {
    const kind = chance();
    if (kind < 0.55) await aFile(chance, tally, 'csv');
    else if (kind < 0.9) await aFile(chance, tally, 'jsonl');
    else if (kind < 0.95)
      for (let n = 0; n < ROWS_A_FILE; n += 1) await someArguments(chance, tally);
    else for (let n = 0; n < ROWS_A_FILE; n += 1) someSettings(chance, tally);
  }
  return tally.total();
}

class Tally {
  inputs = 0;
  #read = 0;
  #refused = 0;
  readonly #crashes: string[] = [];
  readonly #wrongAmounts: string[] = [];

  read(): void {
    this.#read += 1;
  }

  refused(): void {
    this.#refused += 1;
  }

  crashed(input: string, error: unknown): void {
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#crashes.push(`${JSON.stringify(input.slice(0, 500))}: ${said}`);
  }

  wrong(input: string, request: ChargeRequest): void {
    const { amount, currency } = request;
    this.#wrongAmounts.push(
      `${JSON.stringify(input.slice(0, 500))}: ${String(amount)} ${currency}`,
    );
  }

  total(): Fuzzed {
    return {
      inputs: this.inputs,
      read: this.#read,
      refused: this.#refused,
      crashes: this.#crashes,
      wrongAmounts: this.#wrongAmounts,
    };
  }
}

function pick<Item>(chance: Chance, items: readonly Item[]): Item {
  const item = items[Math.floor(chance() * items.length)];
  if (item === undefined) throw new RangeError('there is nothing to pick');
  return item;
}

function aCharge(chance: Chance, n: number): Meant {
  const digits = 1 + Math.floor(chance() * 5);
  const currency = pick(chance, CURRENCIES);
  const amount = Math.floor(10 ** digits * (0.1 + chance() * 0.9));
  // Stripe takes these in steps alone (docs.stripe.com/currencies).
  const steps = { huf: 100, isk: 100, kwd: 10, usd: 1, eur: 1, jpy: 1 };
  return { key: `order-${String(n)}`, amount: amount * steps[currency], currency };
}

function written({ amount, currency }: Meant): string {
  return decimalAmount(amount, currency) ?? String(amount);
}

async function aFile(chance: Chance, tally: Tally, kind: 'csv' | 'jsonl'): Promise<void> {
  const meant = Array.from({ length: ROWS_A_FILE }, (_, n) => aCharge(chance, n));
  const lines = kind === 'csv' ? asCsv(chance, meant) : meant.map((each) => asJson(chance, each));
  const isWhole = chance() < 0.3;
  const end = pick(chance, ['\n', '\r\n']);
  const text = isWhole ? lines.join(end) : mutated(chance, lines.join(end));
  tally.inputs += meant.length;
  // JSON lines end with a line feed alone.
  const ends = kind === 'csv' ? /\r\n|\r|\n/ : '\n';
  let rows = 0;
  try {
    const source = await readText(Readable.from([Buffer.from(text)]));
    const reading = kind === 'csv' ? csvRows(source, []) : jsonRows(source, []);
    for await (const row of reading) {
      rows += 1;
      judgeRow({ row, lines: text.split(ends), meant: isWhole ? meant : null }, tally);
    }
  } catch (error) {
    if (error instanceof PayreconError) tally.refused();
    else tally.crashed(text, error);
  }
  if (isWhole && rows !== meant.length)
    tally.crashed(text, new Error(`${String(rows)} rows were read`));
}

interface Judged {
  readonly row: ChargeRow;
  readonly lines: readonly string[];
  /** Null where the text was mutated. */
  readonly meant: readonly Meant[] | null;
}

function judgeRow({ row, lines, meant }: Judged, tally: Tally): void {
  const { parsed } = row;
  // A cell in quotation marks may take in lines.
  const around = lines.slice(row.line - 1, row.line + 4).join('\n');
  if (!parsed.ok) {
    tally.refused();
    if (meant !== null) tally.crashed(around, new Error(JSON.stringify(parsed.problems)));
    return;
  }
  tally.read();
  const { request } = parsed;
  const asMeant = meant?.find(({ key }) => key === request.key);
  const isAsMeant =
    meant === null || (asMeant?.amount === request.amount && asMeant.currency === request.currency);
  // Whatever became of the file, the amount stands in the very lines that it was read from.
  if (!isAsMeant || !stands(request, around)) tally.wrong(around, request);
}

function stands(request: ChargeRequest, text: string): boolean {
  const minor = String(request.amount);
  const decimals = written(request);
  const plain = text.replaceAll(/\\u([0-9a-fA-F]{4})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  return [decimals, minor].some((one) =>
    new RegExp(`(^|[^0-9.])0*${one.replace('.', String.raw`\.`)}($|[^0-9])`, 'm').test(plain),
  );
}

function asCsv(chance: Chance, meant: readonly Meant[]): readonly string[] {
  const separator = pick(chance, [',', ';', '\t']);
  const inMinor = chance() < 0.3;
  const columns = [
    ['key', ({ key }: Meant) => key],
    [
      inMinor ? 'amount_minor' : 'amount',
      (each: Meant) => (inMinor ? String(each.amount) : written(each)),
    ],
    ['currency', ({ currency }: Meant) => currency],
    ['payment_method', () => 'pm_card_visa'],
    ['description', () => 'a "quoted" word'],
  ] as const;
  const ordered = [...columns].sort(() => chance() - 0.5);
  const cell = (text: string): string =>
    chance() < 0.2 || text.includes('"') ? `"${text.replaceAll('"', '""')}"` : text;
  const cased = (name: string): string => (chance() < 0.2 ? name.toUpperCase() : name);
  return [
    ordered.map(([name]) => cased(name)).join(separator),
    ...meant.map((each) => ordered.map(([, of]) => cell(of(each))).join(separator)),
  ];
}

function asJson(chance: Chance, each: Meant): string {
  const amount = chance() < 0.3 ? { amount_minor: each.amount } : { amount: written(each) };
  return JSON.stringify({
    key: each.key,
    ...amount,
    currency: each.currency,
    payment_method: 'pm_card_visa',
  });
}

/** A few places are struck out, doubled, or get something that is not meant to be there. */
function mutated(chance: Chance, text: string): string {
  let now = text;
  for (let times = 1 + Math.floor(chance() * 8); times > 0; times -= 1) {
    const at = Math.floor(chance() * now.length);
    const length = Math.floor(chance() * 6);
    const how = chance();
    if (how < 0.5) now = now.slice(0, at) + pick(chance, SPECIAL) + now.slice(at);
    else if (how < 0.75) now = now.slice(0, at) + now.slice(at + length);
    else if (how < 0.9)
      now = now.slice(0, at) + now.slice(at, at + length).repeat(2) + now.slice(at + length);
    else if (how < 0.97) now = now.slice(0, at) + pick(chance, SPECIAL) + now.slice(at + 1);
    else now = now.slice(0, at);
  }
  return now;
}

async function someArguments(chance: Chance, tally: Tally): Promise<void> {
  const meant = aCharge(chance, tally.inputs);
  const isWhole = chance() < 0.3;
  const inMinor = chance() < 0.3;
  const given = [
    ['--key', meant.key],
    inMinor ? ['--amount-minor', String(meant.amount)] : ['--amount', written(meant)],
    ['--currency', meant.currency],
    ['--payment-method', 'pm_card_visa'],
  ].sort(() => chance() - 0.5);
  const args = ['charge', ...given.flat()].map((text, at) =>
    isWhole || at === 0 || chance() < 0.7 ? text : mutated(chance, text),
  );
  tally.inputs += 1;
  const requests: ChargeRequest[] = [];
  const code = await runCommandLine(args, servicesThatCharge(requests)).catch(
    (error: unknown) => error,
  );
  const [request] = requests;
  if (typeof code !== 'number' || code === EXIT.bug) tally.crashed(args.join(' '), code);
  else if (request === undefined) {
    tally.refused();
    if (isWhole) tally.crashed(args.join(' '), new Error('it was refused'));
  } else {
    tally.read();
    const isAsMeant =
      !isWhole || (request.amount === meant.amount && request.currency === meant.currency);
    if (!isAsMeant || !stands(request, args.join('\n'))) tally.wrong(args.join(' '), request);
  }
}

/** Takes the request, and goes no further. */
function servicesThatCharge(requests: ChargeRequest[]): CliServices {
  const nowhere: Output = {
    isTerminal: false,
    columns: Number.POSITIVE_INFINITY,
    colourLevel: 0,
    write: () => undefined,
  };
  const never = (): Promise<never> =>
    Promise.reject(new PayreconError('not_confirmed', 'Nobody is asked.'));
  const payrecon: Pick<Payrecon, 'charge' | 'close' | 'mode' | 'warnings' | 'timeZone'> = {
    mode: 'test',
    timeZone: 'UTC',
    warnings: [],
    charge(request) {
      requests.push(request);
      return Promise.reject(new PayreconError('stripe_unreachable', 'That is far enough.'));
    },
    close: () => Promise.resolve(),
  };
  return {
    streams: { out: nowhere, err: nowhere, canAsk: false },
    prompts: () => ({ select: never, text: never, confirm: never }),
    environment: {},
    listenForStop: () => new AbortController().signal,
    stoppedBy: () => null,
    now: () => 0,
    timeZone: () => Promise.resolve('UTC'),
    read: never,
    open: () => Promise.resolve(payrecon as Payrecon),
    daemon: never,
    command: never,
  };
}

const VARIABLES = Object.values(DECLARATIONS).map(({ name }) => name);

function someSettings(chance: Chance, tally: Tally): void {
  const environment = Object.fromEntries(
    Array.from({ length: 1 + Math.floor(chance() * 4) }, () => [
      chance() < 0.9 ? pick(chance, VARIABLES) : mutated(chance, pick(chance, VARIABLES)),
      mutated(
        chance,
        pick(chance, [
          '5m',
          '100',
          'sk_test_x',
          'sqlite:/a/b.db',
          'postgres://u:p@h:5/d',
          'a@b.example',
          '* * * * *',
          'https://h/',
          '1',
          '',
        ]),
      ),
    ]),
  );
  tally.inputs += 1;
  try {
    loadSettings({
      flags: {},
      environment,
      readFile: () => null,
      permissions: () => null,
      unverifiedTls: false,
      folders: () => ({
        data: { ok: true, path: '/data' },
        config: { ok: true, path: '/config' },
      }),
      cwd: '/',
    });
    tally.read();
  } catch (error) {
    if (error instanceof PayreconError) tally.refused();
    else tally.crashed(JSON.stringify(environment), error);
  }
}

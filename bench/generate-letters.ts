// Makes docs/letters.md: each error code and decline code that Stripe documents, given to the real command by a local
// Stripe as the answer to a confirm, and what became of it: what is recorded, and what the customer was sent.
// `npm run letters` (some minutes); it ends with 1 where a letter is not the one of the closed table.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  DECLINE_CODES,
  ERROR_CODES,
  UNDECLARED_ERROR_CODES,
  type RefusalKind,
} from '../src/domain/refusals/refusal-codes.ts';
import { startSandbox, type Sandbox } from '../src/sandbox/server.ts';

const BINARY = fileURLToPath(new URL('../bin/payrecon.js', import.meta.url));
const PAGE = fileURLToPath(new URL('../docs/letters.md', import.meta.url));

interface Case {
  readonly name: string;
  readonly word: RefusalKind;
  /** As the fault of the local Stripe is written. */
  readonly fault: string;
}

interface Told {
  readonly exit: number;
  readonly status: string;
  readonly failureKind: string | null;
}

/** Whose word it is, in the words of the page. */
const WORDS: Readonly<Record<RefusalKind, string>> = {
  declined: 'a bank or provider declined',
  authentication: 'the customer has to authenticate',
  request: 'Stripe, of our request or account: no bank was asked',
  passing: 'passes by itself',
  unknown: "nobody's that is known",
};

function cases(): readonly Case[] {
  const of = (
    codes: Readonly<Record<RefusalKind, readonly string[]>>,
    fault: (code: string) => string,
    prefix: string,
  ): readonly Case[] =>
    (Object.keys(codes) as RefusalKind[]).flatMap((word) =>
      codes[word].map((code) => ({ name: `${prefix}${code}`, word, fault: fault(code) })),
    );
  const asCode = (code: string): string => `error:402:card_error:${code}`;
  const asDecline = (code: string): string => `error:402:card_error:card_declined:${code}`;
  return [
    ...of(ERROR_CODES, asCode, ''),
    ...of(UNDECLARED_ERROR_CODES, asCode, ''),
    ...of(DECLINE_CODES, asDecline, 'card_declined / '),
  ];
}

interface World {
  readonly sandbox: Sandbox;
  readonly env: Readonly<Record<string, string>>;
}

async function run(
  { env }: World,
  args: readonly string[],
): Promise<{ readonly exit: number; readonly stdout: string }> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [BINARY, ...args], { env });
    return { exit: 0, stdout };
  } catch (error) {
    const { code, stdout } = error as { readonly code?: unknown; readonly stdout?: string };
    if (typeof code !== 'number') throw error;
    return { exit: code, stdout: stdout ?? '' };
  }
}

async function charged(world: World, { fault }: Case, at: number): Promise<Told> {
  world.sandbox.setFaults(`payment_intents.confirm#*=${fault}`);
  const { exit, stdout } = await run(world, [
    'charge',
    ...['--key', `order-${String(at)}`, '--amount', '49.99', '--currency', 'usd'],
    ...['--payment-method', 'pm_card_visa', '--email', addressOf(at)],
    ...['--allow-duplicate', '--wait', '0s', '--json'],
  ]);
  const said = (stdout === '' ? {} : JSON.parse(stdout)) as {
    readonly status?: string;
    readonly failure_kind?: string | null;
  };
  return { exit, status: said.status ?? 'none', failureKind: said.failure_kind ?? null };
}

function addressOf(at: number): string {
  return `customer-${String(at)}@example.com`;
}

/** Subject and the sentences that are not about the payment as such, of each letter that one customer got. */
function lettersTo({ sandbox }: World, at: number): readonly string[] {
  return sandbox.books.mails
    .filter(({ to }) => to.includes(addressOf(at)))
    .map(({ subject, body }) => {
      const { content } = body as { readonly content: readonly { type: string; value: string }[] };
      const text = content.find(({ type }) => type === 'text/plain')?.value ?? '';
      const said = text.split('\n\n').filter((part) => !/^[A-Z][a-z ]+: /m.test(part));
      return `**${subject}.** ${said.join(' ').replaceAll(/\s+/g, ' ').trim()}`;
    });
}

/** The closed table of domain/letters.ts, written down a second time: what the one letter says; null: there is none. */
const EXPECTED: Readonly<Record<RefusalKind, RegExp | null>> = {
  declined: /did not go through/,
  authentication: /confirm/,
  request: null,
  passing: null,
  // A confirm was sent: the customer hears that it was not completed, and of no bank that refused.
  unknown: /was not completed/,
};

function isAsExpected({ word }: Case, letters: readonly string[]): boolean {
  const expected = EXPECTED[word];
  if (expected === null) return letters.length === 0;
  return letters.length === 1 && expected.test(letters[0] ?? '');
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'payrecon-letters-'));
  const sandbox = await startSandbox({ seed: 1 });
  const env = {
    HOME: folder,
    DATABASE_URL: `sqlite:${join(folder, 'ledger.db')}`,
    STRIPE_SECRET_KEY: 'sk_test_local0123456789abcdef',
    STRIPE_API_BASE: sandbox.url,
    SENDGRID_API_KEY: 'SG.local-0123456789abcdef.0123456789abcdef0123456789abcdef',
    SENDGRID_API_BASE: sandbox.url,
    PAYRECON_MAIL_FROM: 'pay@example.com',
    PAYRECON_STRIPE_RPS: '1000',
    PAYRECON_STRIPE_ENDPOINT_RPS: '1000',
  };
  const world: World = { sandbox, env };
  const all = cases();
  const told: Told[] = [];
  for (const [at, each] of all.entries()) told.push(await charged(world, each, at));
  sandbox.setFaults('');
  await run(world, ['notifications', 'send']);
  const rows: string[] = [];
  const wrong: string[] = [];
  for (const [at, each] of all.entries()) {
    const end = told[at];
    if (end === undefined) throw new RangeError(`nothing was told of ${each.name}`);
    const letters = lettersTo(world, at);
    if (!isAsExpected(each, letters))
      wrong.push(`${each.name}: ${JSON.stringify({ ...end, letters })}`);
    const recorded = end.failureKind === null ? end.status : `${end.status}, ${end.failureKind}`;
    rows.push(
      `| \`${each.name}\` | ${WORDS[each.word]} | ${recorded} | ${String(end.exit)} | ${letters.length === 0 ? 'nothing' : letters.join(' ')} |`,
    );
  }
  await sandbox.close();
  rmSync(folder, { recursive: true });
  writeFileSync(PAGE, pageOf(rows));
  process.stdout.write(`${String(rows.length)} codes, ${String(wrong.length)} wrong letters\n`);
  for (const each of wrong) process.stderr.write(`${each}\n`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
}

function pageOf(rows: readonly string[]): string {
  return `# What customers are told

Made by \`npm run letters\`: each error code and decline code that Stripe documents, given to the real command by the local
Stripe as the answer to the confirm of $49.99, and what became of it. A customer hears only of what happened at their bank;
what Stripe says of our own request or account is the operator's. The reason is in our own words, and none that helps a
thief. Where nothing is sent and the payment is \`pending\`, the reconciler finds its end first.

| Stripe's code | whose word it is | recorded | exit | the customer is sent |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

await main();

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sandbox } from '../../../sandbox/server.ts';
import { PayreconError } from '../../../domain/errors.ts';
import { formatMoney } from '../../../domain/money/money.ts';
import type { CommandContext } from '../../context.ts';
import type { CliServices } from '../../dependencies.ts';
import { chargePlainly, type PlainOrder } from './plain-client.ts';
import { openStage, type Stage } from './stage.ts';

const SECRET_KEY = 'sk_test_demo0123456789abcdef';
const KEY = 'order-1001';
const EMAIL = 'ada@example.com';
const ORDER: PlainOrder = { amount: 4_999, currency: 'usd', paymentMethod: 'pm_card_visa' };

/** The Stripe library sends once more by itself after a broken connection: that answer is lost, too. */
const LOST_CONFIRM = 'payment_intents.confirm#1-2=drop_after';
const STILL_AWAY = 'payment_intents.retrieve#1=html_502';

/**
 * Tells the story on real HTTP and a real database, and ends with an error unless the local Stripe's
 * own books bear it out. Everything it makes is gone afterwards.
 */
export async function tellStory(context: CommandContext): Promise<void> {
  // Before anything is made: a signal then ends the story where it stands, and what was made is gone.
  const stop = context.services.listenForStop();
  const folder = await makeFolder();
  const { startSandbox } = await import('../../../sandbox/server.ts');
  const sandbox = await startSandbox();
  try {
    const environment = demoEnvironment(context.services.environment, sandbox, folder);
    const stage = openStage(context, environment, stop);
    stage.heading('payrecon demo: a local Stripe and SendGrid, an empty ledger, no account.\n');
    await plainClient(stage, sandbox);
    await payrecon(stage, sandbox);
    balance(stage, sandbox);
  } finally {
    await sandbox.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function makeFolder(): Promise<string> {
  const parent = tmpdir();
  try {
    return await mkdtemp(join(parent, 'payrecon-demo-'));
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    throw new PayreconError(
      'no_temporary_folder',
      `The demo keeps its ledger in a temporary folder, and none can be made in ${parent}: ${error.message}.`,
      {
        problems: [{ field: 'TMPDIR', message: 'name a folder in which this user may write' }],
        cause: error,
      },
    );
  }
}

/** Of the user's own settings nothing is used: the demo can neither meet their ledger nor their Stripe. */
function demoEnvironment(
  own: CliServices['environment'],
  sandbox: Sandbox,
  folder: string,
): CliServices['environment'] {
  const neutral = Object.entries(own).filter(
    ([name]) =>
      !/^(PAYRECON_|STRIPE_|SENDGRID_|PG|DATABASE_URL$|CREDENTIALS_DIRECTORY$)/.test(name) &&
      // No proxy leads to this machine.
      !/^https?_proxy$/i.test(name),
  );
  return {
    ...Object.fromEntries(neutral),
    XDG_CONFIG_HOME: folder,
    DATABASE_URL: `sqlite:${join(folder, 'ledger.db')}`,
    STRIPE_SECRET_KEY: SECRET_KEY,
    STRIPE_API_BASE: sandbox.url,
    SENDGRID_API_KEY: 'SG.demodemodemodemodemode.demodemodemodemodemodemodemodemodemodemodem',
    SENDGRID_API_BASE: sandbox.url,
    PAYRECON_MAIL_FROM: 'payments@example.com',
    PAYRECON_OPERATOR_EMAIL: 'operator@example.com',
    PAYRECON_PENDING_AFTER: '0s',
  };
}

async function plainClient(stage: Stage, sandbox: Sandbox): Promise<void> {
  stage.heading('1  A plain client, and an answer that is lost');
  sandbox.setFaults('payment_intents.create#1=drop_after');
  const first = await chargePlainly(sandbox.url, SECRET_KEY, ORDER);
  must(first === null, 'the first answer is lost');
  stage.say(
    `It charges ${shown(ORDER.amount)}. Stripe takes the money; the answer is lost. The app says "could not be completed".`,
  );
  const second = await chargePlainly(sandbox.url, SECRET_KEY, ORDER);
  must(second === 'succeeded', 'the retry succeeds');
  stage.say('The customer tries again, and it works.');
  const { count, taken } = takenBy(sandbox, 'plain');
  stage.bad(
    `Stripe's books: ${String(count)} payments, ${shown(taken)} taken for one order of ${shown(ORDER.amount)}.\n`,
  );
}

async function payrecon(stage: Stage, sandbox: Sandbox): Promise<void> {
  stage.heading('2  The same accident with payrecon');
  sandbox.setFaults(`${LOST_CONFIRM}; ${STILL_AWAY}`);
  const charge = [
    'charge',
    '--key',
    KEY,
    '--amount',
    '49.99',
    '--currency',
    'usd',
    '--payment-method',
    'pm_card_visa',
    '--email',
    EMAIL,
  ];
  stage.say('Stripe takes the money, and the answer is lost:');
  await stage.run(charge, 75);
  stage.say('The annoyed customer tries again, while Stripe still answers with an error page:');
  await stage.run(charge, 75);
  stage.say('A minute later cron reconciles:');
  await stage.run(['reconcile'], 0);
  stage.say('What happened, step by step:');
  await stage.run(['show', KEY], 0);
  const [mail] = sandbox.books.mails;
  must(
    sandbox.books.mails.length === 1 && mail?.to.includes(EMAIL) === true,
    'one e-mail to the customer',
  );
  stage.say(`The e-mail that ${EMAIL} got:`);
  stage.plain(
    [mail?.subject ?? '', '', ...(mail?.text ?? '').trimEnd().split('\n')]
      .map((text) => `  │ ${text}`)
      .join('\n'),
  );
  stage.plain('');
  stage.say('Nobody has touched the audit trail:');
  await stage.run(['audit', 'verify'], 0);
}

/** The last word is the local Stripe's, not ours. */
function balance(stage: Stage, sandbox: Sandbox): void {
  const plain = takenBy(sandbox, 'plain');
  const ours = takenBy(sandbox, 'payrecon');
  must(
    plain.count === 2 && ours.count === 1 && ours.taken === ORDER.amount,
    'two plain payments, one of payrecon',
  );
  stage.heading("Stripe's own books, for one order each:");
  stage.bad(`plain client   charged ${String(plain.count)} times   ${shown(plain.taken)}`);
  stage.good(`payrecon       charged once      ${shown(ours.taken)}`);
}

function takenBy(
  sandbox: Sandbox,
  client: 'plain' | 'payrecon',
): { readonly count: number; readonly taken: number } {
  const name = client === 'plain' ? 'client' : 'payrecon_transaction';
  const succeeded = sandbox.books.paymentIntents.filter(
    ({ status, metadata }) => status === 'succeeded' && metadata[name] !== undefined,
  );
  return { count: succeeded.length, taken: succeeded.reduce((sum, { amount }) => sum + amount, 0) };
}

function shown(amount: number): string {
  return formatMoney(amount, ORDER.currency);
}

function must(fact: boolean, what: string): void {
  if (!fact) throw new Error(`the demo did not go as it must: ${what}`);
}

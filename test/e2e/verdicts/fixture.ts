import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, vi } from 'vitest';
import * as z from 'zod';
import type { Books, Sandbox } from '../../../src/sandbox/server.ts';
import type { Target } from '../../storage/targets.ts';
import type { RunResult } from '../../support/binary.ts';
import { bindLedger } from '../../support/bound-ledger.ts';
import {
  aPaymentWorld,
  TEST_KEY,
  type PaymentWorld,
  type PaymentWorldOptions,
} from '../../support/payment-world.ts';
import { pastTriggers, reseal } from '../../support/reseal.ts';
import { statement } from '../../support/statement.ts';
import { passDocument, shownDocument, verificationDocument, type Shown } from './documents.ts';

// A test here starts the command five times and more, also on a machine that does other things meanwhile.
vi.setConfig({ testTimeout: 120_000 });

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** $49.99, what every charge asks for unless a test says otherwise. */
export const AMOUNT = 4999;

const SETTINGS = {
  // Charges that look alike are what these tests are made of.
  PAYRECON_DUPLICATE_WINDOW: '0',
  // Never reached by chance; a test that is about the deadline sets its own.
  PAYRECON_STRIPE_DEADLINE: '10s',
};

export interface ChargeOptions {
  readonly method?: string;
  readonly more?: readonly string[];
  /** How the sandbox treats the requests of this charge; it behaves again afterwards. */
  readonly faults?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Pass {
  readonly exitCode: number | undefined;
  readonly report: z.infer<typeof passDocument>;
}

type Intent = Books['paymentIntents'][number];

/** What everybody knows of one transaction. */
export interface Sight {
  /** The ledger's word. */
  readonly row: Shown;
  /** The books of the local Stripe: every payment intent that was ever made for it. */
  readonly intents: readonly Pick<
    Intent,
    'id' | 'status' | 'amount' | 'currency' | 'amount_received'
  >[];
  /** The e-mails about it that the mail service has accepted, by kind, in the order of their arrival. */
  readonly mails: readonly string[];
}

/** The real binary between a ledger and a local Stripe, and the means to look at all three and to make time pass. */
export interface Fixture extends PaymentWorld {
  /** `charge --json` of $49.99 for `KEY@example.com`. */
  charge(key: string, options?: ChargeOptions): Promise<RunResult>;
  /** `reconcile --json`. */
  pass(env?: Readonly<Record<string, string>>): Promise<Pass>;
  look(key: string): Promise<Sight>;
  /** One statement past payrecon, on a connection of its own. */
  sql(text: string): ReturnType<typeof statement>;
  /** Every chain of the audit trail is whole. */
  verifyAudit(): Promise<void>;
  /** As every payment intent of this ledger names it. */
  ledgerId(): Promise<string>;
  /** Addressees and subjects of all e-mails that were accepted. */
  mails(): readonly { readonly to: string; readonly subject: string }[];
  /** Makes the row look as if all that happened to it had happened so much earlier. */
  age(key: string, ms: number): Promise<void>;
  /** Makes the row due at once, however long its backoff. */
  makeDue(key: string): Promise<void>;
  /** Somebody else with the account's key, past payrecon. */
  elsewhere(path: string, params?: Readonly<Record<string, string>>): Promise<Intent>;
  /** The payment ends at Stripe without a request: a bank decides, a truth comes late. */
  settleAtStripe(id: string, settlement: Readonly<Record<string, unknown>>): Promise<void>;
}

export interface FixtureOptions extends PaymentWorldOptions {
  /** A ledger that is there and has never been used; by default it has been, until a moment ago. */
  readonly isNew?: boolean;
}

export async function aFixture(target: Target, options: FixtureOptions = {}): Promise<Fixture> {
  const world = await aPaymentWorld(target, { ...options, env: { ...SETTINGS, ...options.env } });
  if (options.isNew !== true) await bindLedger(world.database, TEST_KEY);
  const { sandbox } = world;
  const sql = (text: string): ReturnType<typeof statement> => statement(world.database.url, text);
  return {
    ...world,
    sql,
    charge: (key, charged = {}) => charge(world, key, charged),
    pass: (env = {}) => pass(world, env),
    look: (key) => look(world, key),
    async verifyAudit() {
      const run = await world.run(['audit', 'verify', '--json']);
      expect(verificationDocument.parse(run.json()).first_bad).toBeNull();
      expect(run.exitCode).toBe(0);
    },
    ledgerId: async () => String((await sql('select id from ledger'))[0]?.['id']),
    mails: () => sandbox.books.mails.map(({ to, subject }) => ({ to: to.join(), subject })),
    age: async (key, ms) => age(sql, target, key, ms),
    makeDue: async (key) => {
      await moved(
        sql,
        target,
        `update transactions set next_attempt_at = created_at where key = ${quoted(key)} and next_attempt_at is not null`,
      );
    },
    elsewhere: (path, params) => postToStripe(sandbox, path, params ?? {}),
    settleAtStripe: (id, settlement) => settleAtStripe(sandbox, id, settlement),
  };
}

/** The flags of one charge, as a shop's script would give them. */
export function chargeFlags(key: string, method = 'pm_card_visa'): string[] {
  return [
    'charge',
    '--key',
    key,
    '--amount',
    '49.99',
    '--currency',
    'usd',
    '--payment-method',
    method,
    '--email',
    `${key}@example.com`,
    '--json',
  ];
}

/** An address where nobody listens: a connection to it is refused. */
export async function refusingUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${String(port)}`;
}

async function charge(
  world: PaymentWorld,
  key: string,
  { method, more = [], faults = '', env = {} }: ChargeOptions,
): Promise<RunResult> {
  world.sandbox.setFaults(faults);
  const run = await world.run([...chargeFlags(key, method), ...more], { env });
  world.sandbox.setFaults('');
  return run;
}

async function pass(world: PaymentWorld, env: Readonly<Record<string, string>>): Promise<Pass> {
  const run = await world.run(['reconcile', '--json'], { env });
  expect(run.stderr).toBe('');
  return { exitCode: run.exitCode, report: passDocument.parse(run.json()) };
}

async function look(world: PaymentWorld, key: string): Promise<Sight> {
  const run = await world.run(['show', key, '--json']);
  expect(run).toMatchObject({ exitCode: 0, stderr: '' });
  const row = shownDocument.parse(run.json());
  const { books } = world.sandbox;
  const kinds = new Map(row.notifications.map(({ id, kind }) => [id, kind]));
  return {
    row,
    intents: books.paymentIntents
      .filter(({ metadata }) => metadata['payrecon_transaction'] === row.id)
      .map(({ id, status, amount, currency, amount_received }) => ({
        id,
        status,
        amount,
        currency,
        amount_received,
      })),
    mails: books.mails
      .map(({ body }) => kinds.get(identityOf(body)))
      .filter((kind) => kind !== undefined),
  };
}

const sentMail = z.object({ custom_args: z.object({ payrecon_notification: z.string() }) });

function identityOf(body: unknown): string {
  return sentMail.parse(body).custom_args.payrecon_notification;
}

const INSTANTS = [
  'created_at',
  'create_sent_at',
  'confirm_sent_at',
  'cancel_sent_at',
  'absent_since',
  'expected_by',
  'next_attempt_at',
];

async function age(sql: Fixture['sql'], target: Target, key: string, ms: number): Promise<void> {
  const earlier = INSTANTS.map((column) => `${column} = ${column} - ${String(ms)}`).join(', ');
  await moved(sql, target, `update transactions set ${earlier} where key = ${quoted(key)}`);
}

/** When a transaction was opened is fixed, and what its entries wrote is sealed: both are got around, and true afterwards. */
async function moved(sql: Fixture['sql'], target: Target, change: string): Promise<void> {
  const raw = {
    run: async (text: string) => {
      await sql(text);
    },
    rows: async (text: string) => [...(await sql(text))],
  };
  await pastTriggers(raw, target.name, [change]);
  await reseal(raw, target.name);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

async function postToStripe(
  sandbox: Sandbox,
  path: string,
  params: Readonly<Record<string, string>>,
): Promise<Intent> {
  const response = await fetch(`${sandbox.url}/v1/payment_intents${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}` },
    body: new URLSearchParams(params),
  });
  const body = await response.text();
  if (!response.ok) throw new Error(body);
  return JSON.parse(body) as Intent;
}

async function settleAtStripe(
  sandbox: Sandbox,
  id: string,
  settlement: Readonly<Record<string, unknown>>,
): Promise<void> {
  const response = await fetch(`${sandbox.url}/_sandbox/payment_intents/${id}/settle`, {
    method: 'POST',
    body: JSON.stringify(settlement),
  });
  if (!response.ok) throw new Error(await response.text());
}

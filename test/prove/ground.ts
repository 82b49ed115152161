import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import Sqlite from 'libsql';
import { onTestFinished } from 'vitest';
import { type Clock } from '../../src/app/ports.ts';
import { type Payrecon } from '../../src/app/payrecon.ts';
import { type Sandbox } from '../../src/sandbox/server.ts';
import { createChance } from '../../src/sandbox/ids.ts';
import { openFromEnvironment } from '../../src/wire.ts';
import { type Seams } from '../../src/wire/parts.ts';
import { systemChance, systemClock } from '../../src/wire/system.ts';
import { type RawConnection, type Target } from '../storage/targets.ts';
import { cleanEnvironment } from '../support/environment.ts';
import { aPaymentWorld } from '../support/payment-world.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** Where cases run one after the other, each in a ledger of its own and with books that are empty when it begins. */
export interface Ground {
  readonly dialect: Target['name'];
  readonly sandbox: Sandbox;
  readonly secrets: readonly string[];
  /** What the real command is given to work on the ledger of the case. */
  environment(): Readonly<Record<string, string>>;
  /** A new ledger and new books; `empty` has no tables yet. */
  begin(empty: boolean): Promise<void>;
  /** A process of payrecon. Whoever opens it closes it, or `end` does. */
  open(role: string, seams?: Seams, env?: Readonly<Record<string, string>>): Promise<Payrecon>;
  /** The database's clock and Stripe's. */
  advance(ms: number): void;
  settleAtStripe(id: string, settlement: Readonly<Record<string, unknown>>): Promise<void>;
  /** Looks past the product. */
  raw(): RawConnection;
  /** Closes what the case has opened. */
  end(): Promise<void>;
}

/** The longest sleep that only makes a test slow; what is longer waits for a lease to be renewed. */
const SLEEPS_CUT_BELOW_MS = 10_000;
const SHORT_MS = 1;

const shortened: Clock = {
  monotonicMs: () => systemClock.monotonicMs(),
  sleep: (ms, signal) => systemClock.sleep(ms < SLEEPS_CUT_BELOW_MS ? SHORT_MS : ms, signal),
};

const SETTINGS = { PAYRECON_STRIPE_DEADLINE: '10s' };

export async function openGround(target: Target): Promise<Ground> {
  const world = await aPaymentWorld(target, { env: SETTINGS });
  const ledgers = target.name === 'sqlite' ? await sqliteLedgers() : await postgresLedgers(world.env['DATABASE_URL'] ?? '', await world.database.raw());
  const home = await temporaryFolder();
  const opened: Payrecon[] = [];
  let offsetMs = 0;
  const control = async (path: string, body: Readonly<Record<string, unknown>>): Promise<void> => {
    const response = await fetch(`${world.sandbox.url}/_sandbox/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(await response.text());
  };
  const open: Ground['open'] = async (role, seams = {}, env = {}) => {
    const chance = { uniform: createChance(1), token: () => systemChance.token() };
    const environment = cleanEnvironment(home, { ...world.env, ...env, DATABASE_URL: ledgers.url() });
    const payrecon = await openFromEnvironment({ environment, flags: {}, needsStripe: true, role }, { clock: shortened, chance, nowOffsetMs: () => offsetMs, ...seams });
    opened.push(payrecon);
    return payrecon;
  };
  await ledgers.prepare(async () => {
    const payrecon = await open('migrate');
    await payrecon.migrate('up');
    await payrecon.close();
  });
  return {
    dialect: target.name,
    sandbox: world.sandbox,
    secrets: [world.env['STRIPE_SECRET_KEY'] ?? '', world.env['SENDGRID_API_KEY'] ?? ''],
    environment: () => ({ ...world.env, DATABASE_URL: ledgers.url() }),
    open,
    async begin(empty) {
      await quiet(world.sandbox);
      await control('reset', {});
      offsetMs = 0;
      await ledgers.begin(empty);
    },
    advance(ms) {
      offsetMs += ms;
      world.sandbox.clock.advance(ms);
    },
    settleAtStripe: (id, settlement) => control(`payment_intents/${id}/settle`, settlement),
    raw: () => ledgers.raw(),
    async end() {
      for (const payrecon of opened.splice(0)) await payrecon.close();
      await ledgers.end();
    },
  };
}

const QUIET_WITHIN_MS = 5_000;

/** What was under way when a process died has come to its end. */
export async function quiet(sandbox: Sandbox): Promise<void> {
  for (let waitedMs = 0; sandbox.books.requests.some((request) => request.duration_ms === null); waitedMs += 1) {
    if (waitedMs > QUIET_WITHIN_MS) throw new Error('the local Stripe is still busy');
    await wait(1);
  }
}

interface Ledgers {
  url(): string;
  prepare(migrate: () => Promise<unknown>): Promise<void>;
  begin(empty: boolean): Promise<void>;
  raw(): RawConnection;
  end(): Promise<void>;
}

/** Linux's file system in memory. */
const IN_MEMORY = '/dev/shm';

/** A process that dies leaves what it wrote to the system, so nothing here has to wait for a disk, where that can be had. */
async function quickFolder(): Promise<string> {
  if (!existsSync(IN_MEMORY)) return temporaryFolder();
  const folder = await mkdtemp(join(IN_MEMORY, 'payrecon-prove-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A file a case, copied from one that was migrated. */
async function sqliteLedgers(): Promise<Ledgers> {
  const folder = await quickFolder();
  const template = join(folder, 'template.db');
  let path = template;
  let count = 0;
  let connection: InstanceType<typeof Sqlite> | null = null;
  return {
    url: () => `sqlite:${path}`,
    async prepare(migrate) {
      await migrate();
    },
    async begin(empty) {
      count += 1;
      path = join(folder, `${count}.db`);
      if (!empty) await copyFile(template, path);
    },
    raw() {
      connection ??= new Sqlite(path, { timeout: 5_000 });
      const raw = connection;
      return {
        run(sql) {
          raw.exec(sql);
          return Promise.resolve();
        },
        rows: (sql) => Promise.resolve(raw.prepare(sql).all() as Record<string, unknown>[]),
      };
    },
    async end() {
      connection?.close();
      connection = null;
      for (const ending of ['', '-wal', '-shm']) await rm(`${path}${ending}`, { force: true });
    },
  };
}

const TABLES = ['audit_events', 'notifications', 'passes', 'outages', 'transactions'];

/** One database, emptied for each case: making one takes longer than the case. */
async function postgresLedgers(url: string, raw: RawConnection): Promise<Ledgers> {
  let migrate: () => Promise<unknown> = () => Promise.resolve();
  await raw.run('create extension if not exists amcheck');
  return {
    url: () => url,
    prepare(how) {
      migrate = how;
      return Promise.resolve();
    },
    async begin(empty) {
      if (empty) {
        await raw.run('drop schema public cascade; create schema public; create extension if not exists amcheck');
        return;
      }
      const [found] = await raw.rows(`select to_regclass('public.transactions') is not null as here`);
      if (found?.['here'] !== true) await migrate();
      // Past the triggers that let nobody take a transaction away.
      await raw.run(`set session_replication_role = replica; ${TABLES.map((table) => `delete from ${table}`).join('; ')}; set session_replication_role = origin`);
    },
    raw: () => raw,
    end: () => Promise.resolve(),
  };
}

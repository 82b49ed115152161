import { setTimeout as wait } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { Chance, Clock } from '../../src/app/ports.ts';
import type { Payrecon } from '../../src/app/service.ts';
import { PayreconError } from '../../src/domain/errors.ts';
import type { Sandbox } from '../../src/sandbox/server.ts';
import { createChance } from '../../src/sandbox/stripe/ids.ts';
import { daemonFromEnvironment, openFromEnvironment } from '../../src/compose/services.ts';
import type { Overrides } from '../../src/compose/adapters.ts';
import { systemChance, systemClock } from '../../src/compose/system.ts';
import type { RawConnection, Target } from '../storage/targets.ts';
import { cleanEnvironment } from '../support/environment.ts';
import { aPaymentWorld } from '../support/payment-world.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { postgresLedgers, sqliteLedgers, type Copies } from './ledgers.ts';

/** Where cases run one after the other, each in a ledger of its own and with books that are empty when it begins. */
export interface Harness {
  readonly dialect: Target['name'];
  readonly sandbox: Sandbox;
  readonly secrets: readonly string[];
  /** What the real command is given to work on the ledger of the case. */
  environment(): Readonly<Record<string, string>>;
  /** A new ledger and new books; `empty` has no tables yet. */
  begin(empty: boolean): Promise<void>;
  /** A process of payrecon. Whoever opens it closes it, or `end` does. */
  open(
    role: string,
    overrides?: Overrides,
    env?: Readonly<Record<string, string>>,
  ): Promise<Payrecon>;
  /** A daemon, which ends after its first pass; what it said. */
  daemon(overrides?: Overrides): Promise<readonly string[]>;
  /** Done when a process next sleeps; null takes it back. */
  whileAsleep(work: (() => Promise<void>) | null): void;
  /** The clock of a process: who sleeps a little is awake at once. */
  readonly clock: Clock;
  /** The database's clock and Stripe's. */
  advance(ms: number): void;
  /** The database's clock alone: it was set ahead or, negative, back. */
  setLedgerClock(byMs: number): void;
  /** What the database's clock shows. */
  ledgerNow(): number;
  settleAtStripe(id: string, settlement: Readonly<Record<string, unknown>>): Promise<void>;
  /** Looks past the product. */
  raw(): RawConnection;
  readonly copies: Copies | null;
  /** Closes what the case has opened. */
  end(): Promise<void>;
}

/** The longest sleep that only makes a test slow; what is longer waits for a lease to be renewed. */
const SLEEPS_CUT_BELOW_MS = 10_000;
const SHORT_MS = 1;

/** Who sleeps a little is awake at once, and its clock shows the time that it wanted to sleep. */
function shortened(onSleep: () => Promise<void>): Clock {
  let sleptMs = 0;
  return {
    monotonicMs: () => systemClock.monotonicMs() + sleptMs,
    async sleep(ms, signal) {
      const cut = ms < SLEEPS_CUT_BELOW_MS;
      if (cut) {
        sleptMs += ms;
        await onSleep();
      }
      await systemClock.sleep(cut ? SHORT_MS : ms, signal);
    },
  };
}

/** The first pass begins at once, and a second one is not waited for. */
const NEVER_AGAIN = '0 0 29 2 *';
const SETTINGS = { PAYRECON_STRIPE_DEADLINE: '10s' };

export interface HarnessOptions {
  /** On PostgreSQL: a process that is opened without overrides is kept for the cases that follow, as a daemon elsewhere is. */
  readonly lasting?: boolean;
  /** Stripe's limits are shared through the ledger; without it a call to Stripe is one step. */
  readonly sharedLimits?: boolean;
}

export async function openHarness(target: Target, options: HarnessOptions = {}): Promise<Harness> {
  const world = await aPaymentWorld(target, { env: SETTINGS });
  const ledgers =
    target.name === 'sqlite'
      ? await sqliteLedgers()
      : await postgresLedgers(world.env['DATABASE_URL'] ?? '', await world.database.raw());
  const home = await temporaryFolder();
  const opened: Payrecon[] = [];
  const lasting = new Map<string, Payrecon>();
  let offsetMs = 0;
  let meanwhile: (() => Promise<void>) | null = null;
  const control = async (path: string, body: Readonly<Record<string, unknown>>): Promise<void> => {
    const response = await fetch(`${world.sandbox.url}/_sandbox/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(await response.text());
  };
  const clock = shortened(async () => {
    const work = meanwhile;
    meanwhile = null;
    await work?.();
  });
  const chance = (): Chance => ({ uniform: createChance(1), token: () => systemChance.token() });
  const environmentWith = (env: Readonly<Record<string, string>>): Record<string, string> =>
    cleanEnvironment(home, { ...world.env, DATABASE_URL: ledgers.url(), ...env });
  const openAfresh = (
    role: string,
    overrides: Overrides,
    env: Readonly<Record<string, string>>,
  ): Promise<Payrecon> =>
    openFromEnvironment(
      { environment: environmentWith(env), flags: {}, needsStripe: true, role },
      {
        clock,
        chance: chance(),
        nowOffsetMs: () => offsetMs,
        alone: options.sharedLimits !== true,
        ...overrides,
      },
    );
  const open: Harness['open'] = async (role, overrides, env = {}) => {
    if (options.lasting === true && target.name === 'postgres' && overrides === undefined) {
      const name = JSON.stringify([role, env]);
      const known = lasting.get(name) ?? (await openAfresh(role, {}, env));
      lasting.set(name, known);
      return { ...known, close: () => Promise.resolve() };
    }
    const payrecon = await openAfresh(role, overrides ?? {}, env);
    opened.push(payrecon);
    return payrecon;
  };
  onTestFinished(async () => {
    for (const payrecon of lasting.values()) await payrecon.close();
  });
  await ledgers.prepare(async () => {
    const payrecon = await open('migrate', {});
    await payrecon.migrate('up');
    // The cases begin with a ledger that knows whose it is. What is looked for is not there.
    const error = await payrecon.inspect('nothing').then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof PayreconError) || error.kind !== 'not_found')
      throw new Error('the ledger was not bound', { cause: error });
    await payrecon.close();
  });
  return {
    dialect: target.name,
    sandbox: world.sandbox,
    secrets: [world.env['STRIPE_SECRET_KEY'] ?? '', world.env['SENDGRID_API_KEY'] ?? ''],
    environment: () => ({ ...world.env, DATABASE_URL: ledgers.url() }),
    clock,
    open,
    async begin(empty) {
      await quiet(world.sandbox);
      await control('reset', {});
      offsetMs = 0;
      if (await ledgers.begin(empty)) {
        for (const payrecon of lasting.values()) await payrecon.close();
        lasting.clear();
      }
    },
    async daemon(overrides = {}) {
      const stop = new AbortController();
      // The first line says that it has begun, the next one how its pass ended.
      const lines: string[] = [];
      const log = (line: string): void => {
        lines.push(line);
        if (lines.length === 2) stop.abort();
      };
      const environment = environmentWith({ PAYRECON_SCHEDULE: NEVER_AGAIN });
      await daemonFromEnvironment(
        { environment, flags: {}, limit: null, signal: stop.signal, log },
        {
          clock,
          chance: chance(),
          nowOffsetMs: () => offsetMs,
          alone: options.sharedLimits !== true,
          ...overrides,
        },
      );
      return lines;
    },
    whileAsleep(work) {
      meanwhile = work;
    },
    advance(ms) {
      offsetMs += ms;
      world.sandbox.clock.advance(ms);
    },
    setLedgerClock(byMs) {
      offsetMs += byMs;
    },
    ledgerNow: () => Date.now() + offsetMs,
    copies: ledgers.copies,
    settleAtStripe: (id, settlement) => control(`payment_intents/${id}/settle`, settlement),
    raw: () => ledgers.raw(),
    async end() {
      for (const payrecon of opened.splice(0)) await payrecon.close();
      await ledgers.end();
    },
  };
}

/** Only says why a case hangs; no verdict depends on it. */
const QUIET_WITHIN_MS = 120_000;

/** What was under way when a process died has come to its end. */
export async function quiet(sandbox: Sandbox): Promise<void> {
  for (
    let waitedMs = 0;
    sandbox.books.requests.some((request) => request.duration_ms === null);
    waitedMs += 1
  ) {
    if (waitedMs > QUIET_WITHIN_MS) throw new Error('the local Stripe is still busy');
    await wait(1);
  }
}

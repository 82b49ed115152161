import { randomUUID, randomInt } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AdvanceDeps } from './app/advance.ts';
import type { ChargeOptions, ChargeOutcome, Payrecon, ReconcileOptions } from './app/payrecon.ts';
import type { Actor, Chance, Clock, Gateway, Mailer } from './app/ports.ts';
import type { Settings } from './config/settings.ts';
import type { Limits } from './domain/move.ts';
import type { ChargeRequest } from './domain/transaction.ts';
import type { Gate } from './storage/gate.ts';
import type { Storage } from './storage/open.ts';

/*
 * The composition root: settings in, services out, each opened at its first use and closed in the
 * reverse order. Nothing else in the program makes a clock, a random number or a connection.
 */

/** What tests replace to take control of time, chance and I/O; production leaves it out. */
export interface Seams {
  readonly clock?: Clock;
  readonly chance?: Chance;
  readonly gate?: Gate;
  readonly nowOffsetMs?: () => number;
  /** Wraps the gateway and the mailer, e.g. with a gate that counts their calls. */
  readonly wrapGateway?: (gateway: Gateway) => Gateway;
  readonly wrapMailer?: (mailer: Mailer) => Mailer;
}

export interface OpenInput {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** By the flag's name without dashes. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  /** Fail at once, before anything is opened, when there is no Stripe key. */
  readonly needsStripe: boolean;
  /** Who acts, for the audit trail: `charge`, `reconcile`, `resolve`, `notify`. */
  readonly role: string;
}

/** @throws PayreconError `configuration` with every problem of the settings. */
export async function openFromEnvironment(input: OpenInput, seams: Seams = {}): Promise<Payrecon> {
  return assemble(await readSettings(input), input.role, seams);
}

async function readSettings(input: OpenInput): Promise<Settings> {
  const [{ loadSettings, requireStripe }, { systemSources }] = await Promise.all([import('./config/settings.ts'), import('./config/system.ts')]);
  const settings = loadSettings(systemSources(input.flags, input.environment));
  if (input.needsStripe) requireStripe(settings);
  return settings;
}

const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  },
};

const CHANCE_STEPS = 2 ** 47;

const systemChance: Chance = {
  uniform: () => randomInt(CHANCE_STEPS) / CHANCE_STEPS,
  token: () => randomUUID(),
};

export function actorOf(role: string, operator: string | null): Actor {
  const systemUser = systemUserName();
  return { role, operator: operator ?? systemUser, systemUser, host: hostname(), pid: process.pid };
}

/** A container may run under a number that no user database knows. */
function systemUserName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    if (error instanceof Error && 'code' in error) return `uid ${String(process.getuid?.() ?? 'unknown')}`;
    throw error;
  }
}

/** Remembers what it opened, so that only that is closed, last first. */
function closingInReverse(): { readonly onClose: (close: () => Promise<void> | void) => void; readonly close: () => Promise<void> } {
  const closers: (() => Promise<void> | void)[] = [];
  return {
    onClose: (close) => { closers.push(close); },
    close: async () => {
      for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
    },
  };
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | null = null;
  return () => (made ??= { value: make() }).value;
}

export interface DaemonInput {
  readonly environment: OpenInput['environment'];
  readonly flags: OpenInput['flags'];
  readonly limit: number | null;
  /** Aborted by the first signal: the pass that runs is finished, then the daemon ends. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/**
 * Passes on schedule until the signal. Each pass opens its own connections and closes them, so a
 * database that comes back is met afresh and nothing grows over weeks.
 */
export async function daemonFromEnvironment(input: DaemonInput): Promise<void> {
  const { environment, flags, limit, signal, log } = input;
  const settings = await readSettings({ environment, flags, needsStripe: true, role: 'reconcile' });
  const [{ runDaemon }, { serviceManager }, { passLine }] = await Promise.all([
    import('./daemon/daemon.ts'),
    import('./daemon/service-manager.ts'),
    import('./app/pass-line.ts'),
  ]);
  const pass = async (stop: AbortSignal): Promise<string> => {
    const payrecon = assemble(settings, 'reconcile');
    try {
      return passLine(await payrecon.reconcile({ limit, dryRun: false, signal: stop }));
    } finally {
      await payrecon.close();
    }
  };
  await runDaemon({ schedule: settings.schedule, pass, signal, log, manager: serviceManager(environment, log) });
}

export function assemble(settings: Settings, role: string, seams: Seams = {}): Payrecon {
  const clock = seams.clock ?? systemClock;
  const chance = seams.chance ?? systemChance;
  const actor = actorOf(role, settings.operator);
  const { onClose, close } = closingInReverse();
  const limits: Limits = {
    maxAttempts: settings.maxAttempts,
    backoffBaseMs: settings.backoffBaseMs,
    backoffCapMs: settings.backoffCapMs,
    stuckAfterMs: settings.stuckAfterMs,
    deadlineMs: settings.stripeDeadlineMs,
  };

  const open = async (more: { readonly autoMigrate?: boolean; readonly anySchema?: boolean } = {}): Promise<Storage> => {
    const { openStorage } = await import('./storage/open.ts');
    const storage = await openStorage({
      url: settings.database.kind === 'sqlite' ? `sqlite:${settings.database.path}` : settings.database.url,
      clock,
      chance,
      ...more,
      ...(seams.gate === undefined ? {} : { gate: seams.gate }),
      ...(seams.nowOffsetMs === undefined ? {} : { nowOffsetMs: seams.nowOffsetMs }),
    });
    onClose(async () => { await storage.close(); });
    return storage;
  };
  const storage = once(async () => await open());
  const gateway = once(async () => {
    const [{ openGateway }, { requireStripe }] = await Promise.all([import('./stripe/gateway.ts'), import('./config/settings.ts')]);
    const opened = openGateway({
      secretKey: requireStripe(settings).secretKey,
      apiBase: settings.stripeApiBase,
      deadlineMs: settings.stripeDeadlineMs,
      requestsPerSecond: settings.stripeRps,
      endpointRequestsPerSecond: settings.stripeEndpointRps,
      clock,
    });
    onClose(() => { opened.close(); });
    return seams.wrapGateway?.(opened) ?? opened;
  });
  const mailer = once(async () => {
    const { openMailer } = await import('./email/mailer.ts');
    const opened = openMailer({ apiKey: settings.sendgridApiKey, apiBase: settings.sendgridApiBase, from: settings.mailFrom, operatorEmail: settings.operatorEmail });
    return seams.wrapMailer?.(opened) ?? opened;
  });
  const advancing = async (): Promise<AdvanceDeps> => ({ ledger: (await storage()).ledger, gateway: await gateway(), clock, chance, limits, actor });
  const dispatching = async (limit: number | null, signal: AbortSignal | undefined): Promise<Awaited<ReturnType<Payrecon['sendNotifications']>>> => {
    const { dispatch } = await import('./app/dispatch.ts');
    return await dispatch({ outbox: (await storage()).outbox, mailer: await mailer(), chance, actor }, limit, signal);
  };

  return {
    mode: settings.stripeMode,
    ledger: settings.database.shown,
    warnings: settings.warnings,
    close,
    async charge(request: ChargeRequest, options: ChargeOptions): Promise<ChargeOutcome> {
      const { charge } = await import('./app/charge.ts');
      return await charge({ ...(await advancing()), duplicateWindowMs: settings.duplicateWindowMs }, request, options);
    },
    async reconcile(options: ReconcileOptions) {
      const { reconcile } = await import('./app/reconcile.ts');
      const { history, passes } = await storage();
      const dispatch = async (signal: AbortSignal | undefined): Promise<unknown> => await dispatching(null, signal);
      return await reconcile({ ...(await advancing()), history, passes, pendingAfterMs: settings.pendingAfterMs, dispatch }, options);
    },
    async list(filter, limit, cursor) {
      const { listPage } = await import('./app/history.ts');
      return await listPage((await storage()).history, filter, limit, cursor);
    },
    async show(idOrKey) {
      const { show } = await import('./app/history.ts');
      const { ledger, history } = await storage();
      return await show(ledger, history, idOrKey);
    },
    async stuck(limit, cursor) {
      const { listPage } = await import('./app/history.ts');
      const everyone = { statuses: [], since: null, until: null, customer: null, reference: null, needsPerson: true };
      return await listPage((await storage()).history, everyone, limit, cursor);
    },
    async inspect(idOrKey) {
      const { inspect } = await import('./app/resolve.ts');
      return await inspect(await advancing(), idOrKey);
    },
    async resolve(idOrKey, request) {
      const { resolve } = await import('./app/resolve.ts');
      return await resolve(await advancing(), idOrKey, request);
    },
    sendNotifications: dispatching,
    async notifications(states, limit) {
      return await (await storage()).outbox.list(states, limit);
    },
    async resendNotification(id) {
      const { resend } = await import('./app/notifications.ts');
      return await resend((await storage()).outbox, id);
    },
    async verifyAudit(idOrKey) {
      const { verifyAudit } = await import('./app/history.ts');
      const { ledger, history } = await storage();
      return await verifyAudit(ledger, history, idOrKey);
    },
    async status() {
      const { ledgerStatus } = await import('./app/history.ts');
      const { history, passes, outbox } = await storage();
      return await ledgerStatus(history, passes, outbox);
    },
    async doctor() {
      const [{ examine }, { describeSettings }] = await Promise.all([import('./app/doctor.ts'), import('./config/describe.ts')]);
      const opened = settings.stripeMode === 'none' ? null : await gateway();
      return await examine({
        describe: describeSettings(settings),
        mode: settings.stripeMode,
        openStorage: storage,
        gateway: opened,
        mail: {
          configured: (await mailer()).configured,
          hasKey: settings.sendgridApiKey !== null,
          hasSender: settings.mailFrom !== null,
          hasOperator: settings.operatorEmail !== null,
        },
      });
    },
    async migrate(direction) {
      const { migrateUp, migrateDown } = await open({ autoMigrate: false, anySchema: true });
      return direction === 'up' ? await migrateUp() : await migrateDown();
    },
    async migrationStatus() {
      return await (await open({ autoMigrate: false, anySchema: true })).schema();
    },
  };
}

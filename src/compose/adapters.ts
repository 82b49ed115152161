import type { AdvanceDeps } from '../app/advance.ts';
import type { DispatchDeps, DispatchLimits } from '../app/send-notifications.ts';
import type { OwnLedger, OwnLedgerDeps } from '../app/own-ledger.ts';
import type { DispatchReport } from '../app/service.ts';
import type { Budgets, Chance, Clock, Gateway, Mailer } from '../app/ports.ts';
import type { Settings } from '../config/settings.ts';
import type { Limits } from '../domain/decide/decision.ts';
import type { Priority } from '../domain/rate-limit/budget.ts';
import type { Gate } from '../storage/statement-hook.ts';
import type { GatewayOptions } from '../stripe/gateway.ts';
import type { RequestLimiter } from '../stripe/rate-limit/local-limiter.ts';
import type { Storage } from '../storage/open.ts';
import { ledgerStorage, once, type LedgerStorage } from './ledger-storage.ts';
import { actorOf, hashOf, systemChance, systemClock } from './system.ts';

/** What tests replace to take control of time, chance and I/O; production leaves it out. */
export interface Overrides {
  readonly clock?: Clock;
  readonly chance?: Chance;
  readonly gate?: Gate;
  readonly nowOffsetMs?: () => number;
  /** Leaves Stripe's limits to each process: without the statements by which they are shared. */
  readonly alone?: boolean;
  /** Wraps the gateway and the mailer, e.g. with a gate that counts their calls. */
  readonly wrapGateway?: (gateway: Gateway) => Gateway;
  readonly wrapMailer?: (mailer: Mailer) => Mailer;
}

/** The adapters, each loaded and opened at its first use. */
export interface Adapters extends LedgerStorage {
  /** One for each priority; they share this process's pace. */
  readonly gateway: (priority: Priority) => Promise<Gateway>;
  readonly mailer: () => Promise<Mailer>;
  /** What advances a payment, once it is known whose ledger it is. */
  readonly advancing: () => Promise<AdvanceDeps>;
  /** The same before that is known, for whoever looks himself. */
  readonly advancingUnowned: (
    priority: Priority,
  ) => Promise<Omit<AdvanceDeps, 'ledgerMarks' | 'doubted'>>;
  readonly ownLedgerDeps: (priority: Priority) => Promise<OwnLedgerDeps>;
  /** Asked again now and then: a pass of another process may have found that the ledger was rolled back. */
  readonly whose: (priority: Priority) => Promise<OwnLedger>;
  readonly dispatch: (limits: DispatchLimits, signal?: AbortSignal) => Promise<DispatchReport>;
  /** Closes what was opened, last first. */
  readonly close: () => Promise<void>;
}

/** What whoever opens them gives them. */
export interface Given {
  readonly say?: (sentence: string) => void;
  /** Kept by who opens them again and again; see `GatewayOptions`. */
  readonly readUpTo?: Map<string, number>;
}

const LEASE_MS = 90_000;
/** A lease outlives the worst call, which the Stripe library may send twice, with time to record its answer. */
const WORST_CALL_FACTOR = 3;
const LEASE_MARGIN_MS = 30_000;

/** A process that lives long looks again after this. */
const OWNER_KNOWN_FOR_MS = 5_000;

export function openAdapters(
  settings: Settings,
  role: string,
  overrides: Overrides,
  { say = () => undefined, readUpTo }: Given = {},
): Adapters {
  const { clock = systemClock, chance = systemChance } = overrides;
  const actor = actorOf(role, settings.operator);
  const { onClose, close } = closingInReverse();

  const options = { clock, chance, ...storageSeams(overrides), leaseMs: leaseMsOf(settings) };
  const opened = ledgerStorage({ settings, options, onClose, say });
  const { storage } = opened;

  const gateway = async (priority: Priority): Promise<Gateway> => await gateways[priority]();
  const owner = ownerOf(settings, { storage, gateway, clock, say });
  const gateways = gatewaysOf(settings, overrides, {
    clock,
    ledger: owner.known,
    ...(overrides.alone === true ? {} : { budgets: sharedBudgets(storage) }),
    ...(readUpTo === undefined ? {} : { readUpTo }),
    onClose,
  });

  const { ownLedgerDeps, whose } = owner;
  const advancingUnowned: Adapters['advancingUnowned'] = async (priority) => ({
    ledger: (await storage()).ledger,
    gateway: await gateway(priority),
    clock,
    chance,
    limits: limitsOf(settings),
    actor,
  });

  const mailer = once(async () => await mailerOf(settings, overrides));

  return {
    ...opened,
    gateway,
    mailer,
    advancing: async () => {
      const { marks, identity } = await whose('live');
      return {
        ...(await advancingUnowned('live')),
        ledgerMarks: marks,
        doubted: identity.rolledBackAt !== null,
      };
    },
    advancingUnowned,
    ownLedgerDeps,
    whose,
    dispatch: async (limits, signal) =>
      await dispatchWith(
        { outbox: (await storage()).outbox, mailer: await mailer(), chance, clock, actor },
        limits,
        signal,
      ),
    close,
  };
}

function leaseMsOf({ stripeDeadlineMs }: Settings): number {
  return Math.max(LEASE_MS, WORST_CALL_FACTOR * stripeDeadlineMs + LEASE_MARGIN_MS);
}

function storageSeams({ gate, nowOffsetMs }: Overrides): Pick<Overrides, 'gate' | 'nowOffsetMs'> {
  return {
    ...(gate === undefined ? {} : { gate }),
    ...(nowOffsetMs === undefined ? {} : { nowOffsetMs }),
  };
}

interface GatewayInput extends Pick<GatewayOptions, 'clock' | 'ledger' | 'budgets' | 'readUpTo'> {
  readonly onClose: (close: () => void) => void;
}

/** One gateway for each priority, opened when it is first used; both keep to one pace in this process. */
function gatewaysOf(
  settings: Settings,
  { wrapGateway }: Overrides,
  { onClose, ...given }: GatewayInput,
): Readonly<Record<Priority, () => Promise<Gateway>>> {
  const local = once(async () => await localLimiter(settings, given.clock));
  const open = async (priority: Priority): Promise<Gateway> => {
    const [{ openGateway }, { requireStripe }] = await Promise.all([
      import('../stripe/gateway.ts'),
      import('../config/settings.ts'),
    ]);
    const gateway = openGateway({
      ...given,
      priority,
      local: await local(),
      secretKey: requireStripe(settings).secretKey,
      apiBase: settings.stripeApiBase,
      proxy: settings.stripeProxy,
      deadlineMs: settings.stripeDeadlineMs,
      requestsPerSecond: settings.stripeRps,
      endpointRequestsPerSecond: settings.stripeEndpointRps,
    });
    onClose(() => {
      gateway.close();
    });
    return wrapGateway?.(gateway) ?? gateway;
  };
  return { live: once(() => open('live')), pass: once(() => open('pass')) };
}

async function localLimiter(
  { stripeRps, stripeEndpointRps }: Settings,
  clock: Clock,
): Promise<RequestLimiter> {
  const { RequestLimiter: Local } = await import('../stripe/rate-limit/local-limiter.ts');
  return new Local(
    { requestsPerSecond: stripeRps, endpointRequestsPerSecond: stripeEndpointRps },
    clock,
  );
}

interface Owner extends Pick<Adapters, 'ownLedgerDeps' | 'whose'> {
  /** Null until it was asked. */
  readonly known: () => { readonly id: string; readonly namespace: string } | null;
}

function ownerOf(
  settings: Settings,
  {
    storage,
    gateway,
    clock,
    say,
  }: Pick<Adapters, 'storage' | 'gateway'> & Pick<OwnLedgerDeps, 'clock' | 'say'>,
): Owner {
  let owned: { readonly own: OwnLedger; readonly atMs: number } | null = null;
  const ownLedgerDeps = async (priority: Priority): Promise<OwnLedgerDeps> => {
    const [{ identity, passes, ledger }, stripe] = await Promise.all([
      storage(),
      gateway(priority),
    ]);
    return {
      identity,
      passes,
      gateway: stripe,
      clock,
      now: async () => await ledger.now(),
      keyHash: hashOf(settings.stripeSecretKey ?? ''),
      livemode: settings.stripeMode === 'live',
      namespace: settings.namespace,
      newLedger: settings.newLedger,
      say,
    };
  };
  // The lines of a file that begin together ask once.
  let owning: Promise<OwnLedger> | null = null;
  const readOwner = async (priority: Priority): Promise<OwnLedger> => {
    const { ownLedger } = await import('../app/own-ledger.ts');
    const own = await ownLedger(await ownLedgerDeps(priority));
    owned = { own, atMs: clock.monotonicMs() };
    return own;
  };
  return {
    ownLedgerDeps,
    known: () =>
      owned === null ? null : { id: owned.own.marks.id, namespace: owned.own.identity.namespace },
    whose: async (priority) => {
      if (owned !== null && clock.monotonicMs() - owned.atMs < OWNER_KNOWN_FOR_MS) return owned.own;
      owning ??= readOwner(priority).finally(() => {
        owning = null;
      });
      return await owning;
    },
  };
}

/** The ledger is opened by the first call to Stripe at the latest; where it cannot be, the process paces itself alone. */
function sharedBudgets(storage: () => Promise<Storage>): Budgets {
  return {
    take: async (budgets, wanted) => await (await storage()).budgets.take(budgets, wanted),
    slowDown: async (names) => {
      await (await storage()).budgets.slowDown(names);
    },
  };
}

async function mailerOf(settings: Settings, { wrapMailer }: Overrides): Promise<Mailer> {
  const { openMailer } = await import('../email/mailer.ts');
  const {
    sendgridApiKey: apiKey,
    sendgridApiBase: apiBase,
    sendgridProxy: proxy,
    mailFrom: from,
    mailReplyTo: replyTo,
    operatorEmail,
    timeZone,
  } = settings;
  const mailer = openMailer({ apiKey, apiBase, proxy, from, replyTo, operatorEmail, timeZone });
  return wrapMailer?.(mailer) ?? mailer;
}

async function dispatchWith(
  deps: DispatchDeps,
  limits: DispatchLimits,
  signal?: AbortSignal,
): Promise<DispatchReport> {
  const { dispatch } = await import('../app/send-notifications.ts');
  return await dispatch(deps, limits, signal);
}

function limitsOf(settings: Settings): Limits {
  const {
    maxAttempts,
    backoffBaseMs,
    backoffCapMs,
    stuckAfterMs,
    stripeDeadlineMs: deadlineMs,
  } = settings;
  return { maxAttempts, backoffBaseMs, backoffCapMs, stuckAfterMs, deadlineMs };
}

type Close = () => Promise<void> | void;

/** Remembers what was opened, so that only that is closed, last first. */
function closingInReverse(): {
  readonly onClose: (close: Close) => void;
  readonly close: () => Promise<void>;
} {
  const closers: Close[] = [];
  return {
    onClose: (close) => {
      closers.push(close);
    },
    close: async () => {
      for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
    },
  };
}

import type { DoctorDeps } from '../app/doctor.ts';
import type { ChargeOutcome, Payrecon } from '../app/service.ts';
import type { LedgerIdentity, ListFilter } from '../app/ports.ts';
import type { AdvanceDeps } from '../app/advance.ts';
import { listPage, ledgerStatus, show, verifyAudit } from '../app/history.ts';
import type { Settings } from '../config/settings.ts';
import type { PassEnd } from '../daemon/daemon.ts';
import { askedFrom } from '../domain/asked-from.ts';
import { PayreconError } from '../domain/errors.ts';
import type { Storage } from '../storage/open.ts';
import { once } from './ledger-storage.ts';
import { openAdapters, type Adapters, type Given, type Overrides } from './adapters.ts';

/*
 * The composition root: settings in, services out, each opened at its first use and closed in the
 * reverse order. Nothing else in the program makes a clock, a random number or a connection.
 */

export interface OpenInput {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** By the flag's name without dashes. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  /** Fail at once, before anything is opened, when there is no Stripe key. */
  readonly needsStripe: boolean;
  /** Who acts, for the audit trail: `charge`, `reconcile`, `resolve`, `notify`. */
  readonly role: string;
  /** Sentences for a person, as they happen: that a ledger was bound to its account. */
  readonly notice?: (sentence: string) => void;
}

/** @throws PayreconError `configuration` with every problem of the settings. */
export async function openFromEnvironment(
  input: OpenInput,
  overrides: Overrides = {},
): Promise<Payrecon> {
  return assemble(await readSettings(input), input, overrides);
}

async function readSettings(input: OpenInput): Promise<Settings> {
  const [{ loadSettings, requireStripe }, { systemSources }] = await Promise.all([
    import('../config/settings.ts'),
    import('../config/system.ts'),
  ]);
  const settings = loadSettings(systemSources(input.flags, input.environment));
  if (input.needsStripe) requireStripe(settings);
  return settings;
}

/** Whose clock people are shown; asks nothing and opens nothing. */
export async function timeZoneFromEnvironment(
  input: Pick<OpenInput, 'environment' | 'flags'>,
): Promise<string> {
  return (await readSettings({ ...input, needsStripe: false, role: 'list' })).timeZone;
}

export interface DaemonInput extends Pick<OpenInput, 'environment' | 'flags'> {
  readonly limit: number | null;
  /** Aborted by the first signal: the pass that runs is finished, then the daemon ends. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/**
 * Passes on schedule until the signal. Each pass opens its own connections and closes them, so a
 * database that comes back is met afresh and nothing grows over weeks.
 */
export async function daemonFromEnvironment(
  input: DaemonInput,
  overrides: Overrides = {},
): Promise<void> {
  const { environment, flags, limit, signal, log } = input;
  const settings = await readSettings({ environment, flags, needsStripe: true, role: 'reconcile' });
  const [{ runDaemon }, { serviceManager }, { passLine }] = await Promise.all([
    import('../daemon/daemon.ts'),
    import('../daemon/service-manager.ts'),
    import('../app/reconcile/pass-line.ts'),
  ]);
  // Each pass opens the ledger anew: what is wrong with its place is said once.
  const readUpTo = new Map<string, number>();
  const said = new Set<string>();
  const notice = (sentence: string): void => {
    if (!said.has(sentence)) log(sentence);
    said.add(sentence);
  };
  const pass = async (stop: AbortSignal): Promise<PassEnd> => {
    const payrecon = assemble(settings, { role: 'reconcile', notice, readUpTo }, overrides);
    try {
      const outcome = await payrecon.reconcile({ limit, dryRun: false, signal: stop });
      return { line: passLine(outcome), againInMs: outcome.takeOverInMs };
    } finally {
      await payrecon.close();
    }
  };
  for (const warning of settings.warnings) log(`warning: ${warning}`);
  await runDaemon({
    schedule: { expression: settings.schedule, timeZone: settings.timeZone },
    pass,
    signal,
    log,
    manager: serviceManager(environment, log),
  });
}

function assemble(
  settings: Settings,
  { role, notice, readUpTo }: Pick<OpenInput, 'role' | 'notice'> & Pick<Given, 'readUpTo'>,
  overrides: Overrides,
): Payrecon {
  const adapters = openAdapters(settings, role, overrides, {
    ...(notice === undefined ? {} : { say: notice }),
    ...(readUpTo === undefined ? {} : { readUpTo }),
  });
  return {
    mode: settings.stripeMode,
    timeZone: settings.timeZone,
    ledger: settings.database.shown,
    limits: {
      requestsPerSecond: settings.stripeRps,
      endpointRequestsPerSecond: settings.stripeEndpointRps,
    },
    warnings: settings.warnings,
    close: adapters.close,
    ...payments(settings, adapters),
    ...reading(settings, adapters),
    ...stuckWork(settings, adapters),
    ...mail(adapters),
    ...upkeep(settings, adapters),
  };
}

/** E-mails must not hold up payments: the rest waits for the next pass. */
const MAIL_MS_A_PASS = 20_000;

interface Whole {
  readonly identity: LedgerIdentity;
  /** Until the look has found the ledger whole. */
  readonly isInDoubt: () => Promise<boolean>;
  /** One look for all. */
  readonly look: () => Promise<void>;
}

/** For one reading of who the ledger is. */
async function wholeOf(adapters: Adapters, identity: LedgerIdentity): Promise<Whole> {
  const { doubt, mustBeWhole } = await import('../app/own-ledger.ts');
  const deps = await adapters.ownLedgerDeps('live');
  let isFoundWhole = false;
  const doubted = once(async () => await doubt(deps, identity));
  return {
    identity,
    isInDoubt: async () => !isFoundWhole && (await doubted()).isInDoubt,
    look: once(async () => {
      await mustBeWhole(deps, identity, (await doubted()).witness);
      isFoundWhole = true;
    }),
  };
}

function payments(settings: Settings, adapters: Adapters): Pick<Payrecon, 'charge' | 'reconcile'> {
  // Asked once for each reading of who the ledger is: the lines of a file share the answers.
  let whole: { readonly identity: LedgerIdentity; readonly opened: Promise<Whole> } | null = null;
  const told = (outcome: ChargeOutcome): ChargeOutcome => ({
    ...outcome,
    transaction: askedFrom(outcome.transaction, settings.pendingAfterMs),
  });
  return {
    async charge(request, options) {
      const [{ charge, answerFromLedger }, { refuseDoubtful }] = await Promise.all([
        import('../app/charge.ts'),
        import('../app/doubtful-texts.ts'),
      ]);
      // Before there is a ledger: a request that is refused makes none.
      await refuseDoubtful(request, async () => (await storageIfThere(adapters))?.ledger ?? null);
      await adapters.storageToCharge();
      const [{ identity }, { passes }] = await Promise.all([
        adapters.whose('live'),
        adapters.storage(),
      ]);
      if (whole?.identity !== identity) whole = { identity, opened: wholeOf(adapters, identity) };
      const { isInDoubt, look } = await whole.opened;
      const deps = {
        ...(await adapters.advancing()),
        passes,
        duplicateWindowMs: settings.duplicateWindowMs,
      };
      if (await isInDoubt()) {
        // What the ledger answers by itself asks nothing of Stripe, not even whether it is whole.
        const answer = await answerFromLedger(deps, request, options);
        if (answer !== null) return told(answer);
        await look();
      }
      return told(await charge(deps, request, options));
    },
    async reconcile(options) {
      const [{ reconcile }, { checkWhole }] = await Promise.all([
        import('../app/reconcile/pass.ts'),
        import('../app/own-ledger.ts'),
      ]);
      const { history, passes } = await adapters.storage();
      const dispatch = async (signal: AbortSignal | undefined): Promise<unknown> =>
        await adapters.dispatch({ emails: null, forMs: MAIL_MS_A_PASS }, signal);
      const ownDeps = await adapters.ownLedgerDeps('pass');
      return await reconcile(
        {
          ...(await adapters.advancingUnowned('pass')),
          history,
          passes,
          pendingAfterMs: settings.pendingAfterMs,
          dispatch,
          whose: async () => await adapters.whose('pass'),
          checkWhole: async (identity) => await checkWhole(ownDeps, identity),
        },
        options,
      );
    },
  };
}

async function storageIfThere({ storage }: Adapters): Promise<Storage | null> {
  return await storage().catch((error: unknown) => {
    if (error instanceof PayreconError && error.code === 'no_ledger') return null;
    throw error;
  });
}

const NEEDS_PERSON: ListFilter = {
  statuses: [],
  since: null,
  until: null,
  customer: null,
  reference: null,
  needsPerson: true,
};

function reading(
  settings: Settings,
  { storage }: Adapters,
): Pick<Payrecon, 'list' | 'show' | 'stuck' | 'verifyAudit' | 'status'> {
  const { pendingAfterMs } = settings;
  const page: Payrecon['list'] = async (filter, limit, cursor) => {
    const found = await listPage((await storage()).history, filter, limit, cursor);
    return { ...found, data: found.data.map((each) => askedFrom(each, pendingAfterMs)) };
  };
  return {
    list: page,
    stuck: async (limit, cursor) => await page(NEEDS_PERSON, limit, cursor),
    show: async (idOrKey) => await show(await storage(), pendingAfterMs, idOrKey),
    async verifyAudit(idOrKey) {
      const { ledger, history } = await storage();
      return await verifyAudit(ledger, history, idOrKey);
    },
    async status() {
      return await ledgerStatus(await storage(), settings.pendingAfterMs);
    },
  };
}

function stuckWork(
  settings: Settings,
  { advancing, storage }: Adapters,
): Pick<Payrecon, 'inspect' | 'preview' | 'resolve' | 'cancel'> {
  return {
    async preview(stuck, as, reason) {
      const [{ letterOfDecision }, { messageFor }, { senderOf }] = await Promise.all([
        import('../app/letter-preview.ts'),
        import('../email/messages.ts'),
        import('../email/mailer.ts'),
      ]);
      const now = await (await storage()).ledger.now();
      const letter = letterOfDecision(stuck, { as, reason }, now);
      if (letter === null) return null;
      const { mailFrom: from, mailReplyTo: replyTo, timeZone } = settings;
      const { subject, text } = messageFor(letter, senderOf({ from, replyTo, timeZone }));
      return { to: letter.to, subject, text };
    },
    async cancel(idOrKey, request) {
      const { cancel } = await import('../app/cancel.ts');
      return await cancel(decidedBy(await advancing(), request), idOrKey, request);
    },
    async inspect(idOrKey) {
      const { inspect } = await import('../app/resolve.ts');
      return await inspect(await advancing(), idOrKey);
    },
    async resolve(idOrKey, request) {
      const { resolve } = await import('../app/resolve.ts');
      return await resolve(decidedBy(await advancing(), request), idOrKey, request);
    },
  };
}

/** In the audit trail stands who decided; the system's user and the host stay those of this process. */
function decidedBy(deps: AdvanceDeps, { operator }: { readonly operator?: string }): AdvanceDeps {
  return operator === undefined ? deps : { ...deps, actor: { ...deps.actor, operator } };
}

function mail({
  storage,
  dispatch,
}: Adapters): Pick<Payrecon, 'sendNotifications' | 'notifications' | 'resendNotification'> {
  return {
    sendNotifications: async (emails, signal) => await dispatch({ emails, forMs: null }, signal),
    async notifications(states, limit) {
      return await (await storage()).outbox.list(states, limit);
    },
    async resendNotification(id) {
      const { resend } = await import('../app/notifications.ts');
      return await resend((await storage()).outbox, id);
    },
  };
}

function waysOf(settings: Settings): DoctorDeps['ways'] {
  const { stripeApiBase, stripeProxy, sendgridApiKey, sendgridApiBase, sendgridProxy } = settings;
  const shown = (proxy: Settings['stripeProxy']): string | null =>
    proxy === null ? null : `${proxy.shown} (${proxy.variable})`;
  const stripe = {
    service: 'Stripe',
    base: stripeApiBase ?? 'https://api.stripe.com',
    proxy: shown(stripeProxy),
  };
  const mailService = {
    service: 'SendGrid',
    base: sendgridApiBase ?? 'https://api.sendgrid.com',
    proxy: shown(sendgridProxy),
  };
  return sendgridApiKey === null ? [stripe] : [stripe, mailService];
}

function upkeep(
  settings: Settings,
  adapters: Adapters,
): Pick<Payrecon, 'doctor' | 'migrate' | 'move' | 'migrationStatus'> {
  return {
    async doctor() {
      const [{ examine }, { describeSettings }] = await Promise.all([
        import('../app/doctor.ts'),
        import('../config/describe.ts'),
      ]);
      const { configured } = await adapters.mailer();
      const { stripeMode, sendgridApiKey, mailFrom, operatorEmail } = settings;
      return await examine({
        describe: describeSettings(settings),
        warnings: settings.warnings,
        ways: waysOf(settings),
        mode: stripeMode,
        isKeyRestricted: settings.stripeSecretKey?.startsWith('rk_') === true,
        madeByChargeAt: settings.database.kind === 'sqlite' ? settings.database.shown : null,
        ledgerAt: settings.database.shown,
        openStorage: adapters.storage,
        gateway: stripeMode === 'none' ? null : await adapters.gateway('live'),
        mail: {
          configured,
          hasKey: sendgridApiKey !== null,
          hasSender: mailFrom !== null,
          hasOperator: operatorEmail !== null,
        },
      });
    },
    async migrate(direction) {
      const storage = await adapters.anyStorage({ mayCreate: direction === 'up' });
      if (direction === 'down') return await storage.migrateDown();
      const names = await storage.migrateUp();
      await adapters.greetNew(storage);
      return names;
    },
    move: adapters.move,
    async migrationStatus() {
      return await (await adapters.anyStorage({ mayCreate: false })).schema();
    },
  };
}

import { PayreconError } from '../domain/errors.ts';
import { formatDuration } from '../domain/duration.ts';
import { ledgerState, ledgerStateWords, type LedgerState } from '../domain/ledger-state.ts';
import type { DoctorCheck } from './service.ts';
import type {
  AccountAnswer,
  Gateway,
  History,
  Identity,
  Ledger,
  NeedsPerson,
  Notification,
  Outbox,
  Passes,
  Right,
  RightAnswer,
} from './ports.ts';

/** Beyond this, Stripe's `created` and our own times no longer compare well. */
const CLOCK_WARNING_MS = 30_000;
/** A daemon passes every minute; cron may be slower. */
const LAST_PASS_WARNING_MS = 15 * 60_000;
/** Passes send e-mails, and one that failed is tried again within an hour. */
const MAIL_WAITS_WARNING_MS = 3_600_000;

/** How a service is reached: `proxy` is `HOST:PORT (VARIABLE)`, or null for none. */
interface Way {
  readonly service: string;
  readonly base: string;
  readonly proxy: string | null;
}

export interface DoctorDeps {
  /** Every setting, for a person's eyes: no secret in it. */
  readonly describe: readonly {
    readonly name: string;
    readonly value: string;
    readonly source: string;
  }[];
  /** What files let other users do, and where keys go: sentences that say what to do. */
  readonly warnings: readonly string[];
  readonly ways: readonly Way[];
  readonly mode: 'test' | 'live' | 'none';
  /** A restricted key has only the rights that somebody chose. */
  readonly isKeyRestricted: boolean;
  /** Where the first charge makes the ledger; null where only `payrecon migrate` does. */
  readonly madeByChargeAt: string | null;
  /** As DATABASE_URL names it, without a password. */
  readonly ledgerAt: string;
  /** Opens the database; what it throws is a finding, not a crash. */
  readonly openStorage: () => Promise<{
    readonly ledger: Ledger;
    readonly history: History;
    readonly outbox: Outbox;
    readonly passes: Passes;
    readonly identity: Pick<Identity, 'read'>;
    describe(): string;
    schema(): Promise<{
      readonly applied: readonly string[];
      readonly pending: readonly string[];
      readonly unknown: readonly string[];
    }>;
  }>;
  /** Null without a key. */
  readonly gateway: Gateway | null;
  readonly mail: {
    readonly configured: boolean;
    readonly hasKey: boolean;
    readonly hasSender: boolean;
    readonly hasOperator: boolean;
  };
}

/** Everything that a payment needs, looked at one by one; goes on after a failure. */
export async function examine(deps: DoctorDeps): Promise<readonly DoctorCheck[]> {
  const checks: DoctorCheck[] = [
    configurationCheck(deps.describe),
    ...deps.warnings.map((sentence) => warning('settings', sentence)),
    ...proxyChecks(deps.ways),
  ];
  const database = await examineDatabase(deps, checks);
  const account = await examineStripe(deps, checks);
  if (database !== null && account?.kind === 'account' && account.dateHeader !== null)
    checks.push(clockCheck(database.now, account.dateHeader));
  checks.push(...mailChecks(deps.mail, database));
  if (database !== null) checks.push(...database.checks);
  return checks;
}

async function examineStripe(
  { gateway, mode, isKeyRestricted }: DoctorDeps,
  checks: DoctorCheck[],
): Promise<AccountAnswer | null> {
  const account = gateway === null ? null : await gateway.account();
  checks.push(stripeCheck(mode, account));
  const isKeyTaken = account?.kind === 'account' || account?.kind === 'forbidden';
  if (gateway !== null && isKeyRestricted && isKeyTaken)
    checks.push(...rightChecks(await gateway.rights()));
  return account;
}

function configurationCheck(settings: DoctorDeps['describe']): DoctorCheck {
  const given = settings
    .filter(({ source }) => source !== 'default')
    .map(({ name, value, source }) => `${name}=${value} (${source})`);
  return ok('configuration', given.length === 0 ? 'all defaults' : given.join(', '));
}

function proxyChecks(ways: readonly Way[]): readonly DoctorCheck[] {
  const [through, direct] = [true, false].map((proxied) =>
    ways.filter(({ proxy }) => (proxy !== null) === proxied),
  );
  if (through === undefined || direct === undefined || through.length === 0) return [];
  const sentences = [
    ...through.map(
      ({ service, base, proxy }) => `${service} (${base}) is reached through ${proxy ?? ''}`,
    ),
    ...direct.map(({ service, base }) => `${service} (${base}) without a proxy`),
  ];
  return [ok('proxy', sentences.join('; '))];
}

const NEEDED: Readonly<Record<Right, { readonly to: string; readonly allow: string }>> = {
  list: { to: 'list payment intents', allow: 'PaymentIntents: Write' },
  retrieve: { to: 'retrieve payment intents', allow: 'PaymentIntents: Write' },
  search: { to: 'search payment intents', allow: 'PaymentIntents: Write' },
  events: { to: 'read events', allow: 'Events: Read' },
};

/** Without these no unknown outcome is ever known; search and events are asked only in rare cases. */
const INDISPENSABLE: ReadonlySet<Right> = new Set<Right>(['list', 'retrieve']);

function rightChecks(answers: readonly RightAnswer[]): readonly DoctorCheck[] {
  const found = answers.flatMap((answer): readonly DoctorCheck[] => {
    const { to, allow } = NEEDED[answer.right];
    if (answer.kind === 'granted') return [];
    if (answer.kind === 'unknown')
      return [
        warning(
          'rights',
          `whether the key may ${to} could not be tried (${answer.message}): run doctor again`,
        ),
      ];
    const message = `the restricted key may not ${to}: allow "${allow}" for it in Stripe's Dashboard (${answer.message})`;
    return INDISPENSABLE.has(answer.right)
      ? [{ name: 'rights', state: 'failed', message, failure: 'configuration' }]
      : [warning('rights', message)];
  });
  if (found.length > 0) return found;
  return [
    ok(
      'rights',
      'the restricted key may list, retrieve and search payment intents and read events; whether it may create, confirm and cancel them was not tried',
    ),
  ];
}

interface DatabaseFindings {
  readonly now: number;
  readonly queued: number;
  readonly failedMails: number;
  readonly oldestMail: Notification | null;
  readonly checks: readonly DoctorCheck[];
}

async function examineDatabase(
  deps: DoctorDeps,
  checks: DoctorCheck[],
): Promise<DatabaseFindings | null> {
  try {
    const storage = await deps.openStorage();
    const schema = await storage.schema();
    const now = await storage.ledger.now();
    checks.push(
      ok('database', `${storage.describe()} answers`),
      ok('schema', `${String(schema.applied.length)} migrations applied, none missing`),
    );
    checks.push(ledgerCheck(ledgerState(await storage.identity.read()), deps.ledgerAt));
    const [last, needs, counts, oldestMail] = await Promise.all([
      storage.passes.last(),
      storage.history.needsPerson(),
      storage.outbox.counts(),
      storage.outbox.oldestUnsent(),
    ]);
    return {
      now,
      queued: counts.queued,
      failedMails: counts.failed,
      oldestMail,
      checks: [lastPassCheck(last?.startedAt ?? null, now), stuckCheck(needs)],
    };
  } catch (error) {
    if (!(error instanceof PayreconError)) throw error;
    if (error.code === 'no_ledger' && deps.madeByChargeAt !== null) {
      checks.push(
        warning(
          'database',
          `there is no ledger yet: the first charge makes it at ${deps.madeByChargeAt}`,
        ),
      );
      return null;
    }
    const failure = error.kind === 'unreachable' ? 'unreachable' : 'configuration';
    checks.push({
      name: error.code.startsWith('schema') ? 'schema' : 'database',
      state: 'failed',
      message: error.message,
      failure,
    });
    return null;
  }
}

/** A setting that names an old place is to be corrected; what else stops charging is for a person to end. */
function ledgerCheck(state: LedgerState, where: string): DoctorCheck {
  const words = ledgerStateWords(state, where);
  if (words === null) return ok('ledger', 'payments can be made on it');
  const failure = state.kind === 'moved' ? 'configuration' : null;
  return { name: 'ledger', state: 'failed', message: `${words.what} ${words.safe}`, failure };
}

function stripeCheck(mode: DoctorDeps['mode'], account: AccountAnswer | null): DoctorCheck {
  if (account === null) {
    return {
      name: 'stripe',
      state: 'failed',
      message: 'no key: set STRIPE_SECRET_KEY (or STRIPE_SECRET_KEY_FILE)',
      failure: 'configuration',
    };
  }
  switch (account.kind) {
    case 'account':
      return ok(
        'stripe',
        `${mode} mode, account ${account.id}${account.name === null ? '' : ` (${account.name})`}`,
      );
    case 'forbidden':
      return warning(
        'stripe',
        `${mode} mode; this key may not read its account (${account.message}), so the ledger is bound by mode alone: allow it to read the account`,
      );
    case 'not_offered':
      return warning(
        'stripe',
        `${mode} mode; ${account.message}, so whose key it is cannot be checked: the real Stripe says it`,
      );
    case 'unauthorized':
      return {
        name: 'stripe',
        state: 'failed',
        message: `Stripe refused the key (${String(account.httpStatus)}): correct STRIPE_SECRET_KEY`,
        failure: 'configuration',
      };
    case 'unreachable':
      return {
        name: 'stripe',
        state: 'failed',
        message: `Stripe does not answer: ${account.message}`,
        failure: 'unreachable',
      };
  }
}

function clockCheck(databaseNow: number, stripeNow: number): DoctorCheck {
  const differenceMs = Math.abs(databaseNow - stripeNow);
  const message = `the database's clock and Stripe's differ by ${formatDuration(Math.round(differenceMs / 1000) * 1000)}`;
  return differenceMs > CLOCK_WARNING_MS
    ? { name: 'clock', state: 'warning', message: `${message}: set the clock (NTP)`, failure: null }
    : ok('clock', message);
}

function mailChecks(
  mail: DoctorDeps['mail'],
  database: DatabaseFindings | null,
): readonly DoctorCheck[] {
  if (database === null) return [mailCheck(mail, 0, 0)];
  const { queued, failedMails } = database;
  const queue = mail.configured ? queueChecks(database) : [];
  return [mailCheck(mail, queued, failedMails), ...queue];
}

function mailCheck(mail: DoctorDeps['mail'], queued: number, failed: number): DoctorCheck {
  const waiting = queued === 0 ? 'none waiting' : `${String(queued)} queued`;
  const missing = [
    ...(mail.hasKey ? [] : ['SENDGRID_API_KEY']),
    ...(mail.hasSender ? [] : ['PAYRECON_MAIL_FROM']),
    ...(mail.hasOperator ? [] : ['PAYRECON_OPERATOR_EMAIL']),
  ];
  if (!mail.configured)
    return warning(
      'sendgrid',
      `e-mails are not sent and stay queued (${waiting}): set ${missing.join(', ')}`,
    );
  if (failed > 0)
    return warning(
      'sendgrid',
      `${String(failed)} e-mails were refused for good (${waiting}): see \`payrecon notifications list\``,
    );
  return missing.length > 0
    ? warning('sendgrid', `operator e-mails stay queued (${waiting}): set ${missing.join(', ')}`)
    : ok('sendgrid', `configured, ${waiting}`);
}

/** One check more where e-mails could be sent and are not. */
function queueChecks({ oldestMail, queued, now }: DatabaseFindings): readonly DoctorCheck[] {
  if (oldestMail === null) return [];
  const { createdAt, lastError } = oldestMail;
  const waitsMs = now - createdAt;
  if (waitsMs <= MAIL_WAITS_WARNING_MS) return [];
  const age = formatDuration(Math.round(waitsMs / 60_000) * 60_000);
  const why = lastError === null ? 'it was never tried' : `its last error: ${lastError}`;
  return [
    warning(
      'mail_queue',
      `e-mails are not going out: ${String(queued)} queued, the oldest for ${age} (${why}). ` +
        'Correct what the error names, see that passes run, or run `payrecon notifications send`',
    ),
  ];
}

function lastPassCheck(startedAt: number | null, now: number): DoctorCheck {
  if (startedAt === null)
    return warning(
      'last_pass',
      'no reconciliation has run yet: run `payrecon reconcile` from cron, or `payrecon reconcile --daemon`',
    );
  const ageMs = now - startedAt;
  const message = `the last reconciliation was ${formatDuration(Math.max(0, Math.round(ageMs / 1000)) * 1000)} ago`;
  return ageMs > LAST_PASS_WARNING_MS
    ? warning('last_pass', `${message}: is cron or the daemon running?`)
    : ok('last_pass', message);
}

function stuckCheck(needs: NeedsPerson): DoctorCheck {
  if (needs.stuck + needs.overdue + needs.changed === 0)
    return ok('stuck', 'no payment waits for a person');
  return warning(
    'stuck',
    `${String(needs.stuck)} stuck and ${String(needs.overdue)} overdue${needs.changed > 0 ? `, ${String(needs.changed)} not as told before` : ''}: see \`payrecon stuck list\``,
  );
}

function ok(name: string, message: string): DoctorCheck {
  return { name, state: 'ok', message, failure: null };
}

function warning(name: string, message: string): DoctorCheck {
  return { name, state: 'warning', message, failure: null };
}

import {
  apiBase,
  cronExpression,
  timeZoneName,
  duration,
  emailAddress,
  filePath,
  mailbox,
  namespaceName,
  operatorName,
  rate,
  sendgridKey,
  stripeKey,
  wholeNumber,
  yesOrNo,
  type Parser,
} from './values.ts';

/**
 * What a variable means that is set but empty, as one whose shell variable was never set. `unset`: the
 * next place is asked, as service managers expect. `nothing`: no other place may put a key or a permission
 * there. `refused`: what was meant decides whose ledger it is or who is sent the charges.
 */
export type WhenEmpty = 'unset' | 'nothing' | 'refused';

/** One setting, declared once: the loader, `doctor` and the README's table all read it here. */
export interface Declaration<Value, Default extends string | null = string | null> {
  readonly name: string;
  readonly meaning: string;
  /** As one would write it; null when there is none, or when it depends on something else. */
  readonly fallback: Default;
  /** The default in words, where `fallback` does not say it. */
  readonly fallbackShown: string | null;
  /** Never shown, never taken from a flag or from the settings file; `<NAME>_FILE` and the credentials folder instead. */
  readonly secret: boolean;
  /** The flag's name without dashes, where there is one. */
  readonly flag: string | null;
  readonly whenEmpty: WhenEmpty;
  readonly parse: Parser<Value>;
}

type More = Partial<Pick<Declaration<never>, 'fallbackShown' | 'secret' | 'whenEmpty'>> & {
  readonly flag?: string | null;
};

function setting<Value, const Default extends string | null>(
  name: string,
  meaning: string,
  parse: Parser<Value>,
  fallback: Default,
  more: More = {},
): Declaration<Value, Default> {
  const flag = name.startsWith('PAYRECON_')
    ? name.slice('PAYRECON_'.length).toLowerCase().replaceAll('_', '-')
    : null;
  return {
    name,
    meaning,
    parse,
    fallback,
    fallbackShown: null,
    secret: false,
    flag,
    whenEmpty: 'unset',
    ...more,
  };
}

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
/** Stripe answers within 80 s or not at all (its library's own time limit); ours must leave a lease time to live. */
const STRIPE_DEADLINE_MS = { min: 100, max: 120 * SECOND_MS };

/** Stripe's own limits: 100 calls a second and account in live mode, 25 in test mode, 25 an endpoint. */
export const STRIPE_RPS = { live: 100, test: 25 };

export const DATABASE_URL = 'DATABASE_URL';
export const CONFIG_NAME = 'PAYRECON_CONFIG';

/** Every setting but DATABASE_URL, by its name in `Settings`. */
export const DECLARATIONS = {
  stripeSecretKey: setting(
    'STRIPE_SECRET_KEY',
    "Stripe's secret key, or a restricted one",
    stripeKey,
    null,
    { secret: true, whenEmpty: 'nothing' },
  ),
  live: setting('PAYRECON_LIVE', '`1` allows a live key: real money', yesOrNo, '0', {
    fallbackShown: 'live keys are refused',
    whenEmpty: 'nothing',
  }),
  namespace: setting(
    'PAYRECON_NAMESPACE',
    'Keeps the ledgers of two shops on one Stripe account apart; fixed when a ledger is made',
    namespaceName,
    '',
    { fallbackShown: 'empty', flag: null, whenEmpty: 'nothing' },
  ),
  newLedger: setting(
    'PAYRECON_NEW_LEDGER',
    '`1` allows a new ledger where another one of the same account and namespace has charged',
    yesOrNo,
    '0',
    { fallbackShown: 'refused', whenEmpty: 'nothing' },
  ),
  stripeApiBase: setting('STRIPE_API_BASE', 'Base URL of a local Stripe', apiBase, null, {
    fallbackShown: "Stripe's own",
    flag: 'stripe-api-base',
    whenEmpty: 'refused',
  }),
  stripeDeadlineMs: setting(
    'PAYRECON_STRIPE_DEADLINE',
    'Time limit of one call to Stripe',
    duration(STRIPE_DEADLINE_MS.min, STRIPE_DEADLINE_MS.max),
    '20s',
  ),
  stripeRps: setting(
    'PAYRECON_STRIPE_RPS',
    'Calls to Stripe a second, in all',
    rate(0.1, 10_000),
    null,
    { fallbackShown: '`100` (`25` for a test key)' },
  ),
  stripeEndpointRps: setting(
    'PAYRECON_STRIPE_ENDPOINT_RPS',
    'Calls to Stripe a second and endpoint',
    rate(0.1, 10_000),
    '25',
  ),
  sendgridApiKey: setting(
    'SENDGRID_API_KEY',
    "SendGrid's key; without it e-mails stay queued",
    sendgridKey,
    null,
    { secret: true, whenEmpty: 'nothing' },
  ),
  sendgridApiBase: setting('SENDGRID_API_BASE', 'Base URL of a local SendGrid', apiBase, null, {
    fallbackShown: "SendGrid's own",
    flag: 'sendgrid-api-base',
    whenEmpty: 'refused',
  }),
  mailFrom: setting(
    'PAYRECON_MAIL_FROM',
    'Sender of e-mails, `Name <address>` or an address; the name is the shop that customers are told of. Without it e-mails stay queued',
    mailbox,
    null,
  ),
  mailReplyTo: setting(
    'PAYRECON_MAIL_REPLY_TO',
    'Where the answers of customers go, `Name <address>` or an address',
    mailbox,
    null,
    { fallbackShown: 'to the sender' },
  ),
  operatorEmail: setting(
    'PAYRECON_OPERATOR_EMAIL',
    'Who is told about stuck transactions and outages',
    emailAddress,
    null,
  ),
  pendingAfterMs: setting(
    'PAYRECON_PENDING_AFTER',
    'Age at which a pending transaction is reconciled',
    duration(0, YEAR_MS),
    '5m',
  ),
  maxAttempts: setting(
    'PAYRECON_MAX_ATTEMPTS',
    'Attempts that Stripe left undecided before a transaction is stuck',
    wholeNumber(1, 100),
    '5',
  ),
  backoffBaseMs: setting(
    'PAYRECON_BACKOFF_BASE',
    'First wait between two attempts; it doubles, with full jitter',
    duration(0, YEAR_MS),
    '1m',
  ),
  backoffCapMs: setting(
    'PAYRECON_BACKOFF_CAP',
    'Longest wait between two attempts',
    duration(0, YEAR_MS),
    '1h',
  ),
  stuckAfterMs: setting(
    'PAYRECON_STUCK_AFTER',
    'Age at which an undecided transaction is stuck',
    duration(0, YEAR_MS),
    '24h',
  ),
  schedule: setting(
    'PAYRECON_SCHEDULE',
    'When the daemon makes a pass: a cron expression',
    cronExpression,
    '* * * * *',
  ),
  timeZone: setting(
    'PAYRECON_TIMEZONE',
    "Whose clock the schedule, the days of `--since` and the times that people are shown go by: a zone's name, such as `Europe/Berlin`",
    timeZoneName,
    'UTC',
  ),
  duplicateWindowMs: setting(
    'PAYRECON_DUPLICATE_WINDOW',
    'Window of the duplicate guard; `0` turns it off',
    duration(0, YEAR_MS),
    '10m',
  ),
  operator: setting('PAYRECON_OPERATOR', 'Who acts, for the audit trail', operatorName, null, {
    fallbackShown: 'the system user',
  }),
  configFile: setting(CONFIG_NAME, 'Settings file with lines `NAME=value`', filePath, null, {
    fallbackShown: "`payrecon.env` in the user's configuration folder, if it is there",
  }),
} as const;

export type Property = keyof typeof DECLARATIONS;

/** DATABASE_URL stands apart: whether it is a secret depends on its value, and its default on the user's folders. */
export const DATABASE_DECLARATION = {
  name: DATABASE_URL,
  meaning: 'The ledger: `postgres://USER@HOST/NAME` or `sqlite:/PATH`',
  fallbackShown: "`ledger.db` in the user's data folder",
  flag: null,
  whenEmpty: 'refused',
} as const;

export type DeclaredValues = {
  readonly [Each in Property]: (typeof DECLARATIONS)[Each] extends Declaration<
    infer Value,
    infer Default
  >
    ? Value | (Default extends null ? null : never)
    : never;
};

/** The names that may also come as `<NAME>_FILE` and from the credentials folder. */
export const SECRET_NAMES: readonly string[] = [
  DATABASE_URL,
  ...Object.values(DECLARATIONS)
    .filter(({ secret }) => secret)
    .map(({ name }) => name),
];

/** Every name that means something, for the search for misspelt ones. */
export const KNOWN_NAMES: readonly string[] = [
  DATABASE_URL,
  ...Object.values(DECLARATIONS).map(({ name }) => name),
  ...SECRET_NAMES.map((name) => `${name}_FILE`),
];

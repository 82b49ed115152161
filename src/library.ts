/// <reference lib="esnext.disposable" preserve="true" />
import * as z from 'zod';
import type { AuditEntry, ListFilter, Notification } from './app/ports.ts';
import type {
  CancelOutcome,
  ChargeOutcome,
  LedgerStatus,
  PassOutcome,
  Payrecon,
  ShownTransaction,
  TransactionPage,
} from './app/service.ts';
import { openFromEnvironment } from './compose/services.ts';
import { PayreconError, type Problem } from './domain/errors.ts';
import { parseChargeRequest, PROPERTY_NAMES } from './domain/request/charge-request.ts';
import { nameProblem } from './domain/request/field-rules.ts';
import { STATUSES } from './domain/statuses.ts';
import type { Transaction } from './domain/transaction.ts';

export type { ErrorCode, ErrorKind } from './domain/error-codes.ts';
export { PayreconError } from './domain/errors.ts';
export type {
  AuditEntry,
  CancelOutcome,
  ChargeOutcome,
  LedgerStatus,
  Notification,
  PassOutcome,
  ShownTransaction,
  Transaction,
  TransactionPage,
};

/** An expected failure is a value, with one of the codes of docs/errors.md; only a bug is thrown. */
export type Result<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: PayreconError };

export interface OpenPayreconOptions {
  /** The settings, by the names of the environment variables; the process's own when left out. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * What is to be charged. Required by type are the key, the currency, the payment method and one of the two amounts;
 * the same is checked where plain JavaScript calls.
 */
export type Charge = ChargeFields &
  (
    | {
        /** With all of the currency's decimals: `'49.99'`. */
        readonly amount: string;
        readonly amountMinor?: undefined;
      }
    | {
        /** In the currency's minor unit: 4999 for $49.99. */
        readonly amountMinor: number | string;
        readonly amount?: undefined;
      }
  );

interface ChargeFields {
  /** Charged once, however often it is given; 1 to 255 characters. */
  readonly key: string;
  /** ISO 4217, in any case: `'usd'`. */
  readonly currency: string;
  /** A payment method at Stripe: `'pm_...'`. */
  readonly paymentMethod: string;
  /** Stripe's types that the method may be of; `['card']` when left out. */
  readonly methodTypes?: readonly string[] | undefined;
  /** A customer at Stripe: `'cus_...'`. */
  readonly customer?: string | undefined;
  /** Your order: at most one payment of it can succeed. */
  readonly reference?: string | undefined;
  /** Where the customer is told how it ended. */
  readonly email?: string | undefined;
  readonly description?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** The customer is there: a value that waits for them has `clientSecret` and `nextAction`. */
  readonly onSession?: boolean | undefined;
}

export interface ChargeCallOptions {
  /** How long to wait for the outcome, in milliseconds; 5,000 for another process alone when left out. */
  readonly waitMs?: number | undefined;
  /** Charge although it looks like another payment. */
  readonly allowDuplicate?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ReconcileCallOptions {
  /** Ids or keys that are asked about now; everything that is due when left out. */
  readonly only?: readonly string[] | undefined;
  readonly limit?: number | undefined;
  /** Ask Stripe and change nothing. */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ListCallOptions {
  readonly statuses?: readonly Transaction['status'][] | undefined;
  /** Created at or after; a date, or milliseconds since 1970. */
  readonly since?: Date | number | undefined;
  /** Created before. */
  readonly until?: Date | number | undefined;
  readonly customer?: string | undefined;
  readonly reference?: string | undefined;
  /** Rows a page, 1 to 1,000; 20 when left out. */
  readonly limit?: number | undefined;
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
}

export interface Decision {
  readonly as: 'succeeded' | 'failed' | 'canceled' | 'retry' | 'acknowledge';
  /** For the audit trail. */
  readonly reason: string;
  /** Cancel the payment intent first, where the outcome needs it. */
  readonly cancelAtStripe?: boolean | undefined;
  /** The customer is not written to. */
  readonly noEmail?: boolean | undefined;
  /** Who decides; the operator of the settings when left out. */
  readonly operator?: string | undefined;
}

export interface CancelCallOptions {
  /** For the audit trail. */
  readonly reason?: string | undefined;
  /** Who cancels; the operator of the settings when left out. */
  readonly operator?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PayreconLibrary extends AsyncDisposable {
  /** Charges once, however often it is called with the same key. */
  charge(charge: Charge, options?: ChargeCallOptions): Promise<Result<ChargeOutcome>>;
  /** Canceled at Stripe first, as a fence, then recorded. */
  cancel(idOrKey: string, options?: CancelCallOptions): Promise<Result<CancelOutcome>>;
  /** One pass over everything that is due, or over what is named; sends due e-mails at its end. */
  reconcile(options?: ReconcileCallOptions): Promise<Result<PassOutcome>>;
  /** Newest first. */
  list(options?: ListCallOptions): Promise<Result<TransactionPage>>;
  /** One transaction, its audit trail, its e-mails, and why it is in its state. */
  show(idOrKey: string): Promise<Result<ShownTransaction>>;
  /** The work list: stuck, overdue, and no longer as told before. */
  stuck(options?: Pick<ListCallOptions, 'limit' | 'cursor'>): Promise<Result<TransactionPage>>;
  /** Records a person's decision: Stripe is asked first, and only what is legal then is recorded. */
  resolve(idOrKey: string, decision: Decision): Promise<Result<Transaction>>;
  /** What is open, the last pass, and the e-mails. */
  status(): Promise<Result<LedgerStatus>>;
  /** Lets what is under way come to its end; what is called later is answered with `closed`. */
  close(): Promise<void>;
}

const DEFAULT_WAIT_MS = 5_000;
const DEFAULT_PAGE = 20;
const LARGEST_PAGE = 1_000;
const LONGEST_NAME = 100;
/** So long an open ledger is kept for the next call; what holds the process is then closed. */
const IDLE_MS = 5_000;

const text = z.string();
const signal = z.instanceof(AbortSignal).optional();
const operator = text
  .refine((name) => nameProblem(name, LONGEST_NAME) === null, {
    error: ({ input }) => nameProblem(String(input), LONGEST_NAME) ?? 'it is no name',
  })
  .optional();
const limit = z.int().min(1).max(LARGEST_PAGE).default(DEFAULT_PAGE);
const cursor = text.nullish().transform((given) => given ?? null);
const instant = z
  .union([z.date(), z.int()])
  .optional()
  .transform((given) => (given === undefined ? null : Number(given)));

const CHARGE = z.strictObject({
  key: text,
  amount: text.optional(),
  amountMinor: z
    .union([text, z.int()])
    .optional()
    .transform((minor) => (minor === undefined ? undefined : String(minor))),
  currency: text,
  paymentMethod: text,
  methodTypes: z.array(text).optional(),
  customer: text.optional(),
  reference: text.optional(),
  email: text.optional(),
  description: text.optional(),
  metadata: z.record(text, text).optional(),
  onSession: z.boolean().optional(),
});
const CHARGE_OPTIONS = z.strictObject({
  waitMs: z.number().min(0).optional(),
  allowDuplicate: z.boolean().default(false),
  signal,
});
const RECONCILE_OPTIONS = z.strictObject({
  only: z.array(text).min(1).optional(),
  limit: z.int().min(1).optional(),
  dryRun: z.boolean().default(false),
  signal,
});
const LIST_OPTIONS = z.strictObject({
  statuses: z.array(z.enum(STATUSES)).default([]),
  since: instant,
  until: instant,
  customer: text.min(1).optional(),
  reference: text.min(1).optional(),
  limit,
  cursor,
});
const STUCK_OPTIONS = z.strictObject({ limit, cursor });
const DECISION = z.strictObject({
  as: z.enum(['succeeded', 'failed', 'canceled', 'retry', 'acknowledge']),
  reason: text,
  cancelAtStripe: z.boolean().default(false),
  noEmail: z.boolean().default(false),
  operator,
});
const CANCEL_OPTIONS = z.strictObject({ reason: text.optional(), operator, signal });

/**
 * The same service as the command line, typed, in the caller's own process. What is wrong with the settings, too, is
 * the answer of each call, never a rejection. Nothing holds the process for longer than five seconds after a call.
 */
export async function openPayrecon(options: OpenPayreconOptions = {}): Promise<PayreconLibrary> {
  const environment = options.environment ?? process.env;
  const service = keptOpen(
    async () =>
      await openFromEnvironment({ environment, flags: {}, needsStripe: false, role: 'library' }),
  );
  const { call } = service;
  // So that what is opened is opened before the first charge.
  await call(() => Promise.resolve());
  return {
    charge: async (charge, given = {}) =>
      await call(async (payrecon) => {
        const { waitMs, allowDuplicate, signal: stop } = read(CHARGE_OPTIONS, given, 'options');
        return await payrecon.charge(requestOf(charge), {
          waitMs: waitMs ?? DEFAULT_WAIT_MS,
          waitForOutcome: waitMs !== undefined,
          allowDuplicate,
          ...(stop === undefined ? {} : { signal: stop }),
        });
      }),
    cancel: async (idOrKey, given = {}) =>
      await call(async (payrecon) => {
        const { reason, ...more } = read(CANCEL_OPTIONS, given, 'options');
        return await payrecon.cancel(nameOf(idOrKey), {
          reason: reason ?? null,
          ...definedOf(more),
        });
      }),
    reconcile: async (given = {}) =>
      await call(async (payrecon) => {
        const { limit: most, dryRun, ...more } = read(RECONCILE_OPTIONS, given, 'options');
        return await payrecon.reconcile({ limit: most ?? null, dryRun, ...definedOf(more) });
      }),
    list: async (given = {}) =>
      await call(async (payrecon) => {
        const { limit: rows, cursor: after, ...filter } = read(LIST_OPTIONS, given, 'options');
        return await payrecon.list(filterOf(filter), rows, after);
      }),
    show: async (idOrKey) => await call(async (payrecon) => await payrecon.show(nameOf(idOrKey))),
    stuck: async (given = {}) =>
      await call(async (payrecon) => {
        const { limit: rows, cursor: after } = read(STUCK_OPTIONS, given, 'options');
        return await payrecon.stuck(rows, after);
      }),
    resolve: async (idOrKey, decision) =>
      await call(async (payrecon) => {
        const { operator: who, ...wanted } = read(DECISION, decision, 'decision');
        return await payrecon.resolve(nameOf(idOrKey), {
          ...wanted,
          ...(who === undefined ? {} : { operator: who }),
        });
      }),
    status: async () => await call(async (payrecon) => await payrecon.status()),
    close: service.close,
    [Symbol.asyncDispose]: service.close,
  };
}

/** @throws PayreconError `invalid_call` or `invalid_request`, with every field that is wrong. */
function requestOf(charge: unknown): Parameters<Payrecon['charge']>[0] {
  const parsed = parseChargeRequest(read(CHARGE, charge, 'charge'), PROPERTY_NAMES);
  if (parsed.ok) return parsed.request;
  throw new PayreconError(
    'invalid_request',
    'This cannot be charged as it stands; nothing was sent.',
    { problems: parsed.problems },
  );
}

function filterOf({
  statuses,
  since,
  until,
  customer = null,
  reference = null,
}: {
  readonly statuses: ListFilter['statuses'];
  readonly since: number | null;
  readonly until: number | null;
  readonly customer?: string | null | undefined;
  readonly reference?: string | null | undefined;
}): ListFilter {
  return { statuses, since, until, customer, reference, needsPerson: false };
}

function nameOf(idOrKey: unknown): string {
  return read(text.min(1), idOrKey, 'idOrKey');
}

/** @throws PayreconError `invalid_call` with every field that is wrong, by its path. */
function read<Schema extends z.ZodType>(
  schema: Schema,
  given: unknown,
  what: string,
): z.output<Schema> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap((issue): readonly Problem[] => {
    const path = issue.path.map(String);
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((name) => ({
        field: [...path, name].join('.'),
        message: 'there is no such field',
      }));
    const isMissing = issue.code === 'invalid_type' && issue.input === undefined;
    return [
      {
        field: path.length === 0 ? what : path.join('.'),
        message: isMissing ? 'it is missing' : issue.message,
      },
    ];
  });
  throw new PayreconError(
    'invalid_call',
    'The call cannot be made as it stands; nothing was sent or changed.',
    {
      problems,
    },
  );
}

type Defined<Fields> = { [Name in keyof Fields]: Exclude<Fields[Name], undefined> };

/** Without the fields that are `undefined`. */
function definedOf<Fields extends object>(fields: Fields): Partial<Defined<Fields>> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Partial<Defined<Fields>>;
}

interface KeptOpen {
  readonly call: <Value>(work: (payrecon: Payrecon) => Promise<Value>) => Promise<Result<Value>>;
  readonly close: () => Promise<void>;
}

/** Opened by the first call that needs it, and closed when none has come for a while: the next one opens it again. */
function keptOpen(open: () => Promise<Payrecon>): KeptOpen {
  let opened: Promise<Payrecon> | null = null;
  let idle: NodeJS.Timeout | undefined;
  let isClosed = false;
  const underWay = new Set<Promise<unknown>>();
  const shut = async (): Promise<void> => {
    const closing = opened;
    opened = null;
    await (await closing?.catch(() => null))?.close();
  };
  const during = async <Value>(work: (payrecon: Payrecon) => Promise<Value>): Promise<Value> => {
    clearTimeout(idle);
    opened ??= open();
    return await work(await opened.catch(forget));
  };
  const forget = (error: unknown): never => {
    opened = null;
    throw error;
  };
  const isIdle = (): boolean => underWay.size === 0 && !isClosed;
  const closeIdle = (): void => {
    if (isIdle()) void shut();
  };
  return {
    async call(work) {
      if (isClosed)
        return { ok: false, error: new PayreconError('closed', 'payrecon was closed before.') };
      const running = asResult(async () => await during(work));
      underWay.add(running);
      try {
        return await running;
      } finally {
        underWay.delete(running);
        // The timer does not hold the process; what is open does, until then.
        if (isIdle()) idle = setTimeout(closeIdle, IDLE_MS).unref();
      }
    },
    async close() {
      isClosed = true;
      clearTimeout(idle);
      await Promise.allSettled(underWay);
      await shut();
    },
  };
}

async function asResult<Value>(work: () => Promise<Value>): Promise<Result<Value>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    if (error instanceof PayreconError) return { ok: false, error };
    throw error;
  }
}

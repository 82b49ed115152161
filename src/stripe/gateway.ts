import type Stripe from 'stripe';
import type { Budgets, Clock, Gateway } from '../app/ports.ts';
import type { Answer } from '../domain/answer.ts';
import { BugError } from '../domain/errors.ts';
import type { Proxy } from '../proxy/choose.ts';
import { isStripeId } from '../domain/stripe-ids.ts';
import type { Transaction } from '../domain/transaction.ts';
import { readAccount } from './account.ts';
import { StripeCaller, type Request } from './http/call.ts';
import { Density } from './look-up/payment-rate.ts';
import { classify } from './classify.ts';
import {
  cancelIdempotencyKey,
  confirmIdempotencyKey,
  createIdempotencyKey,
} from './idempotency.ts';
import { lookUp } from './look-up/run.ts';
import { newestIntents } from './look-up/newest-intents.ts';
import { findOther } from './look-up/other-intents.ts';
import type { Outcome } from './http/result.ts';
import type { Priority } from '../domain/rate-limit/budget.ts';
import { type Limiter, RequestLimiter } from './rate-limit/local-limiter.ts';
import { readRights } from './rights.ts';
import { SharedLimiter } from './rate-limit/shared-limiter.ts';
import { cancelParams, confirmParams, createParams, type LedgerNames } from './params.ts';

export interface GatewayOptions {
  readonly secretKey: string;
  /** `http(s)://host:port[/]`; null: Stripe's own. */
  readonly apiBase: string | null;
  /** What stands between; absent or null: nothing. */
  readonly proxy?: Proxy | null;
  /** Every call ends by then, answered or not, counted from when it is sent. */
  readonly deadlineMs: number;
  /** Stripe's limits: for the account, and for each endpoint of it. */
  readonly requestsPerSecond: number;
  readonly endpointRequestsPerSecond: number;
  /** Paces the calls; the deadline of a call is real time. */
  readonly clock: Clock;
  /** Whose marks a create bears; known before anything is sent. */
  readonly ledger?: () => LedgerNames | null;
  /** What the processes on one ledger share; without it this process is alone. */
  readonly budgets?: Budgets;
  readonly priority?: Priority;
  /** How far the newest intents were read, see look-up/newest-intents; kept by a daemon for its next gateway. */
  readonly readUpTo?: Map<string, number>;
  /** Paces this process; one for all of its gateways. Made from the limits where it is left out. */
  readonly local?: RequestLimiter;
}

/** What a call may do before it is sent; see the fields of `Request`. */
type Wait = Pick<Request, 'signal' | 'waitMs' | 'mayStillBegin'>;

/** What the methods of a gateway share. */
interface Connected {
  readonly caller: StripeCaller;
  readonly secret: string;
  readonly ledger: LedgerNames | null;
  readonly deadlineMs: number;
}

type Change = (transaction: Transaction, wait?: Wait) => Promise<Answer>;

/** `Gateway` of app/ports.ts; its changes may also be told how long to wait. */
interface StripeGateway extends Gateway {
  readonly create: Change;
  readonly confirm: Change;
  readonly cancel: Change;
  close(): void;
}

/**
 * Opens nothing yet: the stripe package is loaded and a connection made by the first call. A plain object, so that
 * `{ ...gateway, create }` is a gateway as well.
 */
export function openGateway(options: GatewayOptions): StripeGateway {
  const { secretKey: secret, deadlineMs, ledger = () => null } = options;
  const caller = new StripeCaller({ ...options, limiter: limiterOf(options) });
  const density = new Density();
  const readUpTo = options.readUpTo ?? new Map<string, number>();
  const connected = (): Connected => ({ caller, secret, ledger: ledger(), deadlineMs });
  return {
    create: async (transaction, wait) => await create(connected(), transaction, wait),
    confirm: async (transaction, wait) => await confirm(connected(), transaction, wait),
    cancel: async (transaction, wait) => await cancel(connected(), transaction, wait),
    lookUp: (queries, signal) => lookUp({ caller, secret, density }, queries, signal),
    account: () => readAccount(caller, secret),
    rights: () => readRights(caller, secret),
    aheadMs: (now) => caller.stripeClock.aheadOf(now),
    newestIntents: (query) => newestIntents({ caller, secret, readUpTo }, query),
    findOther: (query) => findOther(connected(), query),
    calls: () => caller.counts(),
    close: () => caller.close(),
  };
}

function limiterOf(options: GatewayOptions): Limiter {
  const { budgets, clock, priority = 'pass' } = options;
  const local = options.local ?? new RequestLimiter(options, clock);
  return budgets === undefined
    ? local
    : new SharedLimiter(options, { budgets, clock, priority, local });
}

async function create(
  connected: Connected,
  transaction: Transaction,
  wait: Wait = {},
): Promise<Answer> {
  const { ledger, secret } = connected;
  // Made before the call: a bug in making them is not a failed connection.
  const params = createParams(transaction, ledger);
  const idempotencyKey = createIdempotencyKey(transaction, ledger?.namespace ?? '');
  const send = (stripe: Stripe): Promise<unknown> =>
    stripe.paymentIntents.create(params, { idempotencyKey });
  const outcome = await change(connected, wait, { endpoint: 'create', send });
  return classify(outcome, { endpoint: 'create', paymentIntent: null, secret });
}

async function confirm(
  connected: Connected,
  transaction: Transaction,
  wait: Wait = {},
): Promise<Answer> {
  const { ledger, secret } = connected;
  const paymentIntent = knownIntent(transaction);
  const params = confirmParams(transaction);
  const idempotencyKey = confirmIdempotencyKey(transaction, ledger?.namespace ?? '');
  const send = (stripe: Stripe): Promise<unknown> =>
    stripe.paymentIntents.confirm(paymentIntent, params, { idempotencyKey });
  const outcome = await change(connected, wait, { endpoint: 'confirm', send });
  return classify(outcome, { endpoint: 'confirm', paymentIntent, secret });
}

async function cancel(
  connected: Connected,
  transaction: Transaction,
  wait: Wait = {},
): Promise<Answer> {
  const { ledger, secret } = connected;
  const paymentIntent = knownIntent(transaction);
  const identified = { ...transaction, paymentIntent };
  const idempotencyKey = cancelIdempotencyKey(identified, ledger?.namespace ?? '');
  const send = (stripe: Stripe): Promise<unknown> =>
    stripe.paymentIntents.cancel(paymentIntent, cancelParams(), { idempotencyKey });
  const outcome = await change(connected, wait, { endpoint: 'cancel', send });
  return classify(outcome, { endpoint: 'cancel', paymentIntent, secret });
}

/**
 * Unless the caller says how long it may wait, a call waits no longer than it may take: a lease is
 * held meanwhile, and holds for twice the time limit.
 */
function change(
  { caller, deadlineMs }: Connected,
  wait: Wait,
  request: Pick<Request, 'endpoint' | 'send'>,
): Promise<Outcome> {
  return caller.call({ waitMs: deadlineMs, ...wait, ...request });
}

function knownIntent(transaction: Transaction): string {
  const { id, paymentIntent } = transaction;
  if (paymentIntent === null) throw new BugError(`${id} has no payment intent yet`);
  // It becomes a part of the request's path.
  if (!isStripeId('pi', paymentIntent))
    throw new BugError(`what ${id} has stored is not the id of a payment intent`);
  return paymentIntent;
}

import type Stripe from 'stripe';
import type { Budgets } from '../app/budgets.ts';
import type {
  AccountAnswer,
  CallCounts,
  Clock,
  Gateway,
  LookUp,
  NewestIntents,
  NewestQuery,
  OtherIntent,
  OtherQuery,
} from '../app/ports.ts';
import type { Answer } from '../domain/answer.ts';
import { BugError } from '../domain/errors.ts';
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
import { lookUp, type LookedUp } from './look-up/run.ts';
import { newestIntents } from './look-up/newest-intents.ts';
import { findOther } from './look-up/other-intents.ts';
import type { Outcome } from './http/result.ts';
import type { Priority } from '../domain/rate-limit/budget.ts';
import { RequestLimiter } from './rate-limit/local-limiter.ts';
import { SharedLimiter } from './rate-limit/shared-limiter.ts';
import { cancelParams, confirmParams, createParams, type LedgerNames } from './params.ts';

export interface GatewayOptions {
  readonly secretKey: string;
  /** `http(s)://host:port[/]`; null: Stripe's own. */
  readonly apiBase: string | null;
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
  /** Paces this process; one for all of its gateways. Made from the limits where it is left out. */
  readonly local?: RequestLimiter;
}

/** What a call may do before it is sent; see the fields of `Request`. */
type Wait = Pick<Request, 'signal' | 'waitMs' | 'mayStillBegin'>;

/** Opens nothing yet: the stripe package is loaded and a connection made by the first call. */
export function openGateway(options: GatewayOptions): StripeGateway {
  return new StripeGateway(options);
}

/** `Gateway` of app/ports.ts; its changes may also be told how long to wait. */
class StripeGateway implements Gateway {
  readonly #caller: StripeCaller;
  readonly #secret: string;
  readonly #ledger: () => LedgerNames | null;
  readonly #deadlineMs: number;
  readonly #density = new Density();

  constructor(options: GatewayOptions) {
    const { budgets, clock, priority = 'pass' } = options;
    const local = options.local ?? new RequestLimiter(options, clock);
    const limiter =
      budgets === undefined
        ? local
        : new SharedLimiter(options, { budgets, clock, priority, local });
    this.#caller = new StripeCaller({ ...options, limiter });
    this.#secret = options.secretKey;
    this.#ledger = options.ledger ?? (() => null);
    this.#deadlineMs = options.deadlineMs;
  }

  async create(transaction: Transaction, wait: Wait = {}): Promise<Answer> {
    // Made before the call: a bug in making them is not a failed connection.
    const params = createParams(transaction, this.#ledger());
    const idempotencyKey = createIdempotencyKey(transaction, this.#namespace());
    const send = (stripe: Stripe): Promise<unknown> =>
      stripe.paymentIntents.create(params, { idempotencyKey });
    const outcome = await this.#change(wait, { endpoint: 'create', send });
    return classify(outcome, { endpoint: 'create', paymentIntent: null, secret: this.#secret });
  }

  async confirm(transaction: Transaction, wait: Wait = {}): Promise<Answer> {
    const paymentIntent = knownIntent(transaction);
    const params = confirmParams(transaction);
    const idempotencyKey = confirmIdempotencyKey(transaction, this.#namespace());
    const send = (stripe: Stripe): Promise<unknown> =>
      stripe.paymentIntents.confirm(paymentIntent, params, { idempotencyKey });
    const outcome = await this.#change(wait, { endpoint: 'confirm', send });
    return classify(outcome, { endpoint: 'confirm', paymentIntent, secret: this.#secret });
  }

  async cancel(transaction: Transaction, wait: Wait = {}): Promise<Answer> {
    const paymentIntent = knownIntent(transaction);
    const idempotencyKey = cancelIdempotencyKey(
      { ...transaction, paymentIntent },
      this.#namespace(),
    );
    const send = (stripe: Stripe): Promise<unknown> =>
      stripe.paymentIntents.cancel(paymentIntent, cancelParams(), { idempotencyKey });
    const outcome = await this.#change(wait, { endpoint: 'cancel', send });
    return classify(outcome, { endpoint: 'cancel', paymentIntent, secret: this.#secret });
  }

  #namespace(): string {
    return this.#ledger()?.namespace ?? '';
  }

  lookUp(queries: readonly LookUp[], signal?: AbortSignal): AsyncIterable<LookedUp> {
    return lookUp(
      { caller: this.#caller, secret: this.#secret, density: this.#density },
      queries,
      signal,
    );
  }

  account(): Promise<AccountAnswer> {
    return readAccount(this.#caller, this.#secret);
  }

  aheadMs(now: number): number | null {
    return this.#caller.stripeClock.aheadOf(now);
  }

  newestIntents(query: NewestQuery): Promise<NewestIntents> {
    return newestIntents({ caller: this.#caller, secret: this.#secret }, query);
  }

  findOther(query: OtherQuery): Promise<readonly OtherIntent[]> {
    return findOther({ caller: this.#caller, secret: this.#secret, ledger: this.#ledger() }, query);
  }

  calls(): CallCounts {
    return this.#caller.counts();
  }

  close(): void {
    this.#caller.close();
  }

  /**
   * Unless the caller says how long it may wait, a call waits no longer than it may take: a lease is
   * held meanwhile, and holds for twice the time limit.
   */
  #change(wait: Wait, request: Pick<Request, 'endpoint' | 'send'>): Promise<Outcome> {
    return this.#caller.call({ waitMs: this.#deadlineMs, ...wait, ...request });
  }
}

function knownIntent(transaction: Transaction): string {
  const { id, paymentIntent } = transaction;
  if (paymentIntent === null) throw new BugError(`${id} has no payment intent yet`);
  // It becomes a part of the request's path.
  if (!isStripeId('pi', paymentIntent))
    throw new BugError(`what ${id} has stored is not the id of a payment intent`);
  return paymentIntent;
}

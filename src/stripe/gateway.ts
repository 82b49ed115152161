import { type Budgets } from '../app/budgets.ts';
import { type AccountAnswer, type CallCounts, type Clock, type Gateway, type LookUp } from '../app/ports.ts';
import { type Answer } from '../domain/answer.ts';
import { BugError } from '../domain/errors.ts';
import { type Transaction } from '../domain/transaction.ts';
import { readAccount } from './account.ts';
import { StripeCaller, type Request } from './caller.ts';
import { Density } from './density.ts';
import { classify } from './classify.ts';
import { cancelIdempotencyKey, confirmIdempotencyKey, createIdempotencyKey } from './idempotency.ts';
import { lookUp, type LookedUp } from './look-up.ts';
import { type Outcome } from './outcome.ts';
import { SharedLimiter } from './shared-limiter.ts';
import { cancelParams, confirmParams, createParams } from './params.ts';

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
  /** What the processes on one ledger share; without it this process is alone. */
  readonly budgets?: Budgets;
  /** Goes before what a pass looks up: somebody waits for the answer. */
  readonly urgent?: boolean;
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
  readonly #deadlineMs: number;
  readonly #density = new Density();

  constructor(options: GatewayOptions) {
    const { budgets, clock, urgent = false } = options;
    this.#caller = new StripeCaller({ ...options, ...(budgets === undefined ? {} : { limiter: new SharedLimiter(options, budgets, clock, urgent) }) });
    this.#secret = options.secretKey;
    this.#deadlineMs = options.deadlineMs;
  }

  async create(transaction: Transaction, wait: Wait = {}): Promise<Answer> {
    const outcome = await this.#change(wait, {
      endpoint: 'create',
      send: (stripe) =>
        stripe.paymentIntents.create(createParams(transaction), { idempotencyKey: createIdempotencyKey(transaction) }),
    });
    return classify(outcome, { endpoint: 'create', paymentIntent: null, secret: this.#secret });
  }

  async confirm(transaction: Transaction, wait: Wait = {}): Promise<Answer> {
    const paymentIntent = knownIntent(transaction);
    const outcome = await this.#change(wait, {
      endpoint: 'confirm',
      send: (stripe) =>
        stripe.paymentIntents.confirm(paymentIntent, confirmParams(), { idempotencyKey: confirmIdempotencyKey(transaction) }),
    });
    return classify(outcome, { endpoint: 'confirm', paymentIntent, secret: this.#secret });
  }

  async cancel(transaction: Transaction, wait: Wait = {}): Promise<Answer> {
    const paymentIntent = knownIntent(transaction);
    const outcome = await this.#change(wait, {
      endpoint: 'cancel',
      send: (stripe) =>
        stripe.paymentIntents.cancel(paymentIntent, cancelParams(), { idempotencyKey: cancelIdempotencyKey(transaction) }),
    });
    return classify(outcome, { endpoint: 'cancel', paymentIntent, secret: this.#secret });
  }

  lookUp(queries: readonly LookUp[], signal?: AbortSignal): AsyncIterable<LookedUp> {
    return lookUp({ caller: this.#caller, secret: this.#secret, density: this.#density }, queries, signal);
  }

  account(): Promise<AccountAnswer> {
    return readAccount(this.#caller, this.#secret);
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
  if (transaction.paymentIntent === null) throw new BugError(`${transaction.id} has no payment intent yet`);
  return transaction.paymentIntent;
}

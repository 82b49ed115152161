import type Stripe from 'stripe';
import { type CallCounts, type Clock } from '../app/ports.ts';
import { openClient, type ClientOptions, type StripeClient } from './client.ts';
import { RequestLimiter, type Endpoint, type Limiter, type Limits } from './limiter.ts';
import { rateLimitedReason, type Outcome } from './outcome.ts';
import { WireCall, WireClient } from './wire.ts';

export interface CallerOptions extends ClientOptions, Limits {
  readonly clock: Clock;
  /** The limits that are shared with others; without it this process is alone. */
  readonly limiter?: Limiter;
}

export interface Request {
  readonly endpoint: Endpoint;
  send(stripe: Stripe): Promise<unknown>;
  /** Stops the call, answered or not; absent: only the deadline and `close` do. */
  readonly signal?: AbortSignal;
}

/** Makes one request to Stripe within the deadline and tells how it ended. Never throws for what the other side does. */
export class StripeCaller {
  readonly #options: CallerOptions;
  readonly #wire = new WireClient();
  readonly #limiter: Limiter;
  readonly #counts = { list: 0, retrieve: 0, other: 0 };
  /** The calls under way. A set of our own, because a signal that thousands of calls listen to would warn and grow. */
  readonly #running = new Set<AbortController>();
  #closed = false;
  #client: Promise<StripeClient> | null = null;

  constructor(options: CallerOptions) {
    this.#options = options;
    this.#limiter = options.limiter ?? new RequestLimiter(options, options.clock);
  }

  /** A call that may change something: waiting for its turn counts, it ends within the deadline in any case. */
  async change(request: Request): Promise<Outcome> {
    const client = await this.#open();
    return this.#scoped(request, (scope) =>
      this.#withinDeadline(request, scope, async (call) => {
        if (await this.#limiter.take(request.endpoint, scope.signal)) return this.#send(client, request, call);
        return { kind: 'interrupted', wire: call.facts() };
      }),
    );
  }

  /** A look-up, one of perhaps thousands: it first waits for its turn, then it has the deadline for itself. */
  async read(request: Request): Promise<Outcome> {
    const client = await this.#open();
    return this.#scoped(request, async (scope) => {
      if (!(await this.#limiter.take(request.endpoint, scope.signal))) {
        return { kind: 'interrupted', wire: new WireCall(scope.signal, () => undefined).facts() };
      }
      return this.#withinDeadline(request, scope, (call) => this.#send(client, request, call));
    });
  }

  counts(): CallCounts {
    return { ...this.#counts };
  }

  /** Ends what is under way and every idle connection; later calls end at once. */
  close(): void {
    this.#closed = true;
    for (const scope of this.#running) scope.abort();
    this.#wire.close();
  }

  #open(): Promise<StripeClient> {
    this.#client ??= openClient(this.#options, this.#wire);
    return this.#client;
  }

  /** Gives `work` a signal that aborts when the gateway is closed, when the request is stopped, and when `work` is over. */
  async #scoped(request: Request, work: (scope: AbortController) => Promise<Outcome>): Promise<Outcome> {
    const scope = new AbortController();
    const stop = (): void => scope.abort();
    this.#running.add(scope);
    request.signal?.addEventListener('abort', stop, { once: true });
    if (this.#closed || request.signal?.aborted === true) stop();
    try {
      return await work(scope);
    } finally {
      request.signal?.removeEventListener('abort', stop);
      this.#running.delete(scope);
      scope.abort();
    }
  }

  /**
   * The deadline is real time and not the injected clock's: it bounds a real socket. Whatever `work`
   * brings after it is dropped; the end of the scope destroys its connection.
   */
  async #withinDeadline(request: Request, scope: AbortController, work: (call: WireCall) => Promise<Outcome>): Promise<Outcome> {
    const { deadlineMs } = this.#options;
    const call = new WireCall(scope.signal, (attempt) => this.#count(request.endpoint, attempt));
    let end: (outcome: Outcome) => void = () => undefined;
    const ended = new Promise<Outcome>((resolve) => (end = resolve));
    const timer = setTimeout(() => end({ kind: 'deadline', deadlineMs, wire: call.facts() }), deadlineMs);
    scope.signal.addEventListener('abort', () => end({ kind: 'interrupted', wire: call.facts() }), { once: true });
    if (scope.signal.aborted) end({ kind: 'interrupted', wire: call.facts() });
    try {
      return await Promise.race([ended, work(call)]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #send(client: StripeClient, request: Request, call: WireCall): Promise<Outcome> {
    try {
      const value = await this.#wire.run(call, () => request.send(client.stripe));
      return { kind: 'value', value, wire: call.facts() };
    } catch (error) {
      const fault = client.fault(error);
      const wire = call.facts();
      if (fault === null) return { kind: 'nothing', wire };
      if (fault.status === 429 && fault.code !== 'lock_timeout') {
        this.#limiter.slowDown(request.endpoint, rateLimitedReason(wire));
      }
      return { kind: 'fault', fault, wire };
    }
  }

  #count(endpoint: Endpoint, attempt: number): void {
    this.#counts[endpoint === 'list' || endpoint === 'retrieve' ? endpoint : 'other'] += 1;
    if (attempt > 1) this.#limiter.spend(endpoint);
  }
}

import type Stripe from 'stripe';
import { type CallCounts, type Clock } from '../app/ports.ts';
import { openClient, type ClientOptions, type StripeClient } from './client.ts';
import { RequestLimiter, type Endpoint, type Limits } from './limiter.ts';
import { rateLimitedReason, type Outcome } from './outcome.ts';
import { WireCall, WireClient } from './wire.ts';

export interface CallerOptions extends ClientOptions, Limits {
  readonly clock: Clock;
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
  readonly #limiter: RequestLimiter;
  readonly #closed = new AbortController();
  readonly #counts = { list: 0, retrieve: 0, other: 0 };
  #client: Promise<StripeClient> | null = null;

  constructor(options: CallerOptions) {
    this.#options = options;
    this.#limiter = new RequestLimiter(options, options.clock);
  }

  /** A call that may change something: waiting for its turn counts, it ends within the deadline in any case. */
  async change(request: Request): Promise<Outcome> {
    const client = await this.#open();
    return this.#withinDeadline(request, async (call) => {
      if (await this.#limiter.take(request.endpoint, call.signal)) return this.#send(client, request, call);
      return { kind: 'nothing', wire: call.facts() };
    });
  }

  /** A look-up, one of perhaps thousands: it first waits for its turn, then it has the deadline for itself. */
  async read(request: Request): Promise<Outcome> {
    const client = await this.#open();
    const stopped = this.#stopSignal(request);
    if (!(await this.#limiter.take(request.endpoint, stopped))) {
      return { kind: 'interrupted', wire: new WireCall(stopped, () => undefined).facts() };
    }
    return this.#withinDeadline(request, (call) => this.#send(client, request, call));
  }

  counts(): CallCounts {
    return { ...this.#counts };
  }

  /** Ends what is under way and every idle connection. */
  close(): void {
    this.#closed.abort();
    this.#wire.close();
  }

  #open(): Promise<StripeClient> {
    this.#client ??= openClient(this.#options, this.#wire);
    return this.#client;
  }

  #stopSignal(request: Request): AbortSignal {
    return request.signal === undefined ? this.#closed.signal : AbortSignal.any([this.#closed.signal, request.signal]);
  }

  /**
   * The deadline is real time and not the injected clock's: it bounds a real socket. Whatever `work`
   * brings after it is dropped; its connection is gone by then.
   */
  async #withinDeadline(request: Request, work: (call: WireCall) => Promise<Outcome>): Promise<Outcome> {
    const stopped = this.#stopSignal(request);
    const over = new AbortController();
    const call = new WireCall(over.signal, (attempt) => this.#count(request.endpoint, attempt));
    const { deadlineMs } = this.#options;
    let end: (outcome: Outcome) => void = () => undefined;
    const ended = new Promise<Outcome>((resolve) => (end = resolve));
    const timer = setTimeout(() => end({ kind: 'deadline', deadlineMs, wire: call.facts() }), deadlineMs);
    const interrupt = (): void => end({ kind: 'interrupted', wire: call.facts() });
    stopped.addEventListener('abort', interrupt, { once: true });
    if (stopped.aborted) interrupt();
    try {
      return await Promise.race([ended, work(call)]);
    } finally {
      clearTimeout(timer);
      stopped.removeEventListener('abort', interrupt);
      over.abort();
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

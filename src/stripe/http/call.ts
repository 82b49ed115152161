import type Stripe from 'stripe';
import type { CallCounts, Clock } from '../../app/ports.ts';
import { openClient, type ClientOptions, type StripeClient } from '../sdk.ts';
import {
  ENDPOINTS,
  RequestLimiter,
  type Endpoint,
  type Limiter,
  type Limits,
} from '../rate-limit/local-limiter.ts';
import { header, rateLimitedReason, type Outcome } from './result.ts';
import { Slots } from './slots.ts';
import { StripeClock } from '../stripe-clock.ts';
import { WireCall, WireClient, type Way } from './client.ts';

export interface CallerOptions extends ClientOptions, Limits, Way {
  readonly clock: Clock;
  /** The limits that are shared with others; without it this process is alone. */
  readonly limiter?: Limiter;
}

export interface Request {
  readonly endpoint: Endpoint;
  send(stripe: Stripe): Promise<unknown>;
  /** Stops the call, waiting, sent or answered; absent: only the deadline and `close` do. */
  readonly signal?: AbortSignal;
  /** How long it may wait before it is sent; absent: until it is its turn. Not part of the deadline. */
  readonly waitMs?: number;
  /**
   * Asked when the wait is over, right before anything is sent, and again before the library's hidden
   * repetition: what allowed the call (a lease) may have run out meanwhile.
   */
  readonly mayStillBegin?: () => boolean;
}

/** Under way at the same time, of each kind of call: an end to the connections that a silent Stripe can cost. */
const MOST_UNDER_WAY = 64;

/**
 * Makes one request to Stripe and tells how it ended. Never throws for what the other side does.
 *
 * A call first waits for a slot and for a permit of the rate limit. That is our own queue and has no
 * deadline: the deadline begins when the call is sent, so that running into it is always Stripe's
 * (or the network's) silence.
 */
export class StripeCaller {
  readonly #options: CallerOptions;
  readonly #wire: WireClient;
  readonly #limiter: Limiter;
  readonly #slots = new Map(ENDPOINTS.map((endpoint) => [endpoint, new Slots(MOST_UNDER_WAY)]));
  /** Stripe's clock, as its answers tell it. */
  readonly stripeClock: StripeClock;
  readonly #counts = { list: 0, retrieve: 0, other: 0 };
  /** The calls under way. A set of our own, because a signal that thousands of calls listen to would warn and grow. */
  readonly #running = new Set<AbortController>();
  #closed = false;
  #client: Promise<StripeClient> | null = null;

  constructor(options: CallerOptions) {
    this.#options = options;
    this.#wire = new WireClient(options);
    this.#limiter = options.limiter ?? new RequestLimiter(options, options.clock);
    this.stripeClock = new StripeClock(options.clock);
  }

  async call(request: Request): Promise<Outcome> {
    const client = await this.#open();
    return this.#scoped(request, async (scope) => {
      const slots = this.#slotsOf(request.endpoint);
      const waited = await this.#wait(request, slots, scope.signal);
      if (waited !== 'begin') {
        const wire = this.#wireCall(request, scope).facts();
        return waited === 'queue'
          ? { kind: 'not_sent', why: 'queue', wire }
          : { kind: 'interrupted', wire };
      }
      try {
        const call = this.#wireCall(request, scope);
        return await this.#withinDeadline(call, () => this.#send(client, request, call));
      } finally {
        slots.giveBack();
      }
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
  async #scoped(
    request: Request,
    work: (scope: AbortController) => Promise<Outcome>,
  ): Promise<Outcome> {
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

  /** First the slot, then the permit: a permit that waits for a slot would be used at another time than it was given for. */
  async #wait(
    { endpoint, waitMs }: Request,
    slots: Slots,
    stopped: AbortSignal,
  ): Promise<'begin' | 'queue' | 'interrupted'> {
    const waiting = new AbortController();
    const end = (): void => waiting.abort();
    stopped.addEventListener('abort', end, { once: true });
    if (stopped.aborted) end();
    if (waitMs !== undefined) void this.#options.clock.sleep(waitMs, waiting.signal).then(end);
    const notBegun = (): 'queue' | 'interrupted' => (stopped.aborted ? 'interrupted' : 'queue');
    try {
      if (!(await slots.take(waiting.signal))) return notBegun();
      if (await this.#limiter.take(endpoint, waiting.signal)) return 'begin';
      slots.giveBack();
      return notBegun();
    } finally {
      stopped.removeEventListener('abort', end);
      end();
    }
  }

  /**
   * The deadline is real time and not the injected clock's: it bounds a real socket. Whatever `work`
   * brings after it is dropped; the end of the scope destroys its connection.
   */
  async #withinDeadline(call: WireCall, work: () => Promise<Outcome>): Promise<Outcome> {
    const { deadlineMs } = this.#options;
    let end: (outcome: Outcome) => void = () => undefined;
    const ended = new Promise<Outcome>((resolve) => (end = resolve));
    const timer = setTimeout(
      () => end({ kind: 'deadline', deadlineMs, wire: call.facts() }),
      deadlineMs,
    );
    call.signal.addEventListener('abort', () => end({ kind: 'interrupted', wire: call.facts() }), {
      once: true,
    });
    if (call.signal.aborted) end({ kind: 'interrupted', wire: call.facts() });
    try {
      return await Promise.race([ended, work()]);
    } finally {
      clearTimeout(timer);
    }
  }

  #wireCall({ endpoint, mayStillBegin }: Request, scope: AbortController): WireCall {
    return new WireCall(scope.signal, (attempt) => this.#count(endpoint, attempt), mayStillBegin);
  }

  async #send(client: StripeClient, request: Request, call: WireCall): Promise<Outcome> {
    const outcome = await this.#answerOf(client, request, call);
    const { kind, wire } = outcome;
    const isLock = kind === 'fault' && outcome.fault.code === 'lock_timeout';
    // Whoever says it: Stripe's own limit, or that of something in between.
    if (wire.status === 429 && !isLock)
      this.#limiter.slowDown(request.endpoint, rateLimitedReason(wire));
    if (kind === 'fault' || (kind === 'value' && wire.status === 200))
      this.stripeClock.saw(header(wire, 'date'));
    return outcome;
  }

  async #answerOf(client: StripeClient, request: Request, call: WireCall): Promise<Outcome> {
    try {
      const value = await this.#wire.run(call, () => request.send(client.stripe));
      return { kind: 'value', value, wire: call.facts() };
    } catch (error) {
      const wire = call.facts();
      if (call.heldBack() && wire.attempts === 0)
        return { kind: 'not_sent', why: 'too_late', wire };
      const fault = client.fault(error);
      return fault === null ? { kind: 'nothing', wire } : { kind: 'fault', fault, wire };
    }
  }

  #slotsOf(endpoint: Endpoint): Slots {
    const slots = this.#slots.get(endpoint);
    if (slots === undefined) throw new RangeError(`no slots for ${endpoint}`);
    return slots;
  }

  #count(endpoint: Endpoint, attempt: number): void {
    this.#counts[endpoint === 'list' || endpoint === 'retrieve' ? endpoint : 'other'] += 1;
    if (attempt > 1) this.#limiter.spend(endpoint);
  }
}

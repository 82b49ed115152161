import { AsyncLocalStorage } from 'node:async_hooks';
import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type Stripe from 'stripe';
import { BugError } from '../../domain/errors.ts';
import type { Proxy } from '../../proxy/choose.ts';
import { tunnelAgents, tunnelFailure } from '../../proxy/tunnel.ts';
import type { WireFacts } from './result.ts';

/*
 * The HTTP client that the stripe package is given. It does what the package's own one does, and besides
 *
 * - knows which call of ours a wire attempt belongs to, however many run at once (the package
 *   repeats a request by itself when a connection breaks, and only an attempt that is counted can be
 *   told from a first one);
 * - breaks the connection off when the call's deadline has passed (the package's own time limit is an
 *   idle time: an answer that drips in outlives it);
 * - refuses bodies that the package cannot bear (for a bare JSON string or number it throws where nobody can catch it) or takes
 *   for Stripe's (`{"error":"forbidden"}`);
 * - does not pass on `Stripe-Notice` headers, which the package writes to stderr.
 */

/** A page of 100 intents is about 300 kB; nothing that we ask for comes near this. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
const MAX_IDLE_SOCKETS = 8;
/** The call ends by its own deadline first; this ends what a silent proxy would leave behind. */
const OUTLIVES_CALL = 2;

/** One call of ours, while it runs. */
export class WireCall {
  readonly signal: AbortSignal;
  readonly #onAttempt: (attempt: number) => void;
  readonly #mayBegin: () => boolean;
  #heldBack = false;
  #attempts = 0;
  #status: number | null = null;
  #headers: IncomingHttpHeaders = {};
  #networkCode: string | null = null;
  #proxyFailure: string | null = null;

  constructor(
    signal: AbortSignal,
    onAttempt: (attempt: number) => void,
    mayBegin: () => boolean = () => true,
  ) {
    this.signal = signal;
    this.#onAttempt = onAttempt;
    this.#mayBegin = mayBegin;
  }

  /** Whether a wire attempt may leave now; nothing may after the call's end, or when its caller says so. */
  mayBegin(): boolean {
    if (this.signal.aborted) return false;
    this.#heldBack = !this.#mayBegin();
    return !this.#heldBack;
  }

  /** Whether the caller has said that an attempt may not begin any more. */
  heldBack(): boolean {
    return this.#heldBack;
  }

  /** Counted before anything is sent, so that no attempt is ever missed. */
  begin(): void {
    this.#attempts += 1;
    this.#status = null;
    this.#headers = {};
    this.#networkCode = null;
    this.#proxyFailure = null;
    this.#onAttempt(this.#attempts);
  }

  answered(response: IncomingMessage): void {
    this.#status = response.statusCode ?? null;
    this.#headers = response.headers;
  }

  broke(error: Error & { code?: unknown }): void {
    this.#networkCode = typeof error.code === 'string' ? error.code : null;
    this.#proxyFailure = tunnelFailure(error);
  }

  facts(): WireFacts {
    return {
      attempts: this.#attempts,
      status: this.#status,
      headers: this.#headers,
      networkCode: this.#networkCode,
      ...(this.#proxyFailure === null ? {} : { proxyFailure: this.#proxyFailure }),
    };
  }
}

/**
 * One for all clients: Node 20 keeps each store that was ever used and asks it at every new promise, so one a client
 * would make a daemon slower with every pass.
 */
const calls = new AsyncLocalStorage<WireCall>();

export interface Way {
  readonly deadlineMs: number;
  /** Absent: straight to Stripe. */
  readonly proxy?: Proxy | null;
}

export class WireClient implements Stripe.HttpClient {
  readonly #agents: Agents;

  constructor(way: Way) {
    this.#agents = agentsFor(way);
  }

  /** Every request that the library makes inside `work` belongs to `call`. */
  run<T>(call: WireCall, work: () => Promise<T>): Promise<T> {
    return calls.run(call, work);
  }

  close(): void {
    this.#agents.destroy();
  }

  // Not an arrow property: the package calls it as a method.
  getClientName(): string {
    return 'node';
  }

  makeRequest(
    ...[host, port, path, method, headers, body, protocol]: Parameters<
      Stripe.HttpClient['makeRequest']
    >
  ): Promise<Stripe.HttpClientResponse> {
    const call = calls.getStore();
    if (call === undefined)
      return Promise.reject(new BugError('a request to Stripe outside of a call'));
    return new Promise((resolve, reject) => {
      // The library's repetition may begin after the deadline: nothing may be sent then.
      if (!call.mayBegin()) {
        reject(new Error('the call may not begin any more'));
        return;
      }
      call.begin();
      const options = { host, port, path, method, headers };
      const request =
        protocol === 'http'
          ? http.request({ ...options, agent: this.#agents.plain })
          : https.request({ ...options, agent: this.#agents.secure });
      const stop = (): void => void request.destroy(new Error('the call is over'));
      call.signal.addEventListener('abort', stop, { once: true });
      request.once('close', () => call.signal.removeEventListener('abort', stop));
      request.on('error', (error) => {
        call.broke(error);
        reject(error);
      });
      request.once('response', (response) => {
        call.answered(response);
        resolve(new WireResponse(response));
      });
      request.end(body);
    });
  }
}

interface Agents {
  readonly plain: http.Agent;
  readonly secure: https.Agent;
  destroy(): void;
}

function agentsFor({ proxy = null, deadlineMs }: Way): Agents {
  // No limit of connections here: what waited for one would use up its own deadline (see slots.ts).
  const agent = { keepAlive: true, maxFreeSockets: MAX_IDLE_SOCKETS };
  if (proxy !== null)
    return tunnelAgents({ proxy, silentForMs: OUTLIVES_CALL * deadlineMs, agent });
  const plain = new http.Agent(agent);
  const secure = new https.Agent(agent);
  const destroy = (): void => {
    plain.destroy();
    secure.destroy();
  };
  return { plain, secure, destroy };
}

class WireResponse implements Stripe.HttpClientResponse {
  readonly #response: IncomingMessage;

  constructor(response: IncomingMessage) {
    this.#response = response;
    // Also when nobody reads the body any more: an 'error' event without a listener ends the process.
    response.on('error', () => undefined);
  }

  getStatusCode(): number {
    return this.#response.statusCode ?? 0;
  }

  getHeaders(): ReturnType<Stripe.HttpClientResponse['getHeaders']> {
    const known = Object.entries(this.#response.headers).filter(
      ([name]) => name !== 'stripe-notice',
    );
    return Object.fromEntries(known.map(([name, value]) => [name, value ?? '']));
  }

  getRawResponse(): IncomingMessage {
    return this.#response;
  }

  toStream(onEnd: () => void): IncomingMessage {
    this.#response.once('end', onEnd);
    return this.#response;
  }

  /** Rejects for a body that was cut, is too long, or is not a JSON object. */
  async toJSON(): Promise<object> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of this.#response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) throw new Error('the answer is too long');
      chunks.push(chunk);
    }
    if (!this.#response.complete) throw new Error('the answer was cut');
    const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof parsed !== 'object' || parsed === null)
      throw new Error('the answer is not a JSON object');
    // The package would make an error object of a word of a proxy's, with that word as its type.
    if ('error' in parsed && typeof parsed.error === 'string')
      throw new Error("the answer is not Stripe's");
    return parsed;
  }

  dispose(): void {
    this.#response.destroy();
  }
}

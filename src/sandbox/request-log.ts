import { type Fault, faultText } from './faults/kinds.ts';

/** One request as it came in over the wire, and how it ended. */
export interface SeenRequest {
  /** From 1, in the order of arrival. */
  readonly n: number;
  /** The endpoint's name as in fault rules; `unknown` for paths that Stripe does not have. */
  readonly endpoint: string;
  readonly method: string;
  readonly path: string;
  readonly idempotency_key: string | null;
  /** Milliseconds since 1970 by the sandbox's clock. */
  readonly at: number;
  /** Milliseconds since 1970 by the machine's clock. */
  readonly wire_at: number;
  /** What was done to it, as in a fault specification: `kind`, `kind:argument` or `error:..`. */
  fault: string | null;
  /** The status sent to the client; null when no answer was sent (yet). */
  status: number | null;
  /** Whether this very request took effect (or was decided, as a decline is). */
  executed: boolean;
  /** Answered from an idempotency key. */
  replayed: boolean;
  /** Until the answer was sent whole or the client was gone; null while it is open. */
  duration_ms: number | null;
}

/** The log forgets the oldest requests beyond this, so that a long benchmark does not fill the memory; counts are kept. */
const KEPT_REQUESTS = 200_000;

export class RequestLog {
  #requests: SeenRequest[] = [];
  #count = 0;
  readonly #counts = new Map<string, number>();
  readonly #startedAt = new WeakMap<SeenRequest, number>();

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  get total(): number {
    return this.#count;
  }

  /** The requests after number `n`. */
  since(n: number): readonly SeenRequest[] {
    const first = this.#requests[0]?.n ?? 1;
    return this.#requests.slice(Math.max(0, n + 1 - first));
  }

  open(
    request: Pick<SeenRequest, 'endpoint' | 'method' | 'path' | 'idempotency_key' | 'at'>,
    fault: Fault | null,
  ): SeenRequest {
    this.#count += 1;
    this.#counts.set(request.endpoint, (this.#counts.get(request.endpoint) ?? 0) + 1);
    const seen: SeenRequest = {
      n: this.#count,
      endpoint: request.endpoint,
      method: request.method,
      path: request.path,
      idempotency_key: request.idempotency_key,
      at: request.at,
      wire_at: Date.now(),
      fault: fault === null ? null : faultText(fault),
      status: null,
      executed: false,
      replayed: false,
      duration_ms: null,
    };
    this.#startedAt.set(seen, performance.now());
    this.#requests.push(seen);
    // Cut now and then, not each time: cutting copies the rest.
    if (this.#requests.length > KEPT_REQUESTS * 1.25)
      this.#requests = this.#requests.slice(-KEPT_REQUESTS);
    return seen;
  }

  close(seen: SeenRequest): void {
    const startedAt = this.#startedAt.get(seen);
    if (startedAt !== undefined && seen.duration_ms === null)
      seen.duration_ms = Math.round((performance.now() - startedAt) * 10) / 10;
  }

  clear(): void {
    this.#requests = [];
    this.#count = 0;
    this.#counts.clear();
  }
}

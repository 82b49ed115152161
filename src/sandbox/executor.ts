// From a request to its outcome: the key, the limits, the idempotency key, the parameters, and then the endpoint.
import { checkApiKey, checkVersion } from './access.ts';
import { type Endpoint } from './endpoint.ts';
import { expandView } from './expand.ts';
import { fingerprintOf, type IdempotencyKeys } from './idempotency.ts';
import { decodeForm, texts } from './params.ts';
import { type RateLimits } from './rate-limits.ts';
import { Refusal } from './refusal.ts';
import { checkRequest } from './request-check.ts';
import { type View } from './view.ts';
import { type Cause, type World } from './world.ts';

export interface Incoming {
  readonly path: string;
  /** The object named in the path, or the empty text. */
  readonly id: string;
  /** The encoded parameters: the body of a POST, the query of a GET. */
  readonly form: string;
  readonly contentType: string | null;
  readonly authorization: string | null;
  readonly version: string | null;
  readonly idempotencyKey: string | null;
  readonly requestId: string;
}

export interface Outcome {
  readonly status: number;
  readonly view: View;
  readonly headers: Readonly<Record<string, string>>;
  /** The request that this is the answer of; another one when it is replayed. */
  readonly originalId: string;
  readonly executed: boolean;
  readonly replayed: boolean;
  /** The key that is held by this request until it is concluded. */
  readonly heldKey: string | null;
}

export interface ExecutorParts {
  readonly world: World;
  readonly keys: IdempotencyKeys;
  readonly limits: RateLimits;
  readonly secretKeys: readonly string[] | null;
}

export class Executor {
  readonly #parts: ExecutorParts;

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
  }

  /** Runs the request. The caller must conclude the outcome, when the client could have it. */
  run(endpoint: Endpoint, incoming: Incoming): Outcome {
    const key = endpoint.method === 'POST' && incoming.idempotencyKey !== '' ? incoming.idempotencyKey : null;
    let heldKey: string | null = null;
    try {
      checkApiKey(incoming.authorization, this.#parts.secretKeys);
      checkVersion(incoming.version);
      this.#parts.limits.take(endpoint.name, incoming.id);
      if (key !== null) {
        const kept = this.#parts.keys.begin({
          key,
          path: incoming.path,
          fingerprint: fingerprintOf(incoming.form.split('&').sort().join('&')),
          nowMs: this.#parts.world.clock.now(),
        });
        if (kept !== null) return { status: kept.status, view: kept.view, headers: {}, originalId: kept.requestId, executed: false, replayed: true, heldKey: null };
        heldKey = key;
      }
      const view = this.#handle(endpoint, incoming, { requestId: incoming.requestId, idempotencyKey: key });
      return { status: 200, view, headers: {}, originalId: incoming.requestId, executed: true, replayed: false, heldKey };
    } catch (error) {
      if (error instanceof Refusal) return refused(error, incoming.requestId, heldKey);
      // A bug of the sandbox; the key must not stay held by a request that is over.
      if (heldKey !== null) this.#parts.keys.release(heldKey);
      throw error;
    }
  }

  /** Keeps the answer under the key of the request, or frees the key. */
  conclude(outcome: Outcome): void {
    if (outcome.heldKey === null) return;
    const { status, view, originalId, executed } = outcome;
    if (executed) this.#parts.keys.keep(outcome.heldKey, { status, view, requestId: originalId });
    else this.#parts.keys.release(outcome.heldKey);
  }

  #handle(endpoint: Endpoint, incoming: Incoming, cause: Cause): View {
    if (endpoint.method === 'POST' && incoming.form !== '' && incoming.contentType?.startsWith('application/x-www-form-urlencoded') !== true) {
      throw new Refusal({
        status: 400,
        error: { type: 'invalid_request_error', message: 'Invalid request (check that your POST content type is application/x-www-form-urlencoded).' },
      });
    }
    const decoded = decodeForm(incoming.form);
    const params = endpoint.request === null ? decoded : checkRequest(endpoint.request, decoded);
    const view = endpoint.handle({ id: incoming.id, params, cause }, this.#parts.world);
    return expandView(view, texts(params, 'expand') ?? [], this.#parts.world);
  }
}

/** An outcome without execution, or a decline that was executed. */
export function refused(refusal: Refusal, requestId: string, heldKey: string | null): Outcome {
  const { details } = refusal;
  return {
    status: details.status,
    view: { of: 'error', details },
    headers: details.headers ?? {},
    originalId: requestId,
    executed: details.kept === true,
    replayed: false,
    heldKey,
  };
}

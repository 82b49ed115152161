// From a request to its outcome: the key, the limits, the idempotency key, the parameters, and then the endpoint.
import {
  type Admitted,
  checkNamedAccount,
  checkPermission,
  checkVersion,
  type SecretKeys,
} from './request/access.ts';
import type { AccountMode, Accounts } from './accounts.ts';
import type { Call, Endpoint } from './endpoint.ts';
import { expandView } from './request/expand.ts';
import { fingerprintOf, type IdempotencyKeys } from './idempotency.ts';
import type { OrderedError } from '../faults/ordered-error.ts';
import { decodeForm, texts } from './request/params.ts';
import { Refusal } from './refusal.ts';
import { checkRequest } from './request/check.ts';
import type { View } from './view.ts';
import type { Cause, World } from './world.ts';

export interface Incoming {
  readonly path: string;
  /** The object named in the path, or the empty text. */
  readonly id: string;
  /** The encoded parameters: the body of a POST, the query of a GET. */
  readonly form: string;
  readonly contentType: string | null;
  readonly authorization: string | null;
  readonly version: string | null;
  /** The account named in a header. */
  readonly account: string | null;
  readonly idempotencyKey: string | null;
  readonly requestId: string;
}

export interface Outcome {
  readonly status: number;
  /** Whose objects the view shows. */
  readonly world: World;
  readonly view: View;
  readonly headers: Readonly<Record<string, string>>;
  /** The request that this is the answer of; another one when it is replayed. */
  readonly originalId: string;
  readonly executed: boolean;
  readonly replayed: boolean;
  /** The idempotency key that is held by this request until it is concluded. */
  readonly held: HeldKey | null;
}

type Asked = Incoming & Pick<Call, 'decline'>;

interface HeldKey {
  readonly key: string;
  readonly among: IdempotencyKeys;
}

export interface ExecutorParts {
  readonly accounts: Accounts;
  readonly secretKeys: SecretKeys;
}

export class Executor {
  readonly #parts: ExecutorParts;

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
  }

  /** Runs the request, with that decline for an attempt to pay. The caller must conclude the outcome, when the client could have it. */
  run(endpoint: Endpoint, incoming: Incoming, decline: OrderedError | null = null): Outcome {
    const { accounts, secretKeys } = this.#parts;
    try {
      const admitted = secretKeys.admit(incoming.authorization);
      return this.#runFor(admitted, accounts.of(admitted.owner), endpoint, {
        ...incoming,
        decline,
      });
    } catch (error) {
      // The key is of nobody, and the answer shows nobody's objects: any world will do.
      if (error instanceof Refusal)
        return refused(error, incoming.requestId, accounts.default.world);
      throw error;
    }
  }

  /** Keeps the answer under the key of the request, or frees the key. */
  conclude(outcome: Outcome): void {
    if (outcome.held === null) return;
    const { status, view, originalId, executed, held } = outcome;
    if (executed) held.among.keep(held.key, { status, view, requestId: originalId });
    else held.among.release(held.key);
  }

  #runFor(
    admitted: Admitted,
    { world, keys, limits }: AccountMode,
    endpoint: Endpoint,
    incoming: Asked,
  ): Outcome {
    const key = idempotencyKeyOf(endpoint, incoming);
    let held: HeldKey | null = null;
    const whole = { world, headers: {}, originalId: incoming.requestId };
    try {
      checkVersion(incoming.version);
      checkNamedAccount(admitted, incoming.account);
      limits.take(endpoint.name, incoming.id);
      checkPermission(admitted, endpoint.name);
      if (key !== null) {
        const kept = keys.begin({
          key,
          path: incoming.path,
          fingerprint: fingerprintOf(incoming.form.split('&').sort().join('&')),
          nowMs: world.clock.now(),
        });
        if (kept !== null)
          return {
            ...whole,
            status: kept.status,
            view: kept.view,
            originalId: kept.requestId,
            executed: false,
            replayed: true,
            held,
          };
        held = { key, among: keys };
      }
      const view = this.#handle(endpoint, incoming, world);
      return { ...whole, status: 200, view, executed: true, replayed: false, held };
    } catch (error) {
      if (error instanceof Refusal) return { ...refused(error, incoming.requestId, world), held };
      // A bug of the sandbox; the key must not stay held by a request that is over.
      if (held !== null) keys.release(held.key);
      throw error;
    }
  }

  #handle(endpoint: Endpoint, incoming: Asked, world: World): View {
    if (
      endpoint.method === 'POST' &&
      incoming.form !== '' &&
      incoming.contentType?.startsWith('application/x-www-form-urlencoded') !== true
    ) {
      throw new Refusal({
        status: 400,
        error: {
          type: 'invalid_request_error',
          message:
            'Invalid request (check that your POST content type is application/x-www-form-urlencoded).',
        },
      });
    }
    const decoded = decodeForm(incoming.form);
    const params = endpoint.request === null ? decoded : checkRequest(endpoint.request, decoded);
    const cause: Cause = {
      requestId: incoming.requestId,
      idempotencyKey: idempotencyKeyOf(endpoint, incoming),
    };
    const view = endpoint.handle(
      { id: incoming.id, params, cause, decline: incoming.decline },
      world,
    );
    return expandView(view, texts(params, 'expand') ?? [], world);
  }
}

/** On a GET it means nothing. */
function idempotencyKeyOf(endpoint: Endpoint, incoming: Incoming): string | null {
  return endpoint.method === 'POST' && incoming.idempotencyKey !== ''
    ? incoming.idempotencyKey
    : null;
}

/** An outcome without execution, or a decline that was executed. */
export function refused(refusal: Refusal, requestId: string, world: World): Outcome {
  const { details } = refusal;
  return {
    status: details.status,
    world,
    view: { of: 'error', details },
    headers: details.headers ?? {},
    originalId: requestId,
    executed: details.kept === true,
    replayed: false,
    held: null,
  };
}

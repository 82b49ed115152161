// Idempotency keys as the v1 API keeps them: for 24 hours, bound to the endpoint and to the parameters.
import { createHash } from 'node:crypto';
import { invalid, Refusal } from './refusal.ts';
import type { View } from './view.ts';

const KEPT_MS = 24 * 60 * 60 * 1000;
const MAX_KEY = 255;

export interface KeptAnswer {
  readonly status: number;
  readonly view: View;
  /** The request that was executed. */
  readonly requestId: string;
}

export interface KeyRecord {
  readonly key: string;
  readonly path: string;
  readonly fingerprint: string;
  readonly createdMs: number;
  readonly answer: KeptAnswer;
}

interface Known {
  readonly path: string;
  readonly fingerprint: string;
  readonly createdMs: number;
  /** Null while the request is being answered. */
  readonly answer: KeptAnswer | null;
}

export interface KeyedRequest {
  readonly key: string;
  readonly path: string;
  readonly fingerprint: string;
  readonly nowMs: number;
}

export function fingerprintOf(body: string): string {
  return createHash('sha256').update(body).digest('base64url');
}

export class IdempotencyKeys {
  /** In the order of creation, so that the ones to forget are at the front unless the clock was set back. */
  readonly #known = new Map<string, Known>();
  onKept: (record: KeyRecord) => void = () => undefined;

  /** The kept answer of an earlier request with this key; null when this one is to be executed. */
  begin(request: KeyedRequest): KeptAnswer | null {
    if (request.key.length > MAX_KEY) {
      throw invalid(
        `The idempotency key provided is too long: it must be at most ${MAX_KEY} characters.`,
      );
    }
    this.#forgetOldest(request.nowMs);
    const known = this.#known.get(request.key);
    if (known === undefined || isOld(known, request.nowMs)) {
      // Put behind the others, also where an old one stood between them.
      this.#known.delete(request.key);
      this.#known.set(request.key, {
        path: request.path,
        fingerprint: request.fingerprint,
        createdMs: request.nowMs,
        answer: null,
      });
      return null;
    }
    if (known.path !== request.path) {
      throw mismatch(
        `Keys for idempotent requests can only be used for the same endpoint they were first used for ('${request.path}' vs '${known.path}'). Try using a key other than '${request.key}' if you meant to execute a different request.`,
      );
    }
    if (known.fingerprint !== request.fingerprint) {
      throw mismatch(
        `Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '${request.key}' if you meant to execute a different request.`,
      );
    }
    if (known.answer === null) throw keyInUse(request.key);
    return known.answer;
  }

  /** The request was executed: from now on this is the answer. */
  keep(key: string, answer: KeptAnswer): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    this.#known.set(key, { ...known, answer });
    this.onKept({
      key,
      path: known.path,
      fingerprint: known.fingerprint,
      createdMs: known.createdMs,
      answer,
    });
  }

  /** The request was refused before it was executed: the key is free again. */
  release(key: string): void {
    if (this.#known.get(key)?.answer === null) this.#known.delete(key);
  }

  restore({ key, ...known }: KeyRecord): void {
    this.#known.set(key, known);
  }

  clear(): void {
    this.#known.clear();
  }

  /** Forgets all that are old at this time, for good: they stay forgotten when the clock is set back. */
  forgetOld(nowMs: number): void {
    for (const [key, known] of this.#known) if (isOld(known, nowMs)) this.#known.delete(key);
  }

  #forgetOldest(nowMs: number): void {
    for (const [key, known] of this.#known) {
      if (!isOld(known, nowMs)) return;
      this.#known.delete(key);
    }
  }
}

function isOld(known: Known, nowMs: number): boolean {
  return known.createdMs <= nowMs - KEPT_MS;
}

function mismatch(message: string): Refusal {
  return new Refusal({ status: 400, error: { type: 'idempotency_error', message } });
}

/** 409: a request with this key is being answered at this moment. */
export function keyInUse(key: string): Refusal {
  return new Refusal({
    status: 409,
    error: {
      type: 'invalid_request_error',
      code: 'idempotency_key_in_use',
      message: `There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): ${key}. Please try again later.`,
    },
  });
}

// Who may ask: secret keys, the account and the mode that each belongs to, and what a restricted key may not do.
import { DEFAULT_ACCOUNT, type Owner } from '../owner.ts';
import { permissionFor } from './permissions.ts';
import { invalid, Refusal } from '../refusal.ts';
import { API_VERSION } from '../render/objects.ts';

/** Shorter ones were cut off while copying. */
const WELL_FORMED_KEY = /^(sk|rk)_(test|live)_[A-Za-z0-9_]{8,}$/;
const ACCOUNT_ID = /^acct_[A-Za-z0-9]{1,60}$/;

/** A key that is known by itself, and not only by its form. */
export interface SandboxKey {
  /** `sk_` or `rk_`; its mode is in its name. */
  readonly key: string;
  /** `acct_..`; the default account without it. */
  readonly account?: string | undefined;
  /** Names of endpoints that a restricted key (`rk_`) may not use. */
  readonly forbidden?: readonly string[] | undefined;
}

export interface KeyRules {
  /** The only keys accepted, beside those that are known by themselves; null: every well-formed test key. */
  readonly only: readonly string[] | null;
  /** Also every well-formed live key. */
  readonly live: boolean;
  readonly known: readonly SandboxKey[];
  readonly endpoints: readonly string[];
}

export interface Admitted {
  readonly key: string;
  readonly owner: Owner;
  readonly forbidden: readonly string[];
}

/** A key that cannot be made known, and why. */
export class WrongKey extends Error {
  override readonly name = 'WrongKey';
}

export class SecretKeys {
  readonly #rules: KeyRules;
  readonly #known = new Map<string, Admitted>();
  onKnown: (key: SandboxKey) => void = () => undefined;

  constructor(rules: KeyRules) {
    this.#rules = rules;
    for (const key of rules.known) this.#put(key);
  }

  /** Makes a key known, or known anew. Throws a WrongKey that says what is wrong with it. */
  add(given: SandboxKey): void {
    this.#put(given);
    this.onKnown(given);
  }

  #put({ key, account = DEFAULT_ACCOUNT, forbidden = [] }: SandboxKey): void {
    if (!WELL_FORMED_KEY.test(key)) {
      throw new WrongKey(
        'a key begins with sk_test_, rk_test_, sk_live_ or rk_live_ and goes on with at least 8 letters and digits',
      );
    }
    if (!ACCOUNT_ID.test(account))
      throw new WrongKey(
        `"${account}" is no account: it begins with acct_ and goes on with letters and digits`,
      );
    const unknown = forbidden.find((endpoint) => !this.#rules.endpoints.includes(endpoint));
    if (unknown !== undefined)
      throw new WrongKey(
        `there is no endpoint "${unknown}"; the endpoints are ${this.#rules.endpoints.join(', ')}`,
      );
    if (forbidden.length > 0 && !key.startsWith('rk_'))
      throw new WrongKey(
        'only a restricted key, which begins with rk_, can be forbidden something',
      );
    this.#known.set(key, { key, owner: { account, livemode: isLive(key) }, forbidden });
  }

  /** Throws Stripe's 401. */
  admit(authorization: string | null): Admitted {
    const key = keyIn(authorization);
    if (key === null) {
      throw unauthorized(
        "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://docs.stripe.com/api#authentication for details, or we can help at https://support.stripe.com/.",
      );
    }
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (!this.#takes(key)) throw unauthorized(`Invalid API Key provided: ${masked(key)}`);
    return { key, owner: { account: DEFAULT_ACCOUNT, livemode: isLive(key) }, forbidden: [] };
  }

  /** Forgets what was added since the start. */
  clear(): void {
    this.#known.clear();
    for (const key of this.#rules.known) this.#put(key);
  }

  #takes(key: string): boolean {
    if (this.#rules.only !== null) return this.#rules.only.includes(key);
    return WELL_FORMED_KEY.test(key) && (this.#rules.live || !isLive(key));
  }
}

export function isLive(key: string): boolean {
  return /^[sr]k_live_/.test(key);
}

/** Throws Stripe's 403 where a restricted key lacks the right to use the endpoint. */
export function checkPermission(admitted: Admitted, endpoint: string): void {
  if (admitted.forbidden.includes(endpoint))
    throw permissionDenied(masked(admitted.key), admitted.owner.account, endpoint);
}

/** 403: the right that is missing is named. */
export function permissionDenied(shownKey: string, account: string, endpoint: string): Refusal {
  return new Refusal({
    status: 403,
    error: {
      type: 'invalid_request_error',
      message: `The provided key '${shownKey}' does not have the required permissions for this endpoint on account '${account}'. Having the '${permissionFor(endpoint)}' permission would allow this request to continue.`,
    },
  });
}

/** There are no connected accounts, so a header can only name the account that the key belongs to anyway. */
export function checkNamedAccount(admitted: Admitted, named: string | null): void {
  if (named === null || named === admitted.owner.account) return;
  throw new Refusal({
    status: 403,
    error: {
      type: 'invalid_request_error',
      code: 'account_invalid',
      message: `The provided key '${masked(admitted.key)}' does not have access to account '${named}' (or that account does not exist). Application access may have been revoked.`,
    },
  });
}

/** Bearer, or Basic with the key as the user. */
function keyIn(authorization: string | null): string | null {
  const [scheme = '', value = ''] = (authorization ?? '').trim().split(/\s+/);
  const isBasic = scheme.toLowerCase() === 'basic';
  const key = isBasic ? (Buffer.from(value, 'base64').toString('utf8').split(':')[0] ?? '') : value;
  return key !== '' && (isBasic || scheme.toLowerCase() === 'bearer') ? key : null;
}

/** The key of a request as Stripe's messages show it. */
export function shownKeyOf(authorization: string | null): string {
  const key = keyIn(authorization);
  return key === null ? '' : masked(key);
}

function masked(key: string): string {
  const [, prefix = ''] = /^((?:sk|rk|pk)_(?:test|live)_)/.exec(key) ?? [];
  const hidden = Math.max(0, key.length - prefix.length - 4);
  return `${prefix}${'*'.repeat(hidden)}${key.slice(-4)}`;
}

function unauthorized(message: string): Refusal {
  return new Refusal({
    status: 401,
    error: { type: 'invalid_request_error', message },
    headers: { 'WWW-Authenticate': 'Bearer realm="Stripe"' },
  });
}

/** The sandbox behaves as one version does; answering another one with it would teach the wrong thing. */
export function checkVersion(version: string | null): void {
  if (version !== null && version !== API_VERSION) {
    throw invalid(
      `Invalid Stripe API version: ${version}. This sandbox has version ${API_VERSION} only.`,
    );
  }
}

import { invalid, Refusal } from './refusal.ts';
import { API_VERSION } from './render.ts';

/** Shorter ones were cut off while copying. */
const WELL_FORMED_KEY = /^(sk|rk)_test_[A-Za-z0-9_]{8,}$/;

/** Throws Stripe's 401. `secretKeys` are the only ones accepted, or null for every well-formed test key. */
export function checkApiKey(authorization: string | null, secretKeys: readonly string[] | null): void {
  const key = keyIn(authorization);
  if (key === null) {
    throw unauthorized(
      "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://docs.stripe.com/api#authentication for details, or we can help at https://support.stripe.com/.",
    );
  }
  const accepted = secretKeys === null ? WELL_FORMED_KEY.test(key) : secretKeys.includes(key);
  if (!accepted) throw unauthorized(`Invalid API Key provided: ${masked(key)}`);
}

/** Bearer, or Basic with the key as the user. */
function keyIn(authorization: string | null): string | null {
  const [scheme = '', value = ''] = (authorization ?? '').trim().split(/\s+/);
  const isBasic = scheme.toLowerCase() === 'basic';
  const key = isBasic ? (Buffer.from(value, 'base64').toString('utf8').split(':')[0] ?? '') : value;
  return key !== '' && (isBasic || scheme.toLowerCase() === 'bearer') ? key : null;
}

function masked(key: string): string {
  const [, prefix = ''] = /^((?:sk|rk|pk)_(?:test|live)_)/.exec(key) ?? [];
  const hidden = Math.max(0, key.length - prefix.length - 4);
  return `${prefix}${'*'.repeat(hidden)}${key.slice(-4)}`;
}

function unauthorized(message: string): Refusal {
  return new Refusal({ status: 401, error: { type: 'invalid_request_error', message }, headers: { 'WWW-Authenticate': 'Bearer realm="Stripe"' } });
}

/** The sandbox behaves as one version does; answering another one with it would teach the wrong thing. */
export function checkVersion(version: string | null): void {
  if (version !== null && version !== API_VERSION) {
    throw invalid(`Invalid Stripe API version: ${version}. This sandbox has version ${API_VERSION} only.`);
  }
}

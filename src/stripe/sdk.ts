import type Stripe from 'stripe';
import { STRIPE_ERROR_TYPES, type StripeFault } from './http/result.ts';
import { isFields, text, word } from './parse-intent.ts';
import type { WireClient } from './http/client.ts';

/** The version that this code was written against; the package's own, stated so that an upgrade cannot change it unseen. */
const API_VERSION = '2026-10-28.endive';

/** When one of these is set, the package writes a line to stderr while it is imported. */
const HINT_VARIABLES = ['CLAUDECODE', 'CLAUDE_CODE_CHILD_SESSION'] as const;

export interface ClientOptions {
  readonly secretKey: string;
  /** `http(s)://host:port[/]`; null: Stripe's own. */
  readonly apiBase: string | null;
  readonly deadlineMs: number;
}

/** The stripe package, ready to call, and the only knowledge of its error classes. */
export interface StripeClient {
  readonly stripe: Stripe;
  /** Stripe's error object in a thrown error; null when there is none (no connection, unreadable answer). */
  fault(error: unknown): StripeFault | null;
}

/** Imports the package (23 MB, 100 ms and more from its sources): only what is about to ask Stripe may call this. */
export async function openClient(options: ClientOptions, wire: WireClient): Promise<StripeClient> {
  const PackageStripe = await importQuietly();
  const stripe = new PackageStripe(options.secretKey, {
    ...address(options.apiBase),
    apiVersion: API_VERSION,
    httpClient: wire,
    timeout: options.deadlineMs,
    // Whether to ask again is decided where the transaction is known.
    maxNetworkRetries: 0,
    // It would write a file into the user's configuration folder, and send timings to Stripe.
    telemetry: false,
    appInfo: { name: 'payrecon' },
  });
  return {
    stripe,
    fault: (error) => (error instanceof PackageStripe.errors.StripeError ? readFault(error) : null),
  };
}

async function importQuietly(): Promise<typeof Stripe> {
  const hidden = HINT_VARIABLES.map((name) => [name, process.env[name]] as const);
  for (const [name] of hidden) Reflect.deleteProperty(process.env, name);
  try {
    return (await import('stripe')).default;
  } finally {
    for (const [name, value] of hidden) if (value !== undefined) process.env[name] = value;
  }
}

function address(apiBase: string | null): Pick<Stripe.StripeConfig, 'host' | 'port' | 'protocol'> {
  if (apiBase === null) return {};
  const url = new URL(apiBase);
  const protocol = url.protocol === 'http:' ? 'http' : 'https';
  const usualPort = protocol === 'http' ? 80 : 443;
  return {
    protocol,
    // The URL shows an IPv6 address in brackets, the socket wants it without.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? usualPort : Number(url.port),
  };
}

function readFault(error: Stripe.errors.StripeError): StripeFault | null {
  const { statusCode, raw } = error;
  // An answer that could not be read is an error of this class too, without a status; and so is any
  // JSON with an `error` in it, such as a proxy's.
  if (typeof statusCode !== 'number' || !isFields(raw)) return null;
  const type = STRIPE_ERROR_TYPES.find((known) => known === raw['type']);
  const code = word(raw['code']);
  const message = text(raw['message']);
  if (type === undefined || (code === null && message === null)) return null;
  return {
    status: statusCode,
    type,
    code,
    declineCode: word(raw['decline_code']),
    message: message ?? '',
    param: word(raw['param']),
    paymentIntent: raw['payment_intent'] ?? null,
  };
}

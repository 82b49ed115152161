// Real clients against a local sandbox, and a plain one where a real one would hide what is on the wire.
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import Stripe from 'stripe';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/server.ts';

export const SECRET_KEY = 'sk_test_4eC39HqLyjWDarjtT1zdp7dc';

export interface Local {
  readonly sandbox: Sandbox;
  readonly stripe: Stripe;
  /** Sends a plain request, with the secret key unless told otherwise. */
  readonly send: (method: string, path: string, options?: PlainRequest) => Promise<PlainAnswer>;
  readonly control: (method: string, path: string, body?: object) => Promise<PlainAnswer>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface PlainRequest {
  readonly form?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly key?: string | null;
}

export interface PlainAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly json: Json;
}

export interface Json {
  readonly [name: string]: Json;
}

export async function startLocal(options: SandboxOptions = {}): Promise<Local> {
  const sandbox = await startSandbox({ seed: 1, ...options });
  return {
    sandbox,
    stripe: stripeAt(sandbox.port),
    send: (method, path, request = {}) => sendPlain(sandbox.port, method, path, request),
    control: (method, path, body) =>
      sendPlain(sandbox.port, method, `/_sandbox/${path}`, {
        key: null,
        ...(body === undefined
          ? {}
          : { form: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      }),
    [Symbol.asyncDispose]: () => sandbox.close(),
  };
}

export function stripeAt(
  port: number,
  options: {
    readonly timeout?: number;
    readonly key?: string;
    readonly maxNetworkRetries?: number;
  } = {},
): Stripe {
  const { key = SECRET_KEY, maxNetworkRetries = 0, timeout = 5000 } = options;
  return new Stripe(key, {
    host: '127.0.0.1',
    port,
    protocol: 'http',
    telemetry: false,
    maxNetworkRetries,
    timeout,
  });
}

async function sendPlain(
  port: number,
  method: string,
  path: string,
  options: PlainRequest,
): Promise<PlainAnswer> {
  const { form, headers = {}, key = SECRET_KEY } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: '127.0.0.1',
      port,
      method,
      path,
      agent: false,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(form === undefined
          ? {}
          : {
              'content-type': 'application/x-www-form-urlencoded',
              'content-length': Buffer.byteLength(form),
            }),
        ...headers,
      },
    });
    request.once('error', reject);
    request.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body,
          json: parse(body),
        }),
      );
    });
    request.end(form);
  });
}

function parse(body: string): Json {
  return body.startsWith('{') ? (JSON.parse(body) as Json) : {};
}

export const CARD = {
  amount: 4999,
  currency: 'usd',
  allowed_payment_method_types: ['card'],
} satisfies Stripe.PaymentIntentCreateParams;

/** An intent that can be confirmed. */
export function createUnconfirmed(
  stripe: Stripe,
  method = 'pm_card_visa',
  more: Partial<Stripe.PaymentIntentCreateParams> = {},
) {
  return stripe.paymentIntents.create({ ...CARD, payment_method: method, ...more });
}

/** The error that a call ends with; fails when it does not. */
export async function errorOf(call: Promise<unknown>): Promise<Stripe.errors.StripeError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeError) return error;
    throw error;
  }
  throw new Error('the call should have failed');
}

import http, { type ClientRequest } from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { Proxy } from './choose.ts';

/*
 * Node's own agents over a tunnel through a proxy. Made here and not taken from a package: the known one
 * (https-proxy-agent) hands the proxy's refusal to the caller as if the other side had answered it. A
 * proxy's 403 would be taken for Stripe's, and nobody could tell that nothing was sent.
 *
 * Until the tunnel stands nothing of the request has left, so every failure before is a `TunnelError`,
 * which proves that. Once it stands, the connection is like any other.
 */

type Created = (error: Error | null, socket: Duplex) => void;

/** A tunnel did not come about: nothing was sent through it. The message names the proxy by host and port only. */
class TunnelError extends Error {}

/** Why no tunnel came about, where that is what ended a request; else null. */
export function tunnelFailure(error: unknown): string | null {
  if (error instanceof TunnelError) return error.message;
  return error instanceof Error && error.cause instanceof TunnelError ? error.cause.message : null;
}

export interface TunnelOptions {
  readonly proxy: Proxy;
  /** How long the proxy may be silent before it has answered to CONNECT. */
  readonly silentForMs: number;
  readonly agent: http.AgentOptions;
}

export interface TunnelAgents {
  readonly plain: http.Agent;
  readonly secure: https.Agent;
  /** Ends what is open, idle or just being opened. */
  destroy(): void;
}

export function tunnelAgents({ proxy, silentForMs, agent }: TunnelOptions): TunnelAgents {
  const opening = new Set<ClientRequest>();
  const open = (options: http.ClientRequestArgs, done: (tunnel: Duplex | Error) => void): void => {
    const request = connectRequest(proxy, options, silentForMs);
    opening.add(request);
    const end = (result: Duplex | Error): void => {
      if (opening.delete(request)) done(result);
    };
    request.once('connect', (answer, socket) => {
      const { statusCode = 0 } = answer;
      if (statusCode >= 200 && statusCode < 300) {
        socket.setTimeout(0);
        end(socket);
        return;
      }
      socket.destroy();
      end(new TunnelError(refusal(proxy, statusCode)));
    });
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', (error: Error & { code?: unknown }) => {
      const why = typeof error.code === 'string' ? error.code : 'no answer in time';
      end(new TunnelError(`the proxy ${proxy.shown} cannot be reached (${why})`));
    });
    request.end();
  };
  const plain = new PlainTunnels(agent, open);
  const secure = new SecureTunnels(agent, open);
  const destroy = (): void => {
    for (const request of opening) request.destroy();
    plain.destroy();
    secure.destroy();
  };
  return { plain, secure, destroy };
}

type Open = (options: http.ClientRequestArgs, done: (tunnel: Duplex | Error) => void) => void;

class PlainTunnels extends http.Agent {
  readonly #open: Open;

  constructor(options: http.AgentOptions, open: Open) {
    super(options);
    this.#open = open;
  }

  override createConnection(options: http.ClientRequestArgs, created: Created): undefined {
    this.#open(options, (tunnel) => hand(tunnel, created));
  }
}

class SecureTunnels extends https.Agent {
  readonly #open: Open;

  constructor(options: http.AgentOptions, open: Open) {
    super(options);
    this.#open = open;
  }

  override createConnection(options: https.RequestOptions, created: Created): undefined {
    this.#open(options, (tunnel) => {
      if (tunnel instanceof Error) hand(tunnel, created);
      else hand(tls.connect({ ...(options as tls.ConnectionOptions), socket: tunnel }), created);
    });
  }
}

/** Node's agents want the error first, and then no socket. */
function hand(tunnel: Duplex | Error, created: Created): void {
  if (tunnel instanceof Error) (created as (error: Error) => void)(tunnel);
  else created(null, tunnel);
}

function connectRequest(
  { secure, host, port, authorization }: Proxy,
  to: http.ClientRequestArgs,
  timeout: number,
): ClientRequest {
  const name = to.host ?? '';
  const target = `${name.includes(':') ? `[${name}]` : name}:${String(to.port ?? '')}`;
  const headers = {
    host: target,
    ...(authorization === null ? {} : { 'proxy-authorization': authorization }),
  };
  const options = { host, port, method: 'CONNECT', path: target, headers, timeout, agent: false };
  return secure ? https.request(options) : http.request(options);
}

const PROXY_LOGIN_NEEDED = 407;

function refusal({ shown, authorization, variable }: Proxy, status: number): string {
  const said = `the proxy ${shown} answered ${String(status)} and let nothing through`;
  if (status !== PROXY_LOGIN_NEEDED) return said;
  const what = authorization === null ? 'it wants a user and a password' : 'it refused the login';
  return `${said}: ${what} in ${variable}`;
}

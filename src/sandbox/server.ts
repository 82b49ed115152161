// A local Stripe and SendGrid over HTTP, for tests, the demo and benchmarks. It listens on the loopback interface only.
// Requests are answered from memory; each one runs in one go, so there is no state in between. What may go wrong on
// the wire is done on purpose, by the fault specification in fault-spec.ts.
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import type { Books } from './books.ts';
import type { SandboxClock } from './clock.ts';
import { addControl } from './control.ts';
import { refuseFromPages } from './control-guard.ts';
import { STRIPE_ENDPOINTS } from './stripe/endpoints/table.ts';
import { serveMail } from './mail/exchange.ts';
import type { SandboxOptions } from './options.ts';
import { prepareChecks } from './stripe/request/check.ts';
import { createState, type State } from './stripe/state.ts';
import { type Exchange, serveStripe, serveUnknown } from './stripe/exchange.ts';

export { FAULT_KINDS, type FaultName } from './faults/kinds.ts';
export { type Books } from './books.ts';
export { type SandboxClock } from './clock.ts';
export { type SandboxKey, WrongKey } from './stripe/request/access.ts';
export { type SandboxOptions } from './options.ts';

const BODY_LIMIT = 30 * 1024 * 1024;

export interface Sandbox {
  /** The base address of both services. */
  readonly url: string;
  readonly port: number;
  readonly books: Books;
  readonly clock: SandboxClock;
  /** Replaces the faults; the empty text ends them. Throws an Error that says what is wrong with the text. */
  setFaults(spec: string): void;
  close(): Promise<void>;
}

export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const state = createState(options);
  prepareChecks();
  const closing = new AbortController();
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 500 },
  });
  addRoutes(app, { ...state, closing: closing.signal });
  try {
    await app.listen({ host: '127.0.0.1', port: options.port ?? 0 });
  } catch (error) {
    await app.close();
    state.close();
    throw error;
  }
  const { port } = app.server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    books: state.books,
    clock: state.clock,
    setFaults: state.setFaults,
    async close() {
      closing.abort();
      await app.close();
      state.close();
    },
  };
}

function addRoutes(app: FastifyInstance, parts: State & Exchange): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  for (const endpoint of STRIPE_ENDPOINTS) {
    app.route({
      method: endpoint.method,
      url: endpoint.path,
      exposeHeadRoute: false,
      handler: (request, reply) => serveStripe(parts, endpoint, request, reply),
    });
  }
  app.post('/v3/mail/send', (request, reply) => serveMail(parts, request, reply));
  void app.register((scope, _options, done) => {
    guardControl(scope);
    addControl(scope, parts);
    done();
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    void reply.header('Date', new Date(parts.clock.now()).toUTCString());
    done();
  });
  app.setNotFoundHandler((request, reply) => serveUnknown(parts, request, reply));
  app.setErrorHandler((error, _request, reply) => reply.code(500).send(sandboxError(error)));
}

/** For the routes of the scope, however their paths are written. */
function guardControl(scope: FastifyInstance): void {
  scope.addHook('onRequest', async (request, reply) => {
    const refused = refuseFromPages(request.headers);
    if (refused !== null) await reply.code(refused.status).send(sandboxError(refused.message));
  });
  // A wrong request to the sandbox's own paths is told as such; anything else is a bug of the sandbox.
  scope.setErrorHandler((error, _request, reply) => reply.code(400).send(sandboxError(error)));
}

function sandboxError(error: unknown): object {
  return {
    error: {
      type: 'sandbox_error',
      message: error instanceof Error ? error.message : String(error),
    },
  };
}

// A local Stripe and SendGrid over HTTP, for tests, the demo and benchmarks. It listens on the loopback interface only.
// Requests are answered from memory; each one runs in one go, so there is no state in between. What may go wrong on
// the wire is done on purpose, by the fault specification in fault-spec.ts.
import { type AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import { Answered } from './answered.ts';
import { type Books, createBooks } from './books.ts';
import { createClock, type SandboxClock } from './clock.ts';
import { addControl } from './control.ts';
import { ENDPOINT_NAMES, STRIPE_ENDPOINTS } from './endpoints/table.ts';
import { Executor } from './executor.ts';
import { parseFaults } from './fault-spec.ts';
import { FaultDesk } from './faults.ts';
import { IdempotencyKeys } from './idempotency.ts';
import { createChance, Ids, randomSeed } from './ids.ts';
import { serveMail } from './mail-exchange.ts';
import { RateLimits, STANDARD_LIMITS } from './rate-limits.ts';
import { RequestLog } from './request-log.ts';
import { settleDue } from './settle.ts';
import { type Exchange, serveStripe, serveUnknown } from './stripe-exchange.ts';
import { World } from './world.ts';

export { FAULT_KINDS, type FaultKind, type FaultName } from './fault-kinds.ts';
export { type Books, type BooksSummary } from './books.ts';
export { type SandboxClock } from './clock.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const BANK_DEBIT_DAYS = 4;
const SEARCH_LAG_MS = 60_000;
const EVENT_LAG_MS = 1000;
const BODY_LIMIT = 30 * 1024 * 1024;

export interface SandboxOptions {
  /** 0 or nothing: any free one. */
  readonly port?: number;
  /** The same seed gives the same ids and the same chances of faults. */
  readonly seed?: number;
  /** See fault-spec.ts. */
  readonly faults?: string;
  /** A folder to keep the state in; read back at the next start. */
  readonly dataDir?: string;
  /** Off by default; `true` is what a sandbox account of Stripe has. */
  readonly rateLimits?: boolean | { readonly perSecond?: number; readonly perEndpoint?: number };
  /** How far the search lags behind; 60 s by default. */
  readonly searchLagMs?: number;
  /** How long a new event is missing from the list; 1 s by default. */
  readonly eventLagMs?: number;
  /** How long a bank takes to decide on a debit; 4 days by default. */
  readonly bankDebitMs?: number;
  /** The only secret keys accepted; by default every well-formed test key. */
  readonly secretKeys?: readonly string[];
  /** Milliseconds since 1970; the machine's clock by default. */
  readonly now?: () => number;
}

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
  const closing = new AbortController();
  const app = fastify({ logger: false, bodyLimit: BODY_LIMIT, forceCloseConnections: true, routerOptions: { maxParamLength: 500 } });
  addRoutes(app, { ...state, closing: closing.signal });
  await app.listen({ host: '127.0.0.1', port: options.port ?? 0 });
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
    },
  };
}

type State = ReturnType<typeof createState>;

function createState(options: SandboxOptions) {
  const seed = options.seed ?? randomSeed();
  const ids = new Ids(createChance(seed));
  let world: World | null = null;
  const clock = createClock(options.now ?? Date.now, () => world !== null && settleDue(world));
  world = new World(clock, ids, {
    bankDebitMs: options.bankDebitMs ?? BANK_DEBIT_DAYS * DAY_MS,
    searchLagMs: options.searchLagMs ?? SEARCH_LAG_MS,
    eventLagMs: options.eventLagMs ?? EVENT_LAG_MS,
  });
  const log = new RequestLog();
  const keys = new IdempotencyKeys();
  const faults = new FaultDesk(createChance(seed + 1));
  const setFaults = (spec: string) => faults.set(parseFaults(spec, ENDPOINT_NAMES));
  setFaults(options.faults ?? '');
  const limits = new RateLimits(limitsOf(options.rateLimits), () => performance.now());
  const executor = new Executor({ world, keys, limits, secretKeys: options.secretKeys ?? null });
  const reset = () => {
    for (const part of [world, log, keys]) part.clear();
    setFaults('');
  };
  return { world, clock, log, reset, faults, setFaults, executor, answered: new Answered(), books: createBooks(world, log) };
}

function limitsOf(option: SandboxOptions['rateLimits']) {
  if (option === undefined || option === false) return null;
  return option === true ? STANDARD_LIMITS : { ...STANDARD_LIMITS, ...option };
}

function addRoutes(app: FastifyInstance, parts: State & Exchange): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  for (const endpoint of STRIPE_ENDPOINTS) {
    app.route({ method: endpoint.method, url: endpoint.path, exposeHeadRoute: false, handler: (request, reply) => serveStripe(parts, endpoint, request, reply) });
  }
  app.post('/v3/mail/send', (request, reply) => serveMail(parts, request, reply));
  addControl(app, { ...parts, reset: parts.reset });
  app.setNotFoundHandler((request, reply) => serveUnknown(parts, request, reply));
  app.setErrorHandler((error, request, reply) => {
    // A wrong request to the sandbox's own paths is told as such; anything else is a bug of the sandbox.
    const status = request.url.startsWith('/_sandbox/') ? 400 : 500;
    return reply.code(status).send({ error: { type: 'sandbox_error', message: error instanceof Error ? error.message : String(error) } });
  });
}

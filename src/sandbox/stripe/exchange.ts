// One request to the local Stripe, from the wire and back, with the fault that it was dealt.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Accounts } from './accounts.ts';
import type { Answered } from '../response-queue.ts';
import type { SandboxClock } from '../clock.ts';
import { answerBug, BAD_GATEWAY, dated, deliver, pause, type Rendered } from '../delivery.ts';
import type { Endpoint } from './endpoint.ts';
import { type Executor, type Incoming, type Outcome, refused } from './executor.ts';
import { faultRefusal, serverError } from '../faults/answers.ts';
import { argumentOf, type Fault, treatmentOf } from '../faults/kinds.ts';
import type { FaultDesk } from '../faults/injector.ts';
import type { Ids } from './ids.ts';
import type { Mails } from '../mail/mails.ts';
import type { OrderedError } from '../faults/ordered-error.ts';
import { Refusal } from './refusal.ts';
import { API_VERSION } from './render/objects.ts';
import type { RequestLog, SeenRequest } from '../request-log.ts';
import { settleDue } from './settle.ts';
import { renderView } from './view.ts';

export interface Exchange {
  readonly accounts: Accounts;
  readonly mails: Mails;
  readonly ids: Ids;
  readonly clock: SandboxClock;
  readonly executor: Executor;
  readonly faults: FaultDesk;
  readonly log: RequestLog;
  readonly answered: Answered;
  /** Says that the sandbox is being closed. */
  readonly closing: AbortSignal;
}

export async function serveStripe(
  exchange: Exchange,
  endpoint: Endpoint,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  void reply.hijack();
  const incoming = readRequest(exchange.ids.request(), endpoint.method, request);
  const fault = exchange.faults.next(endpoint.name, true);
  const seen = exchange.log.open(
    {
      endpoint: endpoint.name,
      method: request.method,
      path: incoming.path,
      idempotency_key: incoming.idempotencyKey,
      at: exchange.clock.now(),
    },
    fault,
  );
  for (const { world } of exchange.accounts) settleDue(world);
  try {
    if (fault === null) await answer(exchange, endpoint, incoming, reply, seen);
    else await answerBadly(exchange, endpoint, incoming, { reply, seen, fault });
  } catch (error) {
    seen.status = answerBug(reply, error);
  } finally {
    exchange.log.close(seen);
    exchange.answered.tell();
  }
}

/** Stripe's 404 for a path that it does not have. */
export async function serveUnknown(
  exchange: Exchange,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const unknown: Endpoint = {
    name: 'unknown',
    method: request.method === 'POST' ? 'POST' : 'GET',
    path: request.url,
    request: null,
    handle: () => {
      throw new Refusal({
        status: 404,
        error: {
          type: 'invalid_request_error',
          message: `Unrecognized request URL (${request.method}: ${request.url.split('?')[0] ?? ''}). Please see https://docs.stripe.com or we can help at https://support.stripe.com/.`,
        },
      });
    },
  };
  await serveStripe(exchange, unknown, request, reply);
}

async function answer(
  exchange: Exchange,
  endpoint: Endpoint,
  incoming: Incoming,
  reply: FastifyReply,
  seen: SeenRequest,
): Promise<void> {
  const outcome = exchange.executor.run(endpoint, incoming);
  exchange.executor.conclude(outcome);
  note(seen, outcome);
  const rendered = render(incoming, outcome);
  seen.status = rendered.status;
  await deliver(reply.raw, dated(rendered, exchange.clock.now()), null, 0);
}

interface Badly {
  readonly reply: FastifyReply;
  readonly seen: SeenRequest;
  readonly fault: Fault;
}

async function answerBadly(
  exchange: Exchange,
  endpoint: Endpoint,
  incoming: Incoming,
  badly: Badly,
): Promise<void> {
  const { reply, seen, fault } = badly;
  const kind = treatmentOf(fault);
  if (kind.executes === 'later') await pause(argumentOf(fault), exchange.closing);
  if (exchange.closing.aborted) return;
  const outcome = outcomeOf(exchange, endpoint, incoming, fault);
  note(seen, outcome);
  if (kind.effect === 'delay') await delay(exchange, fault);
  // Until here a twin with the same key is told that this one is under way.
  exchange.executor.conclude(outcome);
  const rendered = kind.effect === 'html' ? BAD_GATEWAY : render(incoming, outcome);
  seen.status = ['reset', 'drop', 'hang'].includes(kind.effect) ? null : rendered.status;
  await deliver(reply.raw, dated(rendered, exchange.clock.now()), kind.effect, argumentOf(fault));
}

function outcomeOf(
  exchange: Exchange,
  endpoint: Endpoint,
  incoming: Incoming,
  fault: Fault,
): Outcome {
  if (fault.kind === 'error') return orderedOutcome(exchange, endpoint, incoming, fault.ordered);
  if (treatmentOf(fault).executes === 'no') {
    if (fault.kind === '500_before') return failBefore(exchange, endpoint, incoming);
    const refusal = faultRefusal(fault.kind, incoming, endpoint.name);
    return {
      ...refused(refusal, incoming.requestId, exchange.accounts.default.world),
      executed: false,
    };
  }
  const outcome = exchange.executor.run(endpoint, incoming);
  if (fault.kind !== '500_after') return outcome;
  const failed = refused(serverError(), incoming.requestId, outcome.world);
  return { ...failed, executed: outcome.executed, held: outcome.held };
}

/** Stripe had begun, and failed before anything was done: the 500 is what the key stands for from then on. */
function failBefore(exchange: Exchange, endpoint: Endpoint, incoming: Incoming): Outcome {
  const outcome = exchange.executor.run(refusing(endpoint, serverError()), incoming);
  if (outcome.status === 500) return outcome;
  return {
    ...refused(serverError(), incoming.requestId, outcome.world),
    executed: false,
    held: outcome.held,
  };
}

/** A 402 for a request that pays is a decline, with all that belongs to one; anything else changes nothing. */
function orderedOutcome(
  exchange: Exchange,
  endpoint: Endpoint,
  incoming: Incoming,
  ordered: OrderedError,
): Outcome {
  if (ordered.status === 402 && pays(endpoint, incoming))
    return exchange.executor.run(endpoint, incoming, ordered);
  const world = exchange.accounts.withIntent(incoming.id)?.world;
  const intent =
    ordered.error.code?.startsWith('payment_intent_') === true
      ? world?.intents.get(incoming.id)?.record
      : undefined;
  const refusal = new Refusal({ ...ordered, ...(intent === undefined ? {} : { intent }) });
  if (ordered.kept && ordered.status !== 402)
    return exchange.executor.run(refusing(endpoint, refusal), incoming);
  return {
    ...refused(refusal, incoming.requestId, world ?? exchange.accounts.default.world),
    executed: false,
  };
}

function refusing(endpoint: Endpoint, refusal: Refusal): Endpoint {
  return {
    ...endpoint,
    handle: () => {
      throw refusal;
    },
  };
}

function pays(endpoint: Endpoint, incoming: Incoming): boolean {
  if (endpoint.name === 'payment_intents.confirm') return true;
  return (
    endpoint.name === 'payment_intents.create' && /(^|&)confirm=true(&|$)/i.test(incoming.form)
  );
}

async function delay(exchange: Exchange, fault: Fault): Promise<void> {
  if (fault.kind === 'out_of_order')
    await exchange.answered.next(argumentOf(fault), exchange.closing);
  else await pause(argumentOf(fault), exchange.closing);
}

function note(seen: SeenRequest, outcome: Outcome): void {
  seen.executed = outcome.executed;
  seen.replayed = outcome.replayed;
}

function readRequest(requestId: string, method: 'GET' | 'POST', request: FastifyRequest): Incoming {
  const [path = '', query = ''] = request.url.split('?', 2);
  const params = request.params as Readonly<Record<string, string | undefined>>;
  const body = typeof request.body === 'string' ? request.body : '';
  return {
    path,
    id: params['id'] ?? '',
    form: method === 'POST' ? [query, body].filter((part) => part !== '').join('&') : query,
    contentType: request.headers['content-type'] ?? null,
    authorization: request.headers.authorization ?? null,
    version: header(request, 'stripe-version'),
    account: header(request, 'stripe-account'),
    idempotencyKey: header(request, 'idempotency-key'),
    requestId,
  };
}

function header(request: FastifyRequest, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
}

function render(incoming: Incoming, outcome: Outcome): Rendered {
  return {
    status: outcome.status,
    headers: {
      'Content-Type': 'application/json',
      'Request-Id': incoming.requestId,
      'Stripe-Version': API_VERSION,
      ...(incoming.idempotencyKey === null
        ? {}
        : { 'Idempotency-Key': incoming.idempotencyKey, 'Original-Request': outcome.originalId }),
      ...(outcome.replayed ? { 'Idempotent-Replayed': 'true' } : {}),
      ...(outcome.status >= 400 && (outcome.executed || outcome.replayed)
        ? { 'Stripe-Should-Retry': 'false' }
        : {}),
      ...outcome.headers,
    },
    body: JSON.stringify(renderView(outcome.view, outcome.world, outcome.originalId), null, 2),
  };
}

// The sandbox's own paths under /_sandbox/: for tests, demos and benchmarks that run in another process.
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { type Books, booksDocument } from './books.ts';
import { isLive, type SecretKeys } from './stripe/request/access.ts';
import type { Accounts } from './stripe/accounts.ts';
import { type SandboxClock, secondsOf } from './clock.ts';
import { DEFAULT_ACCOUNT } from './stripe/owner.ts';
import { renderIntent } from './stripe/render/objects.ts';
import type { RequestLog } from './request-log.ts';
import { seedIntents, seedRequest } from './seeding.ts';
import { settle, settleDue } from './stripe/settle.ts';

export interface Controlled {
  readonly accounts: Accounts;
  readonly secretKeys: SecretKeys;
  readonly books: Books;
  readonly log: RequestLog;
  readonly clock: SandboxClock;
  readonly setFaults: (spec: string) => void;
  readonly reset: () => void;
}

const clockRequest = z.strictObject({
  advance_ms: z.number().optional(),
  set_ms: z.number().optional(),
});

const settlement = z.strictObject({
  outcome: z.enum(['succeeded', 'failed', 'canceled']),
  late: z.boolean().default(false),
  amount: z.int().positive().nullable().default(null),
  currency: z.string().length(3).nullable().default(null),
  amount_received: z.int().min(0).nullable().default(null),
  // Without one: as the payment that was open fails at Stripe.
  code: z.string().optional(),
  decline_code: z.string().nullable().default(null),
  message: z.string().default('Your card was declined.'),
  cancellation_reason: z.string().nullable().default(null),
});

const customer = z.strictObject({
  id: z.string().regex(/^cus_\w+$/),
  email: z.string().nullable().default(null),
  account: z.string().default(DEFAULT_ACCOUNT),
  livemode: z.boolean().default(false),
});

const secretKey = z.strictObject({
  key: z.string(),
  account: z.string().optional(),
  /** Said by the key's name; one that contradicts it is a mistake. */
  livemode: z.boolean().optional(),
  forbidden: z.array(z.string()).optional(),
});

export function addControl(app: FastifyInstance, controlled: Controlled): void {
  const { books, clock, log } = controlled;
  app.get('/_sandbox/health', () => ({ ok: true, now_ms: clock.now() }));
  app.get<{ Querystring: Record<string, string | undefined> }>('/_sandbox/books', (request) => {
    const { summary, account, livemode } = request.query;
    const asked =
      account === undefined && livemode === undefined
        ? books
        : books.of(account ?? DEFAULT_ACCOUNT, isYes(livemode) ? 'live' : 'test');
    return isYes(summary) ? asked.summary() : booksDocument(asked);
  });
  app.get<{ Querystring: Record<string, string | undefined> }>('/_sandbox/requests', (request) => ({
    requests: log.since(Number(request.query['since'] ?? 0)),
    counts: log.counts,
    total: log.total,
  }));
  app.get('/_sandbox/mails', () => ({ mails: books.mails }));
  app.post('/_sandbox/faults', (request) => {
    const { spec } = z.strictObject({ spec: z.string() }).parse(json(request.body));
    controlled.setFaults(spec);
    return { spec };
  });
  app.delete('/_sandbox/faults', () => {
    controlled.setFaults('');
    return { spec: '' };
  });
  app.post('/_sandbox/clock', (request) => {
    const asked = clockRequest.parse(json(request.body));
    if (asked.set_ms !== undefined) clock.set(asked.set_ms);
    if (asked.advance_ms !== undefined) clock.advance(asked.advance_ms);
    return { now_ms: clock.now() };
  });
  app.post('/_sandbox/reset', () => {
    controlled.reset();
    return { ok: true };
  });
  addKeys(app, controlled.secretKeys);
  addSeeding(app, controlled.accounts);
  addSettlement(app, controlled.accounts);
}

function isYes(value: string | undefined): boolean {
  return value === '1' || value === 'true';
}

function addKeys(app: FastifyInstance, secretKeys: SecretKeys): void {
  app.post('/_sandbox/keys', (request) => {
    const { livemode, ...key } = secretKey.parse(json(request.body));
    if (livemode !== undefined && livemode !== isLive(key.key))
      throw new Error('livemode is said by the key itself: sk_live_ or rk_live_');
    secretKeys.add(key);
    return { account: DEFAULT_ACCOUNT, livemode: isLive(key.key), forbidden: [], ...key };
  });
}

function addSeeding(app: FastifyInstance, accounts: Accounts): void {
  app.post('/_sandbox/seed', (request) => {
    const asked = seedRequest.parse(json(request.body));
    return seedIntents(accounts.of(asked).world, asked);
  });
  app.post('/_sandbox/customers', (request) => {
    const { id, email, ...owner } = customer.parse(json(request.body));
    const { world } = accounts.of(owner);
    const record = {
      id,
      created: secondsOf(world.clock.now()),
      seq: world.ids.place(),
      email,
      name: null,
      phone: null,
      description: null,
      metadata: {},
    };
    world.putCustomer(record);
    return { id };
  });
}

function addSettlement(app: FastifyInstance, accounts: Accounts): void {
  app.post<{ Params: { id: string } }>('/_sandbox/payment_intents/:id/settle', (request, reply) => {
    const asked = settlement.parse(json(request.body));
    if (asked.amount_received !== null && asked.outcome !== 'succeeded')
      throw new Error('amount_received is said of outcome succeeded only');
    const world = accounts.withIntent(request.params.id)?.world;
    if (world !== undefined) settleDue(world);
    const intent = world?.intents.get(request.params.id)?.record;
    if (world === undefined || intent === undefined)
      return reply.code(404).send({ error: `no payment intent ${request.params.id}` });
    const settled = settle(world, intent, {
      outcome: asked.outcome,
      late: asked.late,
      amount: asked.amount,
      currency: asked.currency,
      amountReceived: asked.amount_received,
      failure:
        asked.code === undefined
          ? null
          : { code: asked.code, declineCode: asked.decline_code, message: asked.message },
      cancellationReason: asked.cancellation_reason,
    });
    return renderIntent(settled, world);
  });
}

function json(body: unknown): unknown {
  return typeof body === 'string' && body !== '' ? JSON.parse(body) : {};
}

// One request to the local SendGrid. It knows no idempotency: every request that is executed is another e-mail.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { answerBug, BAD_GATEWAY, dated, deliver, pause, type Rendered } from '../delivery.ts';
import { MAIL_ENDPOINT } from '../stripe/endpoints/table.ts';
import { argumentOf, type Fault, treatmentOf } from '../faults/kinds.ts';
import { checkMail } from './check.ts';
import type { SeenRequest } from '../request-log.ts';
import type { Exchange } from '../stripe/exchange.ts';

const KEY = /^Bearer SG\.[\w-]+(\.[\w-]*)?$/;
const SHORTEST_KEY = 'Bearer SG.'.length + 6;

export async function serveMail(
  exchange: Exchange,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  void reply.hijack();
  const fault = exchange.faults.next(MAIL_ENDPOINT, false);
  const seen = exchange.log.open(
    {
      endpoint: MAIL_ENDPOINT,
      method: 'POST',
      path: '/v3/mail/send',
      idempotency_key: null,
      at: exchange.clock.now(),
    },
    fault,
  );
  try {
    if (fault === null) {
      const rendered = execute(exchange, request, seen);
      seen.status = rendered.status;
      await deliver(reply.raw, dated(rendered, exchange.clock.now()), null, 0);
    } else await answerBadly(exchange, request, reply, seen, fault);
  } catch (error) {
    seen.status = answerBug(reply, error);
  } finally {
    exchange.log.close(seen);
    exchange.answered.tell();
  }
}

async function answerBadly(
  exchange: Exchange,
  request: FastifyRequest,
  reply: FastifyReply,
  seen: SeenRequest,
  fault: Fault,
): Promise<void> {
  const kind = treatmentOf(fault);
  const argument = argumentOf(fault);
  if (kind.executes === 'later') await pause(argument, exchange.closing);
  if (exchange.closing.aborted) return;
  const executed = kind.executes === 'no' ? null : execute(exchange, request, seen);
  if (fault.kind === 'out_of_order') await exchange.answered.next(argument, exchange.closing);
  else if (kind.effect === 'delay') await pause(argument, exchange.closing);
  const answered =
    kind.status === null && executed !== null ? executed : faultAnswer(kind.status ?? 500);
  const rendered = kind.effect === 'html' ? BAD_GATEWAY : answered;
  seen.status = ['reset', 'drop', 'hang'].includes(kind.effect) ? null : rendered.status;
  // A 202 has no body that could be cut or drip: its headers do instead.
  const sent =
    rendered.body === '' && ['cut', 'drip'].includes(kind.effect)
      ? { ...rendered, body: '{"accepted":true}' }
      : rendered;
  await deliver(reply.raw, dated(sent, exchange.clock.now()), kind.effect, argument);
}

function execute(exchange: Exchange, request: FastifyRequest, seen: SeenRequest): Rendered {
  const authorization = request.headers.authorization ?? '';
  if (!KEY.test(authorization) || authorization.length < SHORTEST_KEY) return faultAnswer(401);
  const checked = checkMail(parse(request.body));
  if ('errors' in checked) return json(400, { errors: checked.errors });
  const { sandboxMode, ...mail } = checked.mail;
  const id = exchange.ids.next('mail').replace('mail_', '');
  exchange.mails.put({
    id,
    at: exchange.clock.now(),
    ...mail,
    sandbox_mode: sandboxMode,
    body: parse(request.body),
  });
  seen.executed = true;
  return { status: sandboxMode ? 200 : 202, headers: { 'X-Message-Id': id }, body: '' };
}

function parse(body: unknown): unknown {
  try {
    return typeof body === 'string' ? JSON.parse(body) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const MESSAGES: Readonly<Record<number, string>> = {
  401: 'The provided authorization grant is invalid, expired, or revoked',
  403: 'access forbidden',
  409: 'conflict',
  429: 'too many requests',
  500: 'An internal server error occurred.',
};

function faultAnswer(status: number): Rendered {
  return json(status, {
    errors: [{ message: MESSAGES[status] ?? 'error', field: null, help: null }],
  });
}

function json(status: number, body: object): Rendered {
  return { status, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}

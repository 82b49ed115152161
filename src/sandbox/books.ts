// The truth about what happened, for assertions: what a client believes is compared with this.
import { type MailRecord } from './records.ts';
import { type PaymentIntentView, renderIntent } from './render.ts';
import { type ChargeView, type RefundView, renderCharge, renderRefund } from './render-charge.ts';
import { type RequestLog, type SeenRequest } from './request-log.ts';
import { type World } from './world.ts';

export interface BooksSummary {
  /** How many intents are in each status. */
  readonly payment_intents: Readonly<Record<string, number>>;
  /** How many attempts ended how, declined ones included. */
  readonly charges: Readonly<Record<string, number>>;
  readonly refunds: number;
  readonly mails: number;
  /** Requests that came in over the wire, in all and to each endpoint. */
  readonly requests: number;
  readonly requests_by_endpoint: Readonly<Record<string, number>>;
}

export interface Books {
  /** Oldest first, as Stripe shows them. */
  readonly paymentIntents: readonly PaymentIntentView[];
  /** Attempts to collect, declined ones included; oldest first. */
  readonly charges: readonly ChargeView[];
  readonly refunds: readonly RefundView[];
  /** E-mails that were accepted. */
  readonly mails: readonly MailRecord[];
  /** Requests over the wire, in the order of arrival (the latest 200,000). */
  readonly requests: readonly SeenRequest[];
  /** Requests to each endpoint, all of them. */
  readonly counts: Readonly<Record<string, number>>;
  /** The number of requests to one endpoint, such as `payment_intents.confirm` or `mail.send`. */
  count(endpoint: string): number;
  paymentIntent(id: string): PaymentIntentView | undefined;
  /** How many payments went through, of those that the predicate accepts. */
  succeededCount(predicate?: (intent: PaymentIntentView) => boolean): number;
  summary(): BooksSummary;
}

export function createBooks(world: World, log: RequestLog): Books {
  const intentView = (id: string) => {
    const entry = world.intents.get(id);
    return entry === undefined ? undefined : renderIntent(entry.record, world.findMethod);
  };
  return {
    get paymentIntents() {
      return Array.from(world.intents, (record) => renderIntent(record, world.findMethod));
    },
    get charges() {
      return Array.from(world.charges, (record) => renderCharge(record, world.findMethod));
    },
    get refunds() {
      return Array.from(world.refunds, (record) => renderRefund(record, world.findCharge));
    },
    get mails() {
      return [...world.mails];
    },
    get requests() {
      return log.since(0);
    },
    get counts() {
      return log.counts;
    },
    count: (endpoint) => log.counts[endpoint] ?? 0,
    paymentIntent: intentView,
    succeededCount: (predicate) => {
      let count = 0;
      for (const record of world.intents) {
        if (record.status === 'succeeded' && (predicate === undefined || predicate(renderIntent(record, world.findMethod)))) count += 1;
      }
      return count;
    },
    summary: () => summarize(world, log),
  };
}

function summarize(world: World, log: RequestLog): BooksSummary {
  return {
    payment_intents: countBy(world.intents, (record) => record.status),
    charges: countBy(world.charges, (record) => record.status),
    refunds: world.refunds.size,
    mails: world.mails.length,
    requests: log.total,
    requests_by_endpoint: log.counts,
  };
}

function countBy<T>(items: Iterable<T>, name: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[name(item)] = (counts[name(item)] ?? 0) + 1;
  return counts;
}

/** The whole of it as one JSON document, for other processes. */
export function booksDocument(books: Books): object {
  return {
    payment_intents: books.paymentIntents,
    charges: books.charges,
    refunds: books.refunds,
    mails: books.mails,
    requests: books.requests,
    counts: books.counts,
    summary: books.summary(),
  };
}

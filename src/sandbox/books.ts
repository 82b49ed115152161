// The truth about what happened, for assertions: what a client believes is compared with this.
import type { Accounts } from './stripe/accounts.ts';
import type { Mails } from './mail/mails.ts';
import type { MailRecord } from './stripe/records.ts';
import { type PaymentIntentView, renderIntent } from './stripe/render/objects.ts';
import {
  type ChargeView,
  type RefundView,
  renderCharge,
  renderRefund,
} from './stripe/render/charge.ts';
import type { RequestLog, SeenRequest } from './request-log.ts';
import type { Placed } from './stripe/timeline.ts';
import type { World } from './stripe/world.ts';

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
  /** The same of one account in one mode; mails and requests are of all. */
  of(account: string, mode: 'test' | 'live'): Books;
  summary(): BooksSummary;
}

export function createBooks(accounts: Accounts, mails: Mails, log: RequestLog): Books {
  return keepBooks(() => Array.from(accounts, ({ world }) => world), { accounts, mails, log });
}

interface BookParts {
  readonly accounts: Accounts;
  readonly mails: Mails;
  readonly log: RequestLog;
}

function keepBooks(worlds: () => readonly World[], parts: BookParts): Books {
  const { accounts, mails, log } = parts;
  return {
    get paymentIntents() {
      return gather(worlds(), (world) => world.intents, renderIntent);
    },
    get charges() {
      return gather(worlds(), (world) => world.charges, renderCharge);
    },
    get refunds() {
      return gather(
        worlds(),
        (world) => world.refunds,
        (record, world) => renderRefund(record, world.findCharge),
      );
    },
    get mails() {
      return mails.accepted;
    },
    get requests() {
      return log.since(0);
    },
    get counts() {
      return log.counts;
    },
    count: (endpoint) => log.counts[endpoint] ?? 0,
    paymentIntent: (id) => {
      const world = worlds().find((each) => each.intents.get(id) !== undefined);
      const record = world?.intents.get(id)?.record;
      return world === undefined || record === undefined ? undefined : renderIntent(record, world);
    },
    succeededCount: (predicate) => {
      let count = 0;
      for (const world of worlds()) {
        for (const record of world.intents) {
          if (
            record.status === 'succeeded' &&
            (predicate === undefined || predicate(renderIntent(record, world)))
          )
            count += 1;
        }
      }
      return count;
    },
    of: (account, mode) =>
      keepBooks(() => [accounts.of({ account, livemode: mode === 'live' }).world], parts),
    summary: () => summarize(worlds(), mails, log),
  };
}

/** What all of them have, oldest first. */
function gather<R extends Placed, V>(
  worlds: readonly World[],
  list: (world: World) => Iterable<R>,
  render: (record: R, world: World) => V,
): readonly V[] {
  const found = worlds.flatMap((world) => Array.from(list(world), (record) => ({ record, world })));
  // Each is in order by itself.
  if (worlds.length > 1)
    found.sort(
      (one, other) =>
        one.record.created - other.record.created || one.record.seq - other.record.seq,
    );
  return found.map(({ record, world }) => render(record, world));
}

function summarize(worlds: readonly World[], mails: Mails, log: RequestLog): BooksSummary {
  return {
    payment_intents: countByStatus(worlds.map((world) => world.intents)),
    charges: countByStatus(worlds.map((world) => world.charges)),
    refunds: worlds.reduce((sum, world) => sum + world.refunds.size, 0),
    mails: mails.size,
    requests: log.total,
    requests_by_endpoint: log.counts,
  };
}

function countByStatus(
  lists: readonly Iterable<{ readonly status: string }>[],
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const list of lists)
    for (const { status } of list) counts[status] = (counts[status] ?? 0) + 1;
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

import type { Gateway } from '../../../src/app/ports.ts';
import { createIdempotencyKey } from '../../../src/stripe/idempotency.ts';
import { openGateway } from '../../../src/stripe/gateway.ts';
import { systemClock } from '../../../src/compose/system.ts';
import type { Books } from '../../../src/sandbox/server.ts';
import { TEST_KEY } from '../../support/payment-world.ts';
import { quiet, type Harness } from '../harness.ts';
import {
  type AtStripe,
  type CopyOfLedger,
  type History,
  type Key,
  requestOf,
  type SetClock,
} from './history.ts';
import type { RawConnection } from '../../storage/targets.ts';
import type { Copy } from '../ledgers.ts';
import { Process, type InFlight } from './process.ts';
import type { SecondLedger } from './second.ts';

/** What the ledger says of one transaction. */
export interface Row {
  readonly id: string;
  readonly key: string;
  readonly reference: string | null;
  readonly amount: number;
  readonly status: 'pending' | 'succeeded' | 'failed' | 'canceled' | 'stuck';
  readonly step: string;
  readonly paymentIntent: string | null;
  /** Which payment intent, or the lack of one, the row is at; and how many there have been. */
  readonly attempt: number;
  readonly intents: number;
  readonly failureKind: string | null;
  readonly canceledBy: string | null;
  /** Stripe has called the key used by something else. */
  readonly keyConflict: boolean;
  readonly attempts: number;
  readonly version: number;
  readonly createdAt: number;
  readonly createSentAt: number | null;
  readonly settledAt: number | null;
  readonly nextAttemptAt: number | null;
  readonly leaseToken: string | null;
  readonly leaseHolder: string | null;
  readonly review: { readonly reason: string; readonly byHand: string | null } | null;
}

export type Intent = Books['paymentIntents'][number];
export type Request = Books['requests'][number];

/** Everything at one moment. */
export interface Snapshot {
  readonly rows: readonly Row[];
  /** The ledger's id; null before it was first used. */
  readonly ledger: string | null;
  /** It was found to lack payments that it has made. */
  readonly rolledBack: boolean;
  /** Those that are ours, by transaction. */
  readonly intentsOf: ReadonlyMap<string, readonly Intent[]>;
  readonly intents: readonly Intent[];
  readonly requests: readonly Request[];
}

/** As the product's own defaults, only sooner stuck and never waiting for longer than an hour or two. */
const SETTINGS = {
  PAYRECON_PENDING_AFTER: '5m',
  PAYRECON_BACKOFF_BASE: '1m',
  PAYRECON_BACKOFF_CAP: '5m',
  PAYRECON_MAX_ATTEMPTS: '2',
  PAYRECON_DUPLICATE_WINDOW: '0',
};
/** Of a process some of whose calls hang. */
const HASTY = { ...SETTINGS, PAYRECON_STRIPE_DEADLINE: '200ms' };

const MINUTE_MS = 60_000;
/** Keys are sent again for 23 of the 24 hours that Stripe knows them. */
const MEMORY_MARGIN_MINUTES = 50;
/** Others' payments: more than the list of Stripe shows on one page. */
const CROWD = 130;

/** Which of the two ledgers. */
export type Which = 'first' | 'second';

/** What all histories of a lane share. */
export interface Fixtures {
  readonly courier: Gateway;
  readonly second: SecondLedger;
}

/** One history's ledger, Stripe, clock and processes. */
export class World {
  readonly harness: Harness;
  readonly history: History;
  readonly #processes = new Map<string, Process>();
  readonly #courier: Gateway;
  readonly #second: SecondLedger;
  #backup: Copy | null = null;
  /** What stood in the ledger's place before the backup was put there. */
  #newest: Copy | null = null;
  /** The versions of the rows that came back with a backup: what they say is old until somebody looks again. */
  readonly #restored = new Map<string, number>();
  /** E-mails of a ledger that was replaced by an older copy of itself. */
  readonly mailsReplaced = new Set<string>();
  secondInUse = false;
  readonly clocksSet: number[] = [];
  /**
   * Stripe's own clock was set by so much that it forgot keys which are young by every other clock, or dates payments where
   * nobody looks for them. Then an intent that nobody has confirmed may stay behind: it moves no money.
   */
  stripeForgets = false;
  #inFlight: InFlight[] = [];
  #offsetMs = 0;
  /** Calls that reached Stripe late. */
  arrived = 0;
  /** What the services do to every call until an outage ends. */
  readonly outages = { stripe: null as string | null, mail: null as string | null };

  private constructor(harness: Harness, history: History, { courier, second }: Fixtures) {
    this.harness = harness;
    this.history = history;
    this.#courier = courier;
    this.#second = second;
  }

  static async begin(harness: Harness, history: History, fixtures: Fixtures): Promise<World> {
    await harness.begin(false);
    return new World(harness, history, fixtures);
  }

  /** The process in that place; one whose calls hang soon gives up on them. */
  process(place: number, hasty: boolean): Process {
    return this.#process(
      `process ${String(place + 1)}${hasty ? ', hasty' : ''}`,
      hasty ? HASTY : SETTINGS,
    );
  }

  /** One of the second ledger, which is made when it is first used. */
  async secondProcess(meant: 'meant' | 'by mistake', hasty: boolean): Promise<Process> {
    if (!this.secondInUse) await this.#second.begin();
    this.secondInUse = true;
    return this.#process(`second ledger, ${meant}${hasty ? ', hasty' : ''}`, {
      ...(hasty ? HASTY : SETTINGS),
      DATABASE_URL: this.#second.url,
      PAYRECON_NEW_LEDGER: meant === 'meant' ? '1' : '0',
    });
  }

  #process(name: string, env: Readonly<Record<string, string>>): Process {
    const known = this.#processes.get(name);
    if (known !== undefined) return known;
    const made = new Process(
      this.harness,
      name,
      env,
      () => this.#offsetMs,
      (call) => this.#inFlight.push(call),
    );
    this.#processes.set(name, made);
    return made;
  }

  /** Closes what the processes have open. */
  async end(): Promise<void> {
    await this.#bury();
    await this.#second.end();
  }

  async #bury(): Promise<void> {
    for (const process of this.#processes.values()) await process.bury();
  }

  raw(which: Which): RawConnection {
    return which === 'second' ? this.#second.raw() : this.harness.raw();
  }

  get secondUrl(): string {
    return this.#second.url;
  }

  /** A newer copy of the ledger was replaced by the one that is in use. */
  get hasNewer(): boolean {
    return this.#newest !== null;
  }

  setClock({ of, minutes }: SetClock): void {
    this.clocksSet.push(this.harness.sandbox.books.requests.length);
    this.stripeForgets ||= of === 'stripe' && Math.abs(minutes) >= MEMORY_MARGIN_MINUTES;
    if (of === 'ledger') this.harness.setLedgerClock(minutes * MINUTE_MS);
    else this.harness.sandbox.clock.advance(minutes * MINUTE_MS);
  }

  /** What people do with copies of the ledger; false where there is no copy, or nothing that it would mend. */
  async copy(what: CopyOfLedger['do']): Promise<boolean> {
    const { copies } = this.harness;
    if (copies === null) return false;
    if (what === 'backup') {
      this.#backup = await copies.make();
      return true;
    }
    const copy = what === 'restore' ? this.#backup : this.#newest;
    // Payments that were charged on the older copy would be lost with it: it is left only when it was found to be older.
    if (copy === null || (what === 'newest' && !(await this.look()).rolledBack)) return false;
    await this.arrive();
    await this.#bury();
    for (const { id } of await this.raw('first').rows('select id from notifications'))
      this.mailsReplaced.add(String(id));
    this.#newest = what === 'restore' ? await copies.make() : null;
    await copies.putBack(copy);
    this.#restored.clear();
    for (const { id, version } of (await this.look()).rows) this.#restored.set(id, version);
    return true;
  }

  /** A row that says what it said when the copy was made. */
  isAsRestored({ id, version }: Row): boolean {
    return this.#restored.get(id) === version;
  }

  setFaults(faults: string): void {
    const { stripe, mail } = this.outages;
    const all = [
      stripe === null ? '' : `outage:${stripe}`,
      mail === null ? '' : `mail.send#*=${mail}`,
      faults,
    ];
    this.harness.sandbox.setFaults(all.filter((each) => each !== '').join('; '));
  }

  /** Time goes by, here and at Stripe; what was under way to Stripe has arrived before it could be forgotten. */
  async wait(ms: number): Promise<void> {
    if (ms >= MINUTE_MS) await this.arrive();
    this.#offsetMs += ms;
    this.harness.advance(ms);
    for (const process of this.#processes.values()) process.wake();
  }

  async arrive(): Promise<void> {
    const arriving = this.#inFlight;
    this.#inFlight = [];
    if (arriving.length === 0) return;
    this.harness.sandbox.setFaults('');
    for (const { call, transaction } of arriving) await this.#courier[call](transaction);
    this.arrived += arriving.length;
  }

  quiet(): Promise<void> {
    return quiet(this.harness.sandbox);
  }

  /** More payments than one page of Stripe's list shows, made just now. */
  async crowd(): Promise<void> {
    await this.#control('seed', {
      count: CROWD,
      created_from: this.#stripeSeconds(),
      created_to: this.#stripeSeconds(),
      statuses: { canceled: 1 },
    });
  }

  /** Something happens at Stripe; false where it cannot, as things are. */
  async atStripe(event: AtStripe): Promise<boolean> {
    const { rows, intentsOf } = await this.look();
    const row = rows.find(({ key }) => key === event.key);
    if (row === undefined) return false;
    const intents = intentsOf.get(row.id) ?? [];
    switch (event.do) {
      case 'settle': {
        const open = intents.find(({ status }) => status !== 'succeeded' && status !== 'canceled');
        if (
          open === undefined ||
          (event.as === 'failed' && open.status === 'requires_confirmation')
        )
          return false;
        // Whom a person has told that it failed may charge the same thing again: nobody may pay the first one then.
        if (
          event.as === 'succeeded' &&
          row.reference !== null &&
          (row.status === 'failed' || row.status === 'canceled')
        )
          return false;
        await this.harness.settleAtStripe(open.id, {
          outcome: event.as,
          late: true,
          ...(event.otherAmount === true ? { amount: row.amount + 150 } : {}),
        });
        return true;
      }
      case 'refund': {
        const paid = intents.find(({ status }) => status === 'succeeded');
        return paid !== undefined && (await this.#refund(paid.id));
      }
      case 'roll-forward':
        return this.#rollForward(row, intents);
    }
  }

  async #refund(id: string): Promise<boolean> {
    this.harness.sandbox.setFaults('');
    const headers = {
      authorization: `Bearer ${TEST_KEY}`,
      'content-type': 'application/x-www-form-urlencoded',
    };
    const response = await fetch(`${this.harness.sandbox.url}/v1/refunds`, {
      method: 'POST',
      headers,
      body: `payment_intent=${id}`,
    });
    await response.text();
    return response.ok;
  }

  /** Stripe may carry out later what it had answered with a 500. */
  async #rollForward(row: Row, intents: readonly Intent[]): Promise<boolean> {
    const key = createIdempotencyKey({ key: row.key, attempt: row.attempt });
    const failed = this.harness.sandbox.books.requests.findLast(
      ({ idempotency_key: sent, fault }) => sent === key && fault === '500_before',
    );
    if (
      failed === undefined ||
      intents.length > 0 ||
      row.paymentIntent !== null ||
      row.step === 'recorded'
    )
      return false;
    const [identity] = await this.harness.raw().rows('select id from ledger');
    const ledger = String(identity?.['id']);
    const at = Math.floor(failed.at / 1_000);
    const { amount } = requestOf(this.history, row.key as Key, false);
    if (amount !== row.amount) return false;
    await this.#control('seed', {
      count: 1,
      created_from: at,
      created_to: at,
      metadata: {
        payrecon_transaction: row.id,
        payrecon_ledger: ledger,
        payrecon_attempt: String(row.attempt),
      },
      statuses: { requires_confirmation: 1 },
      amount,
    });
    return true;
  }

  #stripeSeconds(): number {
    return Math.floor(this.harness.sandbox.clock.now() / 1_000);
  }

  async #control(path: string, body: Readonly<Record<string, unknown>>): Promise<void> {
    const response = await fetch(`${this.harness.sandbox.url}/_sandbox/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(await response.text());
    await response.text();
  }

  /** Whether the rules are about it. */
  counts({ status }: Intent): boolean {
    return !this.stripeForgets || status !== 'requires_confirmation';
  }

  async look(which: Which = 'first'): Promise<Snapshot> {
    const { books } = this.harness.sandbox;
    const raw = this.raw(which);
    const rows = await raw.rows('select * from transactions order by created_at, id');
    const [ledger] = await raw.rows('select id, rolled_back_at from ledger');
    const intents = books.paymentIntents.filter((intent) => this.counts(intent));
    const intentsOf = new Map<string, Intent[]>();
    for (const intent of intents) {
      const owner = intent.metadata['payrecon_transaction'];
      if (owner !== undefined) intentsOf.set(owner, [...(intentsOf.get(owner) ?? []), intent]);
    }
    const own = {
      ledger: ledger === undefined ? null : String(ledger['id']),
      rolledBack: (ledger?.['rolled_back_at'] ?? null) !== null,
    };
    return {
      ...own,
      rows: rows.map(rowOf),
      intentsOf,
      intents,
      requests: books.requests,
    };
  }
}

function rowOf(row: Readonly<Record<string, unknown>>): Row {
  const text = (column: string): string | null =>
    typeof row[column] === 'string' ? row[column] : null;
  const number = (column: string): number | null =>
    row[column] === null || row[column] === undefined ? null : Number(row[column]);
  const review =
    text('review') === null
      ? null
      : (JSON.parse(text('review') ?? '') as { reason: string; resolution: { as: string } | null });
  return {
    id: text('id') ?? '',
    key: text('key') ?? '',
    reference: text('reference'),
    amount: number('amount') ?? 0,
    status: (text('status') ?? '') as Row['status'],
    step: text('step') ?? '',
    paymentIntent: text('payment_intent'),
    attempt: number('attempt') ?? 0,
    intents: number('intents') ?? 0,
    failureKind: text('failure_kind'),
    canceledBy: text('canceled_by'),
    keyConflict: number('key_conflict_at') !== null,
    attempts: number('attempts') ?? 0,
    version: number('version') ?? 0,
    createdAt: number('created_at') ?? 0,
    createSentAt: number('create_sent_at'),
    settledAt: number('settled_at'),
    nextAttemptAt: number('next_attempt_at'),
    leaseToken: text('lease_token'),
    leaseHolder: text('lease_holder'),
    review:
      review === null ? null : { reason: review.reason, byHand: review.resolution?.as ?? null },
  };
}

/** Brings late calls to Stripe for all histories of a lane. */
export async function openCourier(harness: Harness): Promise<Gateway & { close(): void }> {
  // The ledger is the same one in every history.
  const [row] = await harness.raw().rows('select id, namespace from ledger');
  const ledger = { id: String(row?.['id']), namespace: String(row?.['namespace']) };
  return openGateway({
    ledger: () => ledger,
    secretKey: TEST_KEY,
    apiBase: harness.sandbox.url,
    deadlineMs: 10_000,
    requestsPerSecond: 10_000,
    endpointRequestsPerSecond: 10_000,
    clock: systemClock,
  });
}

import { type SandboxClock, secondsOf } from '../clock.ts';
import type { Ids } from './ids.ts';
import type { Owner } from './owner.ts';
import type {
  ChargeRecord,
  CustomerRecord,
  DueRecord,
  EventRecord,
  EventSubject,
  IntentRecord,
  PaymentMethodRecord,
  RefundRecord,
} from './records.ts';
import { SearchIndex } from './search/index-of-intents.ts';
import { Timeline } from './timeline.ts';

/** The request that made something happen; nothing when time did. */
export interface Cause {
  readonly requestId: string | null;
  readonly idempotencyKey: string | null;
}

/** One line of what happened, for a sandbox that keeps its state. */
export type Change =
  | { readonly kept: 'intent'; readonly record: IntentRecord }
  | { readonly kept: 'charge'; readonly record: ChargeRecord }
  | { readonly kept: 'refund'; readonly record: RefundRecord }
  | { readonly kept: 'customer'; readonly record: CustomerRecord }
  | { readonly kept: 'method'; readonly record: PaymentMethodRecord }
  | { readonly kept: 'event'; readonly record: EventRecord }
  | { readonly kept: 'due'; readonly record: DueRecord };

/** For how long Stripe shows an event. */
export const EVENTS_KEPT_SECONDS = 30 * 24 * 60 * 60;

export interface WorldSettings {
  /** How long a card issuer's bank takes to decide on a debit. */
  readonly bankDebitMs: number;
  readonly searchLagMs: number;
  readonly eventLagMs: number;
}

export interface WorldParts {
  readonly clock: SandboxClock;
  readonly ids: Ids;
  readonly settings: WorldSettings;
  /** Whether the same account has an object with this id in its other mode. */
  readonly isInOtherMode: (id: string) => boolean;
}

/** Everything that the local Stripe knows of one account in one mode. */
export class World {
  readonly livemode: boolean;
  readonly account: string;
  readonly clock: SandboxClock;
  readonly ids: Ids;
  readonly settings: WorldSettings;
  readonly intents = new Timeline<IntentRecord>();
  readonly charges = new Timeline<ChargeRecord>();
  readonly refunds = new Timeline<RefundRecord>();
  readonly events = new Timeline<EventRecord>();
  readonly customers = new Timeline<CustomerRecord>();
  readonly methods = new Map<string, PaymentMethodRecord>();
  readonly search: SearchIndex;
  /** Called for each change, unless the change is being read back. */
  onChange: (change: Change) => void = () => undefined;
  readonly #byCustomer = new Map<string, Timeline<IntentRecord>>();
  /** Debits that are not decided yet, the soonest first. */
  #due: DueRecord[] = [];
  /** Events up to this place have arrived, whatever the clock says. */
  #arrivedPlace = 0;
  readonly isInOtherMode: (id: string) => boolean;

  constructor(owner: Owner, { clock, ids, settings, isInOtherMode }: WorldParts) {
    this.account = owner.account;
    this.livemode = owner.livemode;
    this.clock = clock;
    this.ids = ids;
    this.settings = settings;
    this.isInOtherMode = isInOtherMode;
    this.search = new SearchIndex(settings.searchLagMs);
  }

  readonly findMethod = (id: string): PaymentMethodRecord | undefined => this.methods.get(id);
  readonly findCharge = (id: string): ChargeRecord | undefined => this.charges.get(id)?.record;

  /** Id, time and place of a new object. */
  stamp(prefix: string): { id: string; created: number; seq: number } {
    return {
      id: this.ids.next(prefix),
      created: secondsOf(this.clock.now()),
      seq: this.ids.place(),
    };
  }

  has(id: string): boolean {
    const timelines = [this.intents, this.charges, this.refunds, this.customers, this.events];
    return this.methods.has(id) || timelines.some((timeline) => timeline.get(id) !== undefined);
  }

  ofCustomer(customer: string): Timeline<IntentRecord> {
    const known = this.#byCustomer.get(customer);
    if (known !== undefined) return known;
    const timeline = new Timeline<IntentRecord>();
    this.#byCustomer.set(customer, timeline);
    return timeline;
  }

  putIntent(record: IntentRecord): void {
    const before = this.intents.get(record.id)?.record.customer ?? null;
    const entry = this.intents.put(record);
    if (before !== record.customer && before !== null) this.ofCustomer(before).remove(entry);
    if (record.customer !== null && before !== record.customer)
      this.ofCustomer(record.customer).adopt(entry);
    this.search.note(record, this.clock.now());
    this.onChange({ kept: 'intent', record });
  }

  /** Many finished intents, for benchmarks: no events, and searchable at once. */
  putIntents(records: readonly IntentRecord[]): void {
    for (const entry of this.intents.putAll(records)) {
      if (entry.record.customer !== null) this.ofCustomer(entry.record.customer).adopt(entry);
      this.onChange({ kept: 'intent', record: entry.record });
    }
    this.search.fill(records);
  }

  putCharges(records: readonly ChargeRecord[]): void {
    this.charges.putAll(records);
    for (const record of records) this.onChange({ kept: 'charge', record });
  }

  putCharge(record: ChargeRecord): void {
    this.charges.put(record);
    this.onChange({ kept: 'charge', record });
  }

  putRefund(record: RefundRecord): void {
    this.refunds.put(record);
    this.onChange({ kept: 'refund', record });
  }

  putCustomer(record: CustomerRecord): void {
    this.customers.put(record);
    this.onChange({ kept: 'customer', record });
  }

  putMethod(record: PaymentMethodRecord): void {
    this.methods.set(record.id, record);
    this.onChange({ kept: 'method', record });
  }

  emit(type: string, subject: EventSubject, cause: Cause): void {
    const { id, created, seq } = this.stamp('evt');
    const { requestId, idempotencyKey } = cause;
    const record: EventRecord = {
      id,
      created,
      seq,
      type,
      createdMs: this.clock.now(),
      subject,
      requestId,
      idempotencyKey,
    };
    this.events.put(record);
    this.onChange({ kept: 'event', record });
  }

  /** Whether the list of events shows it yet. */
  hasArrived(event: EventRecord): boolean {
    return (
      event.seq <= this.#arrivedPlace ||
      event.createdMs <= this.clock.now() - this.settings.eventLagMs
    );
  }

  /** Ends all lags, for a clock that is set back: what has happened stays seen. */
  arriveAll(): void {
    this.#arrivedPlace = this.ids.lastPlace;
    this.search.catchUpWholly();
  }

  /** Forgets the events that are too old at this time, for good: they stay gone when the clock is set back. */
  forgetEvents(nowMs: number): void {
    this.events.removeBefore(secondsOf(nowMs) - EVENTS_KEPT_SECONDS);
  }

  schedule(record: DueRecord): void {
    const after = this.#due.findLastIndex((other) => other.atMs <= record.atMs);
    this.#due.splice(after + 1, 0, record);
    this.onChange({ kept: 'due', record });
  }

  /** Takes the debits whose time has come. */
  takeDue(): DueRecord[] {
    const now = this.clock.now();
    const [first] = this.#due;
    if (first === undefined || first.atMs > now) return [];
    const due = this.#due.filter((record) => record.atMs <= now);
    this.#due = this.#due.filter((record) => record.atMs > now);
    return due;
  }

  clear(): void {
    for (const kept of [
      this.intents,
      this.charges,
      this.refunds,
      this.events,
      this.customers,
      this.search,
      this.methods,
      this.#byCustomer,
    ])
      kept.clear();
    this.#due = [];
    this.#arrivedPlace = 0;
  }

  /** Puts a kept change back. Debits that were decided before are recognised by the state of their intent. */
  restore(change: Change): void {
    if ('seq' in change.record) this.ids.placed(change.record.seq);
    switch (change.kept) {
      case 'intent':
        this.putIntent(change.record);
        break;
      case 'charge':
        this.putCharge({ ...change.record, amountCaptured: capturedBy(change.record) });
        break;
      case 'refund':
        this.putRefund(change.record);
        break;
      case 'customer':
        this.putCustomer(change.record);
        break;
      case 'method':
        this.putMethod(change.record);
        break;
      case 'due':
        this.schedule(change.record);
        break;
      case 'event':
        this.events.put(change.record);
    }
  }
}

/** Earlier journals do not tell; they knew only charges of the whole amount. */
function capturedBy(
  charge: Omit<ChargeRecord, 'amountCaptured'> & { readonly amountCaptured?: number },
): number {
  return charge.amountCaptured ?? (charge.captured ? charge.amount : 0);
}

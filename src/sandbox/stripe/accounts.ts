import { IdempotencyKeys } from './idempotency.ts';
import { DEFAULT_OWNER, type Owner, ownerName } from './owner.ts';
import type { RateLimits } from './rate-limits.ts';
import type { World } from './world.ts';

/** One account in one mode: what it knows, the idempotency keys it has seen, and how much it may ask. */
export interface AccountMode {
  readonly owner: Owner;
  readonly world: World;
  readonly keys: IdempotencyKeys;
  readonly limits: RateLimits;
}

type Opened = Pick<AccountMode, 'world' | 'limits'>;

/** All accounts of the local Stripe, each in both modes; one is made when it is first asked for. */
export class Accounts {
  readonly #open: (owner: Owner) => Opened;
  readonly #modes = new Map<string, AccountMode>();
  #onOpened: (mode: AccountMode) => void = () => undefined;

  constructor(open: (owner: Owner) => Opened) {
    this.#open = open;
  }

  of(owner: Owner): AccountMode {
    const name = ownerName(owner);
    const known = this.#modes.get(name);
    if (known !== undefined) return known;
    const mode: AccountMode = { owner, ...this.#open(owner), keys: new IdempotencyKeys() };
    this.#modes.set(name, mode);
    this.#onOpened(mode);
    return mode;
  }

  get default(): AccountMode {
    return this.of(DEFAULT_OWNER);
  }

  *[Symbol.iterator](): Iterator<AccountMode> {
    yield* this.#modes.values();
  }

  /** Calls this for those that are there, and for each that is made from now on. */
  whenOpened(call: (mode: AccountMode) => void): void {
    this.#onOpened = call;
    for (const mode of this) call(mode);
  }

  /** The one that has this payment intent. */
  withIntent(id: string): AccountMode | undefined {
    return Array.from(this).find(({ world }) => world.intents.get(id) !== undefined);
  }

  /** Whether the other mode of the same account has an object with this id. */
  isInOtherMode(owner: Owner, id: string): boolean {
    const other = this.#modes.get(ownerName({ ...owner, livemode: !owner.livemode }));
    return other?.world.has(id) === true;
  }

  /** Forgets for good what Stripe keeps only for some time. */
  forgetOld(nowMs: number): void {
    for (const { world, keys } of this) {
      keys.forgetOld(nowMs);
      world.forgetEvents(nowMs);
    }
  }

  clear(): void {
    for (const { world, keys } of this) {
      world.clear();
      keys.clear();
    }
  }
}

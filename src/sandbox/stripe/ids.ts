import { randomInt } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A number from 0 up to (and without) 1. */
export type Chance = () => number;

/** mulberry32: small, quick and the same on every machine; nothing secret is made with it. */
export function createChance(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function randomSeed(): number {
  return randomInt(2 ** 32);
}

/** Object ids in Stripe's form. A counter inside keeps them apart; the rest only looks the part. */
export class Ids {
  readonly #chance: Chance;
  /** How many were made; a restart goes on from there. */
  count = 0;
  /** The latest place that was taken. */
  lastPlace = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** `pi_3...`: the prefix and 24 letters and digits. */
  next(prefix: string): string {
    this.count += 1;
    return `${prefix}_3${base62(this.count, 7)}LkdIwHu7${this.#letters(8)}`;
  }

  /** `req_...`: the prefix and 14. */
  request(): string {
    this.count += 1;
    return `req_${base62(this.count, 6)}${this.#letters(8)}`;
  }

  /** The place of a new object among all of its second, whichever account it belongs to. */
  place(): number {
    this.lastPlace += 1;
    return this.lastPlace;
  }

  /** A place that is taken, read back after a restart. */
  placed(place: number): void {
    this.lastPlace = Math.max(this.lastPlace, place);
  }

  #letters(length: number): string {
    let text = '';
    for (let index = 0; index < length; index += 1)
      text += ALPHABET.charAt(Math.floor(this.#chance() * ALPHABET.length));
    return text;
  }
}

function base62(value: number, width: number): string {
  let rest = value;
  let text = '';
  for (let index = 0; index < width; index += 1) {
    text = ALPHABET.charAt(rest % 62) + text;
    rest = Math.floor(rest / 62);
  }
  return text;
}

import { FAULT_KINDS, type Fault, type FaultKind } from './kinds.ts';
import { type FaultPlan, NO_FAULTS } from './spec.ts';
import { type Chance, createChance } from '../stripe/ids.ts';

/** Hands out the faults of a plan, one to a request at most. */
export class FaultDesk {
  readonly #chance: Chance;
  #plan = NO_FAULTS;
  #random: Chance = () => 1;
  #counts = new Map<string, number>();

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** Replaces the plan; requests are counted from here. */
  set(plan: FaultPlan): void {
    this.#plan = plan;
    this.#counts = new Map();
    this.#random = plan.random === null ? () => 1 : createChance(plan.random.seed);
  }

  /** The fault for this request, which is counted. */
  next(endpoint: string, isStripe: boolean): Fault | null {
    const nth = { [endpoint]: this.#count(endpoint), '*': this.#count('*') };
    if (isStripe && this.#plan.outage !== null) return this.#plan.outage;
    return this.#fromSequence(nth) ?? this.#fromRules(nth) ?? (isStripe ? this.#byChance() : null);
  }

  #count(endpoint: string): number {
    const count = (this.#counts.get(endpoint) ?? 0) + 1;
    this.#counts.set(endpoint, count);
    return count;
  }

  #fromSequence(nth: Readonly<Record<string, number>>): Fault | null {
    for (const sequence of this.#plan.sequences) {
      const fault = sequence.faults[(nth[sequence.endpoint] ?? 0) - 1];
      if (fault !== undefined && fault !== null) return fault;
    }
    return null;
  }

  #fromRules(nth: Readonly<Record<string, number>>): Fault | null {
    for (const rule of this.#plan.rules) {
      const count = nth[rule.endpoint];
      if (count === undefined || count < rule.from || count > rule.to) continue;
      if (rule.probability === 1 || this.#chance() < rule.probability) return rule.fault;
    }
    return null;
  }

  #byChance(): Fault | null {
    if (this.#plan.random === null || this.#random() >= this.#plan.random.probability) return null;
    const kinds: readonly FaultKind[] = FAULT_KINDS;
    const index = Math.floor(this.#random() * kinds.length);
    const kind = FAULT_KINDS[index];
    return kind === undefined ? null : { kind: kind.kind, argument: kind.argument?.standard ?? 0 };
  }
}

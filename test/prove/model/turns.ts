/*
 * Lets processes that run at the same time make one step at a time, in an order that is given and not left to the
 * machine: a step is a SQL transaction, a call to Stripe, an e-mail, or a short sleep. Between two steps everything
 * that the last one set going comes to rest, so the same order gives the same run.
 */

interface Waiting {
  readonly who: number;
  readonly go: () => void;
}

/** Who has begun a step and not ended it after this long waits for something that is no step. */
const UNSEEN_MS = 150;

export class Turns {
  readonly #order: readonly number[];
  readonly #waiting: Waiting[] = [];
  /** Steps that were begun and have not ended, by process. */
  readonly #under = new Map<number, number>();
  /** The process in the middle of a SQL transaction: nobody else moves, for the database would make it wait. */
  #within: number | null = null;
  readonly #live = new Set<number>();
  #next = 0;
  #planned = false;
  #unseen: NodeJS.Timeout | null = null;
  /** How often the next step was another process's. */
  switches = 0;
  #last: number | null = null;

  constructor(order: readonly number[], processes: number) {
    this.#order = order;
    for (let who = 0; who < processes; who += 1) this.#live.add(who);
  }

  /** Resolves when it is this process's turn. */
  async take(who: number): Promise<void> {
    if (!this.#live.has(who)) return;
    await new Promise<void>((go) => {
      this.#waiting.push({ who, go });
      this.#plan();
    });
    if (this.#live.has(who)) this.#under.set(who, (this.#under.get(who) ?? 0) + 1);
  }

  /** The step is over. */
  give(who: number): void {
    this.#under.set(who, Math.max(0, (this.#under.get(who) ?? 0) - 1));
    this.#plan();
  }

  /** A SQL statement; those of one transaction are one step. */
  async takeSql(who: number, kind: string): Promise<void> {
    if (this.#within === who) {
      if (kind === 'commit' || kind === 'rollback') this.#within = null;
      return;
    }
    await this.take(who);
    if (kind === 'begin') this.#within = who;
  }

  giveSql(who: number): void {
    if (this.#within !== who) this.give(who);
  }

  /** The process has come to its end. */
  end(who: number): void {
    if (this.#within === who) this.#within = null;
    this.#live.delete(who);
    // A dead process's other work must meet its death, too.
    for (const waiting of this.#waiting.filter((each) => each.who === who)) {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.go();
    }
    this.#under.delete(who);
    this.#plan();
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    // What the last step has set going comes to its next step first.
    setImmediate(() => setImmediate(() => {
      this.#planned = false;
      this.#choose(false);
    }));
  }

  #choose(anyhow: boolean): void {
    if (this.#unseen !== null) clearTimeout(this.#unseen);
    this.#unseen = null;
    if (this.#waiting.length === 0) return;
    const all = [...this.#live].every((who) => (this.#under.get(who) ?? 0) === 0 && this.#waiting.some((each) => each.who === who));
    if (!all && !anyhow) {
      this.#unseen = setTimeout(() => this.#choose(true), UNSEEN_MS);
      return;
    }
    if (anyhow) this.#under.clear();
    const processes = [...new Set(this.#waiting.map(({ who }) => who))].sort((a, b) => a - b);
    const place = (this.#order[this.#next] ?? 0) % processes.length;
    this.#next += 1;
    const chosen = this.#waiting.findIndex(({ who }) => who === processes[place]);
    const [turn] = this.#waiting.splice(chosen, 1);
    if (turn === undefined) return;
    if (this.#last !== null && this.#last !== turn.who) this.switches += 1;
    this.#last = turn.who;
    turn.go();
  }
}

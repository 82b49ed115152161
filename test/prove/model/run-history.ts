import { createIdempotencyKey } from '../../../src/stripe/idempotency.ts';
import { unrecordedMails } from '../../support/unrecorded-mails.ts';
import { gatherEvidence, type Evidence } from '../../support/evidence.ts';
import { judge, notificationOf } from '../../support/invariants.ts';
import type { Harness } from '../harness.ts';
import { untrueAnswers } from './answers.ts';
import {
  isCommand,
  type Action,
  type AtStripe,
  type Command,
  type CopyOfLedger,
  type History,
  type Together,
} from './history.ts';
import { watchLeases } from './lease-watch.ts';
import type { Ended } from './process.ts';
import { disallowed, uncorrected } from './rules.ts';
import { countAfter, countStep, type Counts } from './situations.ts';
import { Turns } from '../turns.ts';
import { World, type Fixtures, type Row, type Which } from './world.ts';

export interface Played {
  readonly wrong: readonly string[];
  readonly counts: Counts;
}

/** Steps are seconds apart, so that no verdict depends on the milliseconds that the machine takes. */
const BETWEEN_MS = 1_000;
const MINUTE_MS = 60_000;
/** Every lease, backoff and watch has run out by then, and every key of Stripe is forgotten. */
const LONG_AFTER_MS = 25 * 60 * MINUTE_MS;
/** Stripe knows a key for a day; an hour before that two ledgers can still tell that they share it. */
const KEPT_FOR_MS = 23 * 60 * MINUTE_MS;

interface Done {
  readonly ended: readonly Ended[];
  readonly atStripe: readonly AtStripe[];
  readonly wrong: readonly string[];
  readonly counted?: Counts;
  /** Another copy of the ledger stands in its place now. */
  readonly replaced?: boolean;
}

/** Plays a history to its end, and says what the model and the invariants do not allow. */
export async function play(
  harness: Harness,
  fixtures: Fixtures,
  history: History,
): Promise<Played> {
  const counts = new Map<string, number>();
  const wrong: string[] = [];
  let world: World | null = null;
  try {
    world = await World.begin(harness, history, fixtures);
    const played = new Player(world, counts);
    for (const [index, action] of history.actions.entries()) {
      const found = await played.step(action);
      wrong.push(
        ...found.map((each) => `after action ${String(index + 1)} (${action.do}): ${each}`),
      );
      if (found.length > 0) break;
    }
    if (wrong.length === 0)
      wrong.push(...(await played.end()).map((each) => `at the end: ${each}`));
  } catch (error) {
    wrong.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    await world?.end();
    await harness.end();
  }
  return { wrong, counts };
}

class Player {
  readonly #world: World;
  readonly #counts: Map<string, number>;
  readonly #rolledForward = new Set<string>();
  /** Each death may have kept one answer of the mail service from being recorded, and so may a process that slept past its claim. */
  readonly #unrecordedMails = new Set<string>();
  /** An older copy of the ledger does not know what was sent after it was made. */
  #mailsSentAgain = false;
  #crowded = false;

  constructor(world: World, counts: Map<string, number>) {
    this.#world = world;
    this.#counts = counts;
  }

  async step(action: Action): Promise<readonly string[]> {
    const world = this.#world;
    await world.wait(BETWEEN_MS);
    await this.#crowdOnce();
    const which = whichLedger(action);
    if (which === 'second' && !(await this.#beginSecond(action))) return [];
    if (await this.#isOutOfReach(action, which)) return [];
    const before = await world.look(which);
    const arrivedBefore = world.arrived;
    const undisturbed =
      world.outages.stripe === null && world.outages.mail === null && isUntroubled(action);
    const {
      ended,
      atStripe,
      wrong,
      counted = new Map<string, number>(),
      replaced = false,
    } = await this.#do(action);
    if (ended.some(({ died, command }) => died || sleepsOverMail(action, command)))
      await this.#noteUnrecordedMails(which);
    for (const [what, count] of counted)
      this.#counts.set(what, (this.#counts.get(what) ?? 0) + count);
    const after = await world.look(which);
    // Another copy of the ledger stands in its place: what it says is compared with what it says later.
    if (replaced) return wrong;
    for (const event of atStripe) {
      const row = after.rows.find(({ key }) => key === event.key);
      if (event.do === 'roll-forward' && row !== undefined) this.#rolledForward.add(row.id);
    }
    const isOld = (row: Row): boolean => which === 'first' && world.isAsRestored(row);
    const step = {
      before,
      after,
      ended,
      atStripe,
      rolledForward: this.#rolledForward,
      isOld,
      clocksSet: world.clocksSet,
      arrived: world.arrived - arrivedBefore,
    };
    const asked = { ...step, history: world.history, alone: action.do !== 'together', undisturbed };
    countStep(this.#counts, action, asked, world.outages);
    return [...wrong, ...disallowed(step), ...untrueAnswers(asked)];
  }

  async #crowdOnce(): Promise<void> {
    if (
      !this.#world.history.crowded ||
      this.#crowded ||
      (await this.#world.look()).rows.length === 0
    )
      return;
    this.#crowded = true;
    await this.#world.crowd();
  }

  async #do(action: Action): Promise<Done> {
    const nothing: Done = { ended: [], atStripe: [], wrong: [] };
    if (isCommand(action)) return { ...nothing, ended: [await this.#run(action)] };
    switch (action.do) {
      case 'wait':
        await this.#world.wait(action.minutes * MINUTE_MS);
        return nothing;
      case 'outage':
        this.#world.outages[action.of] = action.kind;
        return nothing;
      case 'backup':
      case 'restore':
      case 'newest':
        return this.#copy(action.do);
      case 'clock':
        this.#world.setClock(action);
        return { ...nothing, counted: new Map([['clocks set', 1]]) };
      case 'together':
        return this.#together(action);
      case 'settle':
      case 'refund':
      case 'roll-forward':
        return { ...nothing, atStripe: (await this.#world.atStripe(action)) ? [action] : [] };
    }
  }

  async #copy(what: CopyOfLedger['do']): Promise<Done> {
    const done = await this.#world.copy(what);
    const replaced = done && what !== 'backup';
    if (replaced) this.#mailsSentAgain = true;
    const counted = new Map(
      done
        ? [[{ backup: 'backups', restore: 'restores', newest: 'newest put back' }[what], 1]]
        : [],
    );
    return { ended: [], atStripe: [], wrong: [], counted, replaced };
  }

  /** The second ledger is made when it is first charged from, or a pass is made on it. */
  async #beginSecond(action: Action): Promise<boolean> {
    if (!this.#world.secondInUse && !(action.do === 'charge' || action.do === 'pass')) return false;
    await this.#world.secondProcess('by mistake', false);
    return true;
  }

  /** What the other ledger sent a day ago is out of Stripe's memory, and out of reach: people must not charge it from here. */
  async #noteUnrecordedMails(which: Which): Promise<void> {
    const { harness } = this.#world;
    for (const mail of await unrecordedMails(harness.sandbox.books, this.#world.raw(which)))
      this.#unrecordedMails.add(mail);
  }

  async #isOutOfReach(action: Action, which: Which): Promise<boolean> {
    const commands = action.do === 'together' ? action.all : [action];
    const keys = commands.flatMap((each) => (each.do === 'charge' ? [each.key] : []));
    if (keys.length === 0 || !this.#world.secondInUse) return false;
    const own = await this.#world.look(which);
    const other = await this.#world.look(which === 'first' ? 'second' : 'first');
    return keys.some((key) => {
      if (
        own.rows.some((row) => row.key === key && row.step !== 'recorded') ||
        !other.rows.some((row) => row.key === key)
      )
        return false;
      const sent = createIdempotencyKey({ key, attempt: 1 });
      const first = own.requests.find(({ idempotency_key: each }) => each === sent);
      return (
        first !== undefined && this.#world.harness.sandbox.clock.now() - first.at >= KEPT_FOR_MS
      );
    });
  }

  async #run(command: Command): Promise<Ended> {
    this.#world.setFaults(command.faults ?? '');
    const process =
      command.ledger === undefined
        ? this.#world.process(0, hangs(command))
        : await this.#world.secondProcess(
            command.ledger === 'second' ? 'by mistake' : 'meant',
            hangs(command),
          );
    const ended = await process.run(this.#world.history, command, null);
    await this.#world.quiet();
    this.#world.setFaults('');
    return ended;
  }

  async #together({ all, order }: Together): Promise<Done> {
    const world = this.#world;
    const turns = new Turns({ order, processes: all.length });
    const watch = watchLeases(world);
    const ended: Ended[] = [];
    const atStripe: AtStripe[] = [];
    const commands = all.filter(
      (each) => 'faults' in each || isCommand(each as Action),
    ) as readonly Command[];
    world.setFaults(
      commands
        .map(({ faults }) => faults ?? '')
        .filter((each) => each !== '')
        .join('; '),
    );
    const work = async (each: Together['all'][number], who: number): Promise<void> => {
      if (isCommand(each)) {
        const process = world.process(who, hangs(each));
        ended.push(await process.run(world.history, each, { turns, who, watch }));
        return;
      }
      await turns.step(who, async () => {
        if (each.do === 'wait') await world.wait(each.minutes * MINUTE_MS);
        else if (await world.atStripe(each)) atStripe.push(each);
      });
    };
    const results = await Promise.allSettled(
      all.map(async (each, who) => work(each, who).finally(() => turns.end(who))),
    );
    const failed = results.flatMap((result) =>
      result.status === 'rejected'
        ? [String(result.reason instanceof Error ? result.reason.stack : result.reason)]
        : [],
    );
    await world.quiet();
    world.setFaults('');
    return {
      ended,
      atStripe,
      wrong: [...failed, ...watch.wrong],
      counted: new Map([
        ['changes of turn', turns.switches],
        ['late writers refused', watch.refused()],
      ]),
    };
  }

  /** Everything answers again, time passes, and two passes are made on each ledger; one that lost payments is replaced before. */
  async end(): Promise<readonly string[]> {
    const world = this.#world;
    world.outages.stripe = null;
    world.outages.mail = null;
    const passes: Action[] = [
      { do: 'pass' },
      ...(world.secondInUse ? [{ do: 'pass', ledger: 'second' } as const] : []),
    ];
    const newestFirst: Action[][] = world.hasNewer ? [[{ do: 'pass' }, { do: 'newest' }]] : [];
    for (const round of [...newestFirst, passes, passes]) {
      await world.wait(LONG_AFTER_MS);
      for (const action of round) {
        const wrong = await this.step(action);
        if (wrong.length > 0) return wrong;
      }
    }
    const ledgers: Which[] = world.secondInUse ? ['first', 'second'] : ['first'];
    const wrong: string[] = [];
    for (const which of ledgers) wrong.push(...(await this.#judge(which, ledgers)));
    return wrong;
  }

  async #judge(which: Which, ledgers: readonly Which[]): Promise<readonly string[]> {
    const world = this.#world;
    const { harness } = world;
    const judging =
      which === 'first'
        ? await harness.open('judge')
        : await harness.open('judge', {}, { DATABASE_URL: world.secondUrl });
    const dialect = which === 'first' ? harness.dialect : 'sqlite';
    const { books } = harness.sandbox;
    const evidence = await gatherEvidence({
      books: {
        ...books,
        paymentIntents: books.paymentIntents.filter((each) => world.counts(each)),
      },
      raw: world.raw(which),
      dialect,
      verifyAudit: () => judging.verifyAudit(null),
    });
    countAfter(this.#counts, evidence);
    const others = new Set(world.mailsReplaced);
    for (const other of ledgers.filter((each) => each !== which)) {
      for (const { id } of await world.raw(other).rows('select id from notifications'))
        others.add(String(id));
    }
    const mailAnswersUnseen = this.#mailsSentAgain
      ? Number.POSITIVE_INFINITY
      : this.#unrecordedMails.size;
    const expectations = {
      atRest: true,
      secrets: harness.secrets,
      mailAnswersUnseen,
      now: harness.ledgerNow(),
      ledgers: ledgers.length,
    };
    // Two intents of an attempt, made a day apart, may bear the same date when Stripe's clock was set.
    const isOfClock = (wrong: string): boolean =>
      world.stripeForgets && wrong.endsWith('under two keys');
    return [
      ...judge(withoutMails(evidence, others), expectations).filter((wrong) => !isOfClock(wrong)),
      ...uncorrected(await world.look(which)),
    ].map((wrong) => (which === 'first' ? wrong : `second ledger: ${wrong}`));
  }
}

/** Without what another ledger, or a newer copy of this one, has sent. */
function withoutMails(evidence: Evidence, others: ReadonlySet<string>): Evidence {
  const own = new Set(evidence.mails.map(({ id }) => id));
  const isOther = (id: string): boolean => others.has(id) && !own.has(id);
  return {
    ...evidence,
    delivered: evidence.delivered.filter(({ body }) => !isOther(notificationOf(body))),
  };
}

function whichLedger(action: Action): Which {
  return isCommand(action) && action.ledger !== undefined ? 'second' : 'first';
}

function isUntroubled(action: Action): boolean {
  return (
    isCommand(action) &&
    [action.faults, action.dies, action.late].every((each) => each === undefined)
  );
}

/** Stopped between its last look at the clock and the call; what it looks at before each e-mail keeps it to one. */
function sleepsOverMail(action: Action, { do: kind }: Command): boolean {
  return (
    (kind === 'pass' || kind === 'send') &&
    action.do === 'together' &&
    action.all.some((each) => each.do === 'wait')
  );
}

/** Faults that leave the caller waiting beyond its time limit. */
function hangs({ faults = '' }: Command): boolean {
  return faults.includes('hang');
}

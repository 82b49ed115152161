import { type Gateway } from '../../../src/app/ports.ts';
import { gatherEvidence } from '../../support/evidence.ts';
import { judge } from '../../support/invariants.ts';
import { type Ground } from '../ground.ts';
import { untrueAnswers } from './answers.ts';
import { isCommand, type Action, type AtStripe, type Command, type History, type Together } from './history.ts';
import { watchLeases } from './lease-watch.ts';
import { type Ended } from './process.ts';
import { disallowed, uncorrected } from './rules.ts';
import { countAfter, countStep, type Counts } from './situations.ts';
import { Turns } from '../turns.ts';
import { World } from './world.ts';

export interface Played {
  readonly wrong: readonly string[];
  readonly counts: Counts;
}

/** Steps are seconds apart, so that no verdict depends on the milliseconds that the machine takes. */
const BETWEEN_MS = 1_000;
const MINUTE_MS = 60_000;
/** Every lease, backoff and watch has run out by then, and every key of Stripe is forgotten. */
const LONG_AFTER_MS = 25 * 60 * MINUTE_MS;

interface Done {
  readonly ended: readonly Ended[];
  readonly atStripe: readonly AtStripe[];
  readonly wrong: readonly string[];
  readonly counted?: Counts;
}

/** Plays a history to its end, and says what the model and the invariants do not allow. */
export async function play(ground: Ground, courier: Gateway, history: History): Promise<Played> {
  const counts = new Map<string, number>();
  const wrong: string[] = [];
  try {
    const world = await World.begin(ground, history, courier);
    const played = new Player(world, counts);
    for (const [index, action] of history.actions.entries()) {
      const found = await played.step(action);
      wrong.push(...found.map((each) => `after action ${String(index + 1)} (${action.do}): ${each}`));
      if (found.length > 0) break;
    }
    if (wrong.length === 0) wrong.push(...(await played.end()).map((each) => `at the end: ${each}`));
  } catch (error) {
    wrong.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    await ground.end();
  }
  return { wrong, counts };
}

class Player {
  readonly #world: World;
  readonly #counts: Map<string, number>;
  readonly #rolledForward = new Set<string>();
  /** Each death may have kept one answer of the mail service from being recorded, and so may a process that slept past its claim. */
  #mailAnswersUnseen = 0;
  #crowded = false;

  constructor(world: World, counts: Map<string, number>) {
    this.#world = world;
    this.#counts = counts;
  }

  async step(action: Action): Promise<readonly string[]> {
    const world = this.#world;
    await world.wait(BETWEEN_MS);
    if (world.history.crowded && !this.#crowded && (await world.look()).rows.length > 0) {
      this.#crowded = true;
      await world.crowd();
    }
    const before = await world.look();
    const arrivedBefore = world.arrived;
    const undisturbed = world.outages.stripe === null && world.outages.mail === null && isCommand(action) && [action.faults, action.dies, action.late].every((each) => each === undefined);
    const { ended, atStripe, wrong, counted = new Map<string, number>() } = await this.#do(action);
    this.#mailAnswersUnseen += ended.filter(({ died, command }) => died || sleepsOverMail(action, command)).length;
    const after = await world.look();
    for (const event of atStripe) {
      const row = after.rows.find(({ key }) => key === event.key);
      if (event.do === 'roll-forward' && row !== undefined) this.#rolledForward.add(row.id);
    }
    const step = { before, after, ended, atStripe, rolledForward: this.#rolledForward, arrived: world.arrived - arrivedBefore };
    const asked = { ...step, history: world.history, alone: action.do !== 'together', undisturbed };
    countStep(this.#counts, action, asked, world.outages);
    for (const [what, count] of counted) this.#counts.set(what, (this.#counts.get(what) ?? 0) + count);
    return [...wrong, ...disallowed(step), ...untrueAnswers(asked)];
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
      case 'together':
        return this.#together(action);
      case 'settle':
      case 'refund':
      case 'roll-forward':
        return { ...nothing, atStripe: (await this.#world.atStripe(action)) ? [action] : [] };
    }
  }

  async #run(command: Command): Promise<Ended> {
    this.#world.setFaults(command.faults ?? '');
    const ended = await this.#world.process(0, hangs(command)).run(this.#world.history, command, null);
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
    const commands = all.filter((each) => 'faults' in each || isCommand(each as Action)) as readonly Command[];
    world.setFaults(commands.map(({ faults }) => faults ?? '').filter((each) => each !== '').join('; '));
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
    const results = await Promise.allSettled(all.map(async (each, who) => work(each, who).finally(() => turns.end(who))));
    const failed = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason instanceof Error ? result.reason.stack : result.reason)] : []));
    await world.quiet();
    world.setFaults('');
    return { ended, atStripe, wrong: [...failed, ...watch.wrong], counted: new Map([['changes of turn', turns.switches], ['late writers refused', watch.refused()]]) };
  }

  /** Everything answers again, time passes, and two passes are made. */
  async end(): Promise<readonly string[]> {
    const world = this.#world;
    world.outages.stripe = null;
    world.outages.mail = null;
    for (let passes = 1; passes <= 2; passes += 1) {
      await world.wait(LONG_AFTER_MS);
      const wrong = await this.step({ do: 'pass' });
      if (wrong.length > 0) return wrong;
    }
    const { ground } = world;
    const judging = await ground.open('judge');
    const evidence = await gatherEvidence({ books: ground.sandbox.books, raw: ground.raw(), dialect: ground.dialect, verifyAudit: () => judging.verifyAudit(null) });
    countAfter(this.#counts, evidence);
    return [...judge(evidence, { atRest: true, secrets: ground.secrets, mailAnswersUnseen: this.#mailAnswersUnseen, now: ground.sandbox.clock.now() }), ...uncorrected(await world.look())];
  }
}

/** Stopped between its last look at the clock and the call; what it looks at before each e-mail keeps it to one. */
function sleepsOverMail(action: Action, { do: kind }: Command): boolean {
  return (kind === 'pass' || kind === 'send') && action.do === 'together' && action.all.some((each) => each.do === 'wait');
}

/** Faults that leave the caller waiting beyond its time limit. */
function hangs({ faults = '' }: Command): boolean {
  return faults.includes('hang');
}

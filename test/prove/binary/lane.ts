import { createChance } from '../../../src/sandbox/stripe/ids.ts';
import type { Target } from '../../storage/targets.ts';
import { recordLane, SEED, SIZE, type LaneName } from '../../support/proving.ts';
import { openHarness, type Harness } from '../harness.ts';
import { openRunner, type Runner, type Strike } from './child.ts';
import { REAL_COMMANDS, type RealCommand } from './commands.ts';
import { countSteps, runCase, type CaseReport, type RealCase } from './real-case.ts';
import { RECOVERIES } from './recovery.ts';

type RealLane = Extract<LaneName, 'real-kill' | 'real-term'>;

/** Each on a ledger and a local Stripe of its own. */
const AT_ONCE = 2;
/** Counting the steps of a command takes as long as a case: in the quick size it is done for so many cases. */
const CASES_A_COMMAND = 3;
/** The longest that another thread lets a COMMIT run before it strikes. */
const LONGEST_COMMIT_US = 1_500;
/** Steps from the sending of a call to the COMMIT of its answer. */
const AROUND_A_CALL = 8;
/** The name of the one case to run, as a violation prints it. */
const ONLY: string | undefined = process.env['PROVE_CASE'];

interface Place {
  readonly harness: Harness;
  readonly runner: Runner;
}

export interface RealReport {
  readonly ran: number;
  readonly asked: number;
  readonly violations: readonly string[];
}

/** Of this database's share of the lane, or the one case that PROVE_CASE names when it is one of these. */
export async function runRealLane(
  lane: RealLane,
  target: Target,
  cases: number,
): Promise<RealReport> {
  const startedMs = performance.now();
  const named = ONLY === undefined ? null : caseNamed(ONLY, lane, target);
  const ofName = named === null ? 0 : 1;
  const asked = ONLY === undefined ? cases : ofName;
  const free: Place[] = [];
  for (let made = 0; made < Math.min(AT_ONCE, asked); made += 1)
    free.push({ harness: await openHarness(target), runner: await openRunner() });
  const report = {
    ran: 0,
    violations: [] as string[],
    counted: {
      commands: 0,
      'inside a COMMIT': 0,
      'with two signals': 0,
      'missed, and struck again': 0,
    },
  };
  const one = async (place: Place, realCase: RealCase): Promise<void> => {
    const outcome = await outcomeOf(place, realCase);
    report.ran += outcome.struck === null ? 0 : 1;
    report.counted['missed, and struck again'] += outcome.again ? 1 : 0;
    report.counted['inside a COMMIT'] += outcome.realCase.strike.when === 'during' ? 1 : 0;
    report.counted['with two signals'] += outcome.realCase.strike.signals === 'once' ? 0 : 1;
    const name = `PROVE_CASE='${nameOf(lane, target, outcome.realCase)}' (seed ${SEED}; ${outcome.struck ?? 'never reached'})`;
    report.violations.push(...outcome.wrong.map((wrong) => `${name}: ${wrong}`));
  };
  const work = named === null ? shares(lane, target, asked) : [];
  const worker = async (place: Place): Promise<void> => {
    for (let share = work.shift(); share !== undefined; share = work.shift()) {
      const steps = await counted(place, share.command);
      if (typeof steps === 'string') {
        report.violations.push(steps);
        continue;
      }
      report.counted.commands += 1;
      for (const realCase of draw(lane, target, share, reachable(lane, share.command, steps)))
        await one(place, realCase);
    }
  };
  if (named !== null) await one(free[0]!, named);
  else await Promise.all(free.map(worker));
  const { ran, violations } = report;
  const seconds = (performance.now() - startedMs) / 1_000;
  if (ONLY === undefined)
    recordLane({
      lane,
      cases: ran,
      violations: violations.length,
      seconds,
      counted: report.counted,
    });
  return { ran, asked, violations };
}

interface Share {
  readonly command: RealCommand;
  readonly cases: number;
  readonly seed: number;
}

/** Which commands, and how many cases of each: few commands for few cases. */
function shares(lane: RealLane, target: Target, cases: number): Share[] {
  const seed = SEED * 4 + (lane === 'real-kill' ? 0 : 2) + (target.name === 'sqlite' ? 0 : 1);
  const chance = createChance(seed);
  const shuffled = REAL_COMMANDS.map((command) => ({ command, place: chance() })).sort(
    (a, b) => a.place - b.place,
  );
  const chosen =
    SIZE === 'quick'
      ? shuffled.slice(0, Math.ceil(cases / CASES_A_COMMAND))
      : shuffled.slice(0, cases);
  return chosen.map(({ command }, at) => ({
    command,
    cases: Math.floor((cases + at) / chosen.length),
    seed: seed * 1_000 + at,
  }));
}

/** A daemon that has made its pass only goes on when it is told to end: that is the case called idle. */
function reachable(
  lane: RealLane,
  { role }: RealCommand,
  steps: readonly string[],
): readonly string[] {
  return lane === 'real-term' && role === 'daemon'
    ? steps.slice(
        0,
        steps.findIndex((step) => step.startsWith('send pass')),
      )
    : steps;
}

/** Any steps of the command, before them or after them. */
function draw(
  lane: RealLane,
  target: Target,
  { command, cases, seed }: Share,
  steps: readonly string[],
): readonly RealCase[] {
  const chance = createChance(seed);
  const taken = new Set<string>();
  const drawn: RealCase[] = [];
  while (drawn.length < cases) {
    const strike = lane === 'real-kill' ? aKill(steps, chance) : aTerm(command, steps, chance);
    const realCase = {
      command,
      strike,
      recovery: oneOf(['passes', 'passes', 'again', 'again', 'typed again'] as const, chance),
    };
    const name = nameOf(lane, target, realCase);
    // Where there are hardly more places than cases, one may be struck twice.
    if (taken.has(name) && chance() < 0.9) continue;
    taken.add(name);
    drawn.push(realCase);
  }
  return drawn;
}

type Chance = ReturnType<typeof createChance>;

function oneOf<Item>(items: readonly Item[], chance: Chance): Item {
  return items[Math.floor(chance() * items.length)]!;
}

function anyStep(steps: readonly string[], chance: Chance): Pick<Strike, 'step' | 'when'> {
  return {
    step: 1 + Math.floor(chance() * steps.length),
    when: chance() < 0.5 ? 'before' : 'after',
  };
}

/** On SQLite every fifth is inside of a COMMIT, or of the move of the log into the file. */
function aKill(steps: readonly string[], chance: Chance): Strike {
  const kill = {
    ...anyStep(steps, chance),
    signal: 'SIGKILL',
    delayUs: 0,
    signals: 'once',
  } as const;
  const commits = steps.flatMap((step, index) =>
    /^sqlite (COMMIT|.*wal_checkpoint)/i.test(step) ? [index + 1] : [],
  );
  // A third around a call that moves something: from before it is sent until its answer is stored.
  const calls = steps.flatMap((step, index) => (step.startsWith('send POST') ? [index + 1] : []));
  if (calls.length > 0 && chance() < 0.33)
    return {
      ...kill,
      step: Math.min(steps.length, oneOf(calls, chance) + Math.floor(chance() * AROUND_A_CALL)),
    };
  if (commits.length === 0 || chance() < 0.8) return kill;
  return {
    ...kill,
    step: oneOf(commits, chance),
    when: 'during',
    delayUs: Math.floor(chance() * LONGEST_COMMIT_US),
  };
}

/** Every fifth of the daemon's while it is idle; every sixth with another signal right behind it, every sixth with one later. */
function aTerm({ role }: RealCommand, steps: readonly string[], chance: Chance): Strike {
  const term = {
    ...anyStep(steps, chance),
    signal: 'SIGTERM',
    delayUs: 0,
    signals: 'once',
  } as const;
  if (role === 'daemon' && chance() < 0.2) return { ...term, step: null };
  const signals = oneOf(['once', 'once', 'once', 'once', 'echo', 'again'] as const, chance);
  const calls = steps.flatMap((step, index) =>
    /^send (GET|POST) \/v1\/payment_intents/.test(step) ? [index + 1] : [],
  );
  // A second signal has something to end while a call is under way.
  return signals === 'again' && calls.length > 0
    ? { ...term, step: oneOf(calls, chance), when: 'after', signals }
    : { ...term, signals };
}

function nameOf(lane: RealLane, target: Target, { command, recovery, strike }: RealCase): string {
  const where =
    strike.step === null
      ? 'idle'
      : `${strike.when} ${strike.step} ${strike.delayUs} ${strike.signals}`;
  return [lane, target.name, command.name, recovery, where].join(' | ');
}

/** Null when it is a case of another part. */
function caseNamed(name: string, lane: RealLane, target: Target): RealCase | null {
  const [laneName, targetName, commandName, recoveryName, where = ''] = name.split(' | ');
  if (laneName !== lane || targetName !== target.name) return null;
  const command = REAL_COMMANDS.find((each) => each.name === commandName);
  const recovery = RECOVERIES.find((each) => each === recoveryName);
  if (command === undefined || recovery === undefined)
    throw new Error(`PROVE_CASE=${name} names no case`);
  const [when, step, delayUs, signals] = where.split(' ');
  const strike = {
    step: when === 'idle' ? null : Number(step),
    when: (['before', 'during', 'after'] as const).find((each) => each === when) ?? 'before',
    signal: lane === 'real-kill' ? ('SIGKILL' as const) : ('SIGTERM' as const),
    delayUs: Number(delayUs ?? 0),
    signals: (['once', 'echo', 'again'] as const).find((each) => each === signals) ?? 'once',
  };
  return { command, recovery, strike };
}

/** The steps, or what is wrong although nobody strikes. */
async function counted(
  { harness, runner }: Place,
  command: RealCommand,
): Promise<readonly string[] | string> {
  try {
    return await countSteps(harness, runner, command);
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

interface Outcome extends CaseReport {
  readonly realCase: RealCase;
  readonly again: boolean;
}

/** What ended before it was to be struck (an answer came in fewer pieces) is run again, and struck at a step that it has. */
async function outcomeOf(place: Place, asked: RealCase): Promise<Outcome> {
  const first = await withFailure(place, asked);
  const { step } = asked.strike;
  if (first.struck !== null || first.wrong.length > 0 || step === null)
    return { ...first, realCase: asked, again: false };
  const realCase = { ...asked, strike: { ...asked.strike, step: ((step - 1) % first.steps) + 1 } };
  const second = await withFailure(place, realCase);
  return {
    ...second,
    wrong:
      second.struck === null
        ? [...second.wrong, 'it ended before it could be struck, twice']
        : second.wrong,
    realCase,
    again: true,
  };
}

async function withFailure({ harness, runner }: Place, realCase: RealCase): Promise<CaseReport> {
  try {
    return await runCase(harness, runner, realCase);
  } catch (error) {
    return {
      struck: null,
      steps: 1,
      wrong: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
    };
  }
}

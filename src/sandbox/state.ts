// Puts the parts of a sandbox together, and reads back what an earlier one kept.
import { Answered } from './answered.ts';
import { type Books, createBooks } from './books.ts';
import { createClock, type SandboxClock } from './clock.ts';
import { ENDPOINT_NAMES } from './endpoints/table.ts';
import { Executor } from './executor.ts';
import { parseFaults } from './fault-spec.ts';
import { FaultDesk } from './faults.ts';
import { IdempotencyKeys } from './idempotency.ts';
import { createChance, Ids, randomSeed } from './ids.ts';
import { Journal } from './journal.ts';
import { type SandboxOptions } from './options.ts';
import { RateLimits, STANDARD_LIMITS } from './rate-limits.ts';
import { RequestLog } from './request-log.ts';
import { settleDue } from './settle.ts';
import { World } from './world.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const BANK_DEBIT_DAYS = 4;
const SEARCH_LAG_MS = 60_000;
const EVENT_LAG_MS = 1000;

export interface State {
  readonly world: World;
  readonly clock: SandboxClock;
  readonly log: RequestLog;
  readonly books: Books;
  readonly faults: FaultDesk;
  readonly executor: Executor;
  readonly answered: Answered;
  readonly setFaults: (spec: string) => void;
  readonly reset: () => void;
  readonly close: () => void;
}

export function createState(options: SandboxOptions): State {
  const seed = options.seed ?? randomSeed();
  const ids = new Ids(createChance(seed));
  const log = new RequestLog();
  const keys = new IdempotencyKeys();
  const journal = options.dataDir === undefined ? null : new Journal(options.dataDir);
  const clock = createClock(options.now ?? Date.now, () => {
    settleDue(world);
    journal?.write({ kept: 'clock', offsetMs: clock.offsetMs }, ids.count);
  });
  const world = new World(clock, ids, {
    bankDebitMs: options.bankDebitMs ?? BANK_DEBIT_DAYS * DAY_MS,
    searchLagMs: options.searchLagMs ?? SEARCH_LAG_MS,
    eventLagMs: options.eventLagMs ?? EVENT_LAG_MS,
  });
  const faults = new FaultDesk(createChance(seed + 1));
  const setFaults = (spec: string) => faults.set(parseFaults(spec, ENDPOINT_NAMES));
  setFaults(options.faults ?? '');
  const limits = new RateLimits(limitsOf(options.rateLimits), () => performance.now());
  const executor = new Executor({ world, keys, limits, secretKeys: options.secretKeys ?? null });
  const reset = () => {
    for (const part of [world, log, keys]) part.clear();
    clock.offsetMs = 0;
    setFaults('');
    journal?.empty();
  };
  if (journal !== null) {
    readBack(journal, world, keys, (offsetMs) => (clock.offsetMs = offsetMs));
    world.onChange = (change) => journal.write(change, ids.count);
    keys.onKept = (record) => journal.write({ kept: 'key', record }, ids.count);
  }
  return {
    world, clock, log, faults, executor, setFaults, reset,
    books: createBooks(world, log),
    answered: new Answered(),
    close: () => journal?.close(),
  };
}

function readBack(journal: Journal, world: World, keys: IdempotencyKeys, setOffset: (offsetMs: number) => void): void {
  journal.read((line) => {
    world.ids.count = Math.max(world.ids.count, line.ids);
    switch (line.kept) {
      case 'key':
        keys.restore(line.record);
        break;
      case 'clock':
        setOffset(line.offsetMs);
        break;
      default:
        world.restore(line);
    }
  });
}

function limitsOf(option: SandboxOptions['rateLimits']) {
  if (option === undefined || option === false) return null;
  return option === true ? STANDARD_LIMITS : { ...STANDARD_LIMITS, ...option };
}

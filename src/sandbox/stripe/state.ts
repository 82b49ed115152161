// Puts the parts of a sandbox together, and reads back what an earlier one kept.
import { SecretKeys } from './request/access.ts';
import { type AccountMode, Accounts } from './accounts.ts';
import { Answered } from '../response-queue.ts';
import { type Books, createBooks } from '../books.ts';
import { createClock, type MovableClock, type SandboxClock } from '../clock.ts';
import { ENDPOINT_NAMES } from './endpoints/table.ts';
import { Executor } from './executor.ts';
import { parseFaults } from '../faults/spec.ts';
import { FaultDesk } from '../faults/injector.ts';
import { createChance, Ids, randomSeed } from './ids.ts';
import { Journal, type Line } from '../journal.ts';
import { Mails } from '../mail/mails.ts';
import type { SandboxOptions } from '../options.ts';
import { DEFAULT_OWNER, type Owner, ownerName, ownerOf } from './owner.ts';
import { LIVE_LIMITS, RateLimits, STANDARD_LIMITS } from './rate-limits.ts';
import { RequestLog } from '../request-log.ts';
import { settleDue } from './settle.ts';
import { World, type WorldSettings } from './world.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const BANK_DEBIT_DAYS = 4;
const SEARCH_LAG_MS = 60_000;
const EVENT_LAG_MS = 1000;

export interface State {
  readonly accounts: Accounts;
  readonly secretKeys: SecretKeys;
  readonly mails: Mails;
  readonly ids: Ids;
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
  const mails = new Mails();
  const journal = options.dataDir === undefined ? null : new Journal(options.dataDir);
  const clock = createClock(options.now ?? Date.now, {
    before: () => onTime(accounts, clock.now()),
    after: (byMs) => {
      if (byMs < 0) for (const { world } of accounts) world.arriveAll();
      const toMs = clock.now();
      onTime(accounts, toMs);
      journal?.write(
        { kept: 'clock', offsetMs: clock.offsetMs, fromMs: toMs - byMs, toMs },
        ids.count,
      );
    },
  });
  const accounts = createAccounts({ options, ids, clock });
  const secretKeys = new SecretKeys({
    only: options.secretKeys ?? null,
    live: options.liveKeys === true,
    known: options.keys ?? [],
    endpoints: ENDPOINT_NAMES,
  });
  const faults = new FaultDesk(createChance(seed + 1));
  const setFaults = (spec: string) => faults.set(parseFaults(spec, ENDPOINT_NAMES));
  setFaults(options.faults ?? '');
  const reset = () => {
    for (const part of [accounts, log, mails, secretKeys]) part.clear();
    clock.offsetMs = 0;
    setFaults('');
    journal?.empty();
  };
  if (journal !== null) keepIn(journal, { accounts, secretKeys, mails, ids, clock });
  return {
    accounts,
    secretKeys,
    mails,
    ids,
    clock,
    log,
    faults,
    setFaults,
    reset,
    executor: new Executor({ accounts, secretKeys }),
    books: createBooks(accounts, mails, log),
    answered: new Answered(),
    close: () => journal?.close(),
  };
}

/** Does what the time brings: debits are decided, and what is too old is forgotten. */
function onTime(accounts: Accounts, nowMs: number): void {
  for (const { world } of accounts) settleDue(world);
  accounts.forgetOld(nowMs);
}

interface AccountParts {
  readonly options: SandboxOptions;
  readonly ids: Ids;
  readonly clock: SandboxClock;
}

function createAccounts({ options, ids, clock }: AccountParts): Accounts {
  const settings: WorldSettings = {
    bankDebitMs: options.bankDebitMs ?? BANK_DEBIT_DAYS * DAY_MS,
    searchLagMs: options.searchLagMs ?? SEARCH_LAG_MS,
    eventLagMs: options.eventLagMs ?? EVENT_LAG_MS,
  };
  const accounts: Accounts = new Accounts((owner) => ({
    world: new World(owner, {
      clock,
      ids,
      settings,
      isInOtherMode: (id) => accounts.isInOtherMode(owner, id),
    }),
    limits: new RateLimits(limitsOf(options.rateLimits, owner), () => performance.now()),
  }));
  return accounts;
}

interface Kept {
  readonly accounts: Accounts;
  readonly secretKeys: SecretKeys;
  readonly mails: Mails;
  readonly ids: Ids;
  readonly clock: MovableClock;
}

/** Reads back what the journal has, and from then on writes down what changes. */
function keepIn(journal: Journal, { accounts, secretKeys, mails, ids, clock }: Kept): void {
  journal.read((line) => {
    ids.count = Math.max(ids.count, line.ids);
    switch (line.kept) {
      case 'clock':
        clock.offsetMs = line.offsetMs;
        restoreMove(accounts, line.fromMs, line.toMs);
        break;
      case 'secret_key':
        secretKeys.add(line.record);
        break;
      case 'mail':
        mails.put(line.record);
        break;
      case 'key':
        accounts.of(ownerOf(line.owner)).keys.restore(line.record);
        break;
      default:
        accounts.of(ownerOf(line.owner)).world.restore(line);
    }
  });
  const write = (line: Line) => journal.write(line, ids.count);
  mails.onPut = (record) => write({ kept: 'mail', record });
  secretKeys.onKnown = (record) => write({ kept: 'secret_key', record });
  accounts.whenOpened(({ owner, world, keys }: AccountMode) => {
    const of = ownerName(owner) === ownerName(DEFAULT_OWNER) ? {} : { owner: ownerName(owner) };
    world.onChange = (change) => write({ ...change, ...of });
    keys.onKept = (record) => write({ kept: 'key', record, ...of });
  });
}

/** A move of the clock is read back for what it made the accounts forget, and for what it made arrive. */
function restoreMove(accounts: Accounts, fromMs = 0, toMs = 0): void {
  accounts.forgetOld(fromMs);
  if (toMs < fromMs) for (const { world } of accounts) world.arriveAll();
  accounts.forgetOld(toMs);
}

function limitsOf(option: SandboxOptions['rateLimits'], owner: Owner) {
  if (option === undefined || option === false) return null;
  const standard = owner.livemode ? LIVE_LIMITS : STANDARD_LIMITS;
  return option === true ? standard : { ...standard, ...option };
}

import { setTimeout as wait } from 'node:timers/promises';
import { FAULT_KINDS, type FaultName } from '../../src/sandbox/server.ts';
import type { Case } from './lanes.ts';
import { dishonesty, HASTY_MS, stillHeld, type Caller, type HastyMs, type Lane } from './lane.ts';

/** One call to Stripe or the mail service, and how a transaction is brought to where payrecon makes it. */
export interface Place {
  readonly name: string;
  readonly endpoint: string;
  /** Who makes the call. */
  readonly by: 'charge' | 'pass';
  readonly pays?: keyof typeof METHODS;
  /** Faults under which a first charge is made, so that it stops before the call. */
  readonly before?: string;
  /** Further faults while the call is made. */
  readonly beside?: string;
}

export const MODES = [
  /** The fault strikes once, then everything works again. */
  'once',
  /** As once, and the customer runs the same command again. */
  'once, and a retry',
  /** The fault stays until the command was run a second time. */
  'twice',
  /** The process is told to stop while the answer is due. */
  'and a signal',
] as const;
export type Mode = (typeof MODES)[number];

export interface FaultScript {
  readonly place: Place;
  readonly kind: FaultName;
  readonly mode: Mode;
}

/** Kinds that leave the caller waiting beyond its time limit, and those that want to be told how long. */
const WAITING: ReadonlySet<FaultName> = new Set([
  'hang',
  'hang_before',
  'late',
  'drip',
  'slow',
  'out_of_order',
]);
const TIMED: ReadonlySet<FaultName> = new Set(['late', 'slow', 'out_of_order']);
const BEYOND_LIMIT_MS = 150;

export function scriptsFor(
  places: readonly Place[],
  modes: readonly Mode[] = MODES,
): readonly FaultScript[] {
  return places.flatMap((place) =>
    FAULT_KINDS.flatMap(({ kind }) => modes.map((mode) => ({ place, kind, mode }))),
  );
}

export function caseOf(script: FaultScript): Case {
  const { place, kind, mode } = script;
  return {
    name: `${place.name}: ${kind}, ${mode}`,
    waits: WAITING.has(kind),
    run: (lane, key) => runScript(lane, script, key),
  };
}

const METHODS = {
  'by card': { paymentMethod: 'pm_card_visa', methodTypes: ['card'] },
  declined: { paymentMethod: 'pm_card_chargeDeclined', methodTypes: ['card'] },
  'by debit': { paymentMethod: 'pm_usBankAccount', methodTypes: ['us_bank_account'] },
} as const;

/**
 * Runs one script in the lane, and answers what was wrong in how its commands ended. It is tried with longer
 * time limits until the fault was met: on a busy machine a call may run out of time before it comes to it.
 */
async function runScript(lane: Lane, script: FaultScript, key: string): Promise<readonly string[]> {
  for (const deadlineMs of HASTY_MS) {
    const { met, found } = await tryScript(lane, script, `${key}${deadlineMs}`, deadlineMs);
    if (met || found.length > 0) return found;
  }
  return ['the fault was never met'];
}

async function tryScript(
  lane: Lane,
  script: FaultScript,
  key: string,
  deadlineMs: HastyMs,
): Promise<{ readonly met: boolean; readonly found: readonly string[] }> {
  const { place, mode } = script;
  const { sandbox } = lane.world;
  const order = { key, reference: `order ${key}`, ...METHODS[place.pays ?? 'by card'] };
  const wrong: string[] = [];
  const charge = async (caller = lane.patient, signal?: AbortSignal): Promise<void> => {
    wrong.push(...dishonesty(lane, key, await caller.charge(order, signal)));
  };
  if (place.before !== undefined || place.by === 'pass') {
    sandbox.setFaults(place.before ?? '');
    await charge();
  }
  const met = await underFault(lane, script, deadlineMs, charge);
  wrong.push(...(await stillHeld(lane)));
  sandbox.setFaults('');
  if (mode === 'once, and a retry') await charge();
  // A case that strikes a pass wants to be alone in it, so the ones before have to be settled.
  if (place.by === 'pass') {
    await lane.quiet();
    await lane.patient.pass();
    await lane.patient.pass();
  }
  return { met, found: wrong };
}

/** Runs what makes the call while the fault is there. Answers whether it was met. */
async function underFault(
  lane: Lane,
  { place, kind, mode }: FaultScript,
  deadlineMs: HastyMs,
  charge: (caller: Caller, signal?: AbortSignal) => Promise<void>,
): Promise<boolean> {
  const { sandbox } = lane.world;
  const before = sandbox.books.requests.length;
  const caller = WAITING.has(kind) ? await lane.hasty(deadlineMs) : lane.patient;
  const fault = TIMED.has(kind) ? `${kind}:${deadlineMs + BEYOND_LIMIT_MS}` : kind;
  const struck = `${place.endpoint}#${mode === 'twice' ? '*' : '1'}=${fault}`;
  sandbox.setFaults(place.beside === undefined ? struck : `${place.beside}; ${struck}`);
  const act = (signal?: AbortSignal): Promise<unknown> =>
    place.by === 'charge' ? charge(caller, signal) : caller.pass(signal);
  if (mode === 'and a signal') await stoppedAtRequest(lane, place.endpoint, act);
  else await act();
  if (mode === 'twice') await act();
  return sandbox.books.requests
    .slice(before)
    .some(
      (request) => request.endpoint === place.endpoint && request.fault?.split(':')[0] === kind,
    );
}

/** Sends the signal as soon as the request has arrived. */
async function stoppedAtRequest(
  lane: Lane,
  endpoint: string,
  act: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const { books } = lane.world.sandbox;
  const before = books.count(endpoint);
  const stop = new AbortController();
  const over = new AbortController();
  const ended = act(stop.signal).finally(() => over.abort());
  while (!over.signal.aborted && books.count(endpoint) === before) await wait(1);
  stop.abort();
  await ended;
}

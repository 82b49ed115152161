import { setTimeout as wait } from 'node:timers/promises';
import { violations } from '../support/invariants.ts';
import { dishonesty, HASTY_MS, stillHeld, type Caller, type Lane } from './lane.ts';
import { ORDERS, textOfStep, type Run, type Sequence, type Step } from './sequence.ts';

const MS_A_MINUTE = 60_000;
/** A create comes into being within 72 hours, or never: the span that a scan covers (see docs on the fault model). */
const LATEST_CREATE_MINUTES = 72 * 60;
/** Faults that leave the caller waiting beyond its time limit. */
const WAITING = /=(hang|late|drip|slow|out_of_order)|outage:hang/;

/** Runs it in a lane of its own, or in one that was renewed; then everything answers, two passes are made, and what must hold is checked. */
export async function runSequence(lane: Lane, sequence: Sequence): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const [index, step] of sequence.entries()) {
    const found = await take(lane, step).catch((error: unknown) => [
      error instanceof Error ? (error.stack ?? error.message) : String(error),
    ]);
    wrong.push(
      ...[...found, ...(await stillHeld(lane))].map(
        (each) => `step ${index + 1} (${textOfStep(step)}): ${each}`,
      ),
    );
  }
  return [...wrong, ...(await atRest(lane))];
}

async function take(lane: Lane, step: Step): Promise<readonly string[]> {
  switch (step.act) {
    case 'later':
      // What Stripe carries out late, it carries out within that time: payrecon looks no further.
      if (step.minutes >= LATEST_CREATE_MINUTES) await lane.quiet();
      lane.later(step.minutes * MS_A_MINUTE);
      return [];
    case 'bank':
      await bankSays(lane, step.says);
      return [];
    case 'charge':
      return chargeOnce(lane, step);
    case 'pass':
      await under(lane, step, (caller, signal) => caller.pass(signal));
      return [];
    case 'send':
      await under(lane, step, (caller, signal) => caller.send(signal));
      return [];
  }
}

async function chargeOnce(
  lane: Lane,
  step: Extract<Step, { act: 'charge' }>,
): Promise<readonly string[]> {
  const { order, amount } = step;
  const { books } = lane.world.sandbox;
  const before = await lane.source.raw.rows('select * from transactions');
  const requests = books.requests.length;
  const ended = await under(lane, step, (caller, signal) =>
    caller.charge({ key: order, amount, ...ORDERS[order] }, signal),
  );
  if (!mustBeRefused(before, step)) return dishonesty(lane, order, ended);
  // Whether the ledger is whole may have to be asked first, by reading alone; 69 says that Stripe did not tell.
  const sent = books.requests.slice(requests).filter(({ method }) => method !== 'GET').length;
  return (ended.exitCode === 4 || ended.exitCode === 69) && sent === 0
    ? []
    : [`7: ${order} had to be refused, and ended with ${ended.exitCode} after ${sent} requests`];
}

/** By another payment of the same order, or because the key stands for another amount. */
function mustBeRefused(
  before: readonly Readonly<Record<string, unknown>>[],
  { order, amount }: Extract<Step, { act: 'charge' }>,
): boolean {
  const same = before.find((row) => row['key'] === order);
  const open = new Set<unknown>(['pending', 'succeeded', 'stuck']);
  const other = before.some(
    (row) =>
      row['key'] !== order &&
      row['reference'] === ORDERS[order].reference &&
      open.has(row['status']),
  );
  if (same === undefined) return other;
  const refusedRequest = same['status'] === 'failed' && same['failure_kind'] === 'request';
  const fenced = same['status'] === 'canceled' && same['canceled_by'] === 'fence';
  const corrected =
    refusedRequest && Number(same['intents']) === 0 && same['payment_intent'] === null;
  if (Number(same['amount']) !== amount) return corrected ? other : true;
  // A new attempt takes the order's reference again.
  return (refusedRequest || fenced) && other;
}

async function bankSays(lane: Lane, says: 'pays' | 'refuses'): Promise<void> {
  for (const { id, status } of lane.world.sandbox.books.paymentIntents) {
    if (status !== 'processing') continue;
    const body = JSON.stringify({ outcome: says === 'pays' ? 'succeeded' : 'failed' });
    const response = await fetch(
      `${lane.world.sandbox.url}/_sandbox/payment_intents/${id}/settle`,
      { method: 'POST', body },
    );
    if (!response.ok) throw new Error(await response.text());
  }
}

async function under<Ended>(
  lane: Lane,
  { faults, stopAt }: Run,
  act: (caller: Caller, signal: AbortSignal | undefined) => Promise<Ended>,
): Promise<Ended> {
  const { sandbox } = lane.world;
  const caller = faults.some((fault) => WAITING.test(fault))
    ? await lane.hasty(HASTY_MS[0])
    : lane.patient;
  sandbox.setFaults(faults.join('; '));
  try {
    return await (stopAt === null
      ? act(caller, undefined)
      : stoppedAt(lane, stopAt, (signal) => act(caller, signal)));
  } finally {
    sandbox.setFaults('');
  }
}

/** The signal comes when that many requests have arrived since the command began. */
async function stoppedAt<Ended>(
  { world }: Lane,
  count: number,
  act: (signal: AbortSignal) => Promise<Ended>,
): Promise<Ended> {
  const { books } = world.sandbox;
  const until = books.requests.length + count;
  const stop = new AbortController();
  if (count === 0) stop.abort();
  const over = new AbortController();
  const ended = act(stop.signal).finally(() => over.abort());
  while (!over.signal.aborted && !stop.signal.aborted) {
    if (books.requests.length >= until) stop.abort();
    else await wait(1);
  }
  return ended;
}

/** What is wrong although everything has answered again, two passes long. */
async function atRest(lane: Lane): Promise<readonly string[]> {
  const { sandbox, env } = lane.world;
  await lane.quiet();
  await lane.patient.pass();
  const lastExit = await lane.patient.pass();
  const secrets = [env['STRIPE_SECRET_KEY'] ?? '', env['SENDGRID_API_KEY'] ?? ''];
  const found = await violations(lane.source, {
    atRest: true,
    secrets,
    mailAnswersUnseen: lane.mailTimeouts(),
  });
  // A customer who has not authenticated, or a bank that has not decided, within its time is shown to a person.
  const waiting = sandbox.books.paymentIntents.some(
    ({ status }) => status === 'requires_action' || status === 'processing',
  );
  return lastExit === 0 || (lastExit === 5 && waiting)
    ? found
    : [`11: the second pass with everything in order ended with ${lastExit}`, ...found];
}

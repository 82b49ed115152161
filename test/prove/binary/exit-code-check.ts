import type { Harness } from '../harness.ts';
import type { Ended } from './child.ts';
import type { Role } from './commands.ts';

/* What the real program says with its exit code and its document, held against the ledger and the books. */

export const TERMINATED = 143;
export const INTERRUPTED = 130;

/** The exit codes of a charge that tell the truth about this status. */
const OF_STATUS: Readonly<Record<string, readonly number[]>> = {
  succeeded: [0],
  failed: [3],
  canceled: [3],
  stuck: [5],
  pending: [75],
};

/** The exit codes that are true now. `cutShort`: those of its signals, which may have come when everything was done already. */
function truthful(
  role: Role,
  statuses: readonly string[],
  cutShort: readonly number[],
): readonly number[] {
  const [status = 'none'] = statuses;
  const findings = statuses.includes('stuck') ? [5] : [0];
  switch (role) {
    case 'charge':
      // A payment that is settled is told, whatever else happened.
      return [
        ...(OF_STATUS[status] ?? []),
        ...(status === 'pending' || status === 'none' ? cutShort : []),
      ];
    case 'reconcile':
      return [...findings, ...cutShort];
    case 'daemon':
      // It is always told to end.
      return cutShort.length === 0 ? [TERMINATED] : cutShort;
    case 'resolve':
      // 4: decided already, by whoever was killed.
      if (status === 'stuck') return cutShort;
      return cutShort.length > 0 ? [0] : [0, 4];
    case 'notify':
    case 'migrate':
      return [0, ...cutShort];
  }
}

async function statuses(harness: Harness, role: Role): Promise<readonly string[]> {
  if (role === 'migrate') return [];
  return (await harness.raw().rows('select status from transactions order by id')).map((row) =>
    String(row['status']),
  );
}

/** What is untrue about how it ended by itself. */
export async function untruth(
  harness: Harness,
  role: Role,
  ended: Ended,
  cutShort: readonly number[],
): Promise<readonly string[]> {
  const found = await statuses(harness, role);
  const wrong: string[] = [];
  const allowed = truthful(role, found, cutShort);
  if (ended.exitCode === null || !allowed.includes(ended.exitCode)) {
    wrong.push(
      `11: ended with ${ended.exitCode ?? ended.signal ?? 'nothing'} instead of ${allowed.join(' or ')} while the payments are ${found.join(', ')}: ${ended.stderr.slice(0, 300)}`,
    );
  }
  if (role === 'daemon' && !ended.stderr.endsWith('\ndrained\n'))
    wrong.push(`8: the daemon did not drain: ${ended.stderr.slice(-300)}`);
  if (/\n\s+at /.test(ended.stderr))
    wrong.push(`1: a bug was shown: ${ended.stderr.slice(0, 600)}`);
  return [...wrong, ...(await untrueDocument(harness, role, ended))];
}

/** A document that was written whole is true at that moment, and nothing came after it. */
export async function untrueDocument(
  harness: Harness,
  role: Role,
  { stdout }: Ended,
): Promise<readonly string[]> {
  if ((role !== 'charge' && role !== 'resolve') || !stdout.endsWith('}\n')) return [];
  const said = JSON.parse(stdout) as {
    readonly id: string;
    readonly status: string;
    readonly payment_intent: string | null;
  };
  const [row] = await harness
    .raw()
    .rows(`select status, payment_intent from transactions where id = '${said.id}'`);
  const same = row?.['status'] === said.status && row['payment_intent'] === said.payment_intent;
  return same
    ? []
    : [
        `11: it said ${said.status} and ${said.payment_intent ?? 'no id'}, and the ledger says ${JSON.stringify(row)}`,
      ];
}

/** What a command that has drained left behind. */
export async function notDrained(harness: Harness, role: Role): Promise<readonly string[]> {
  if (role === 'migrate') return [];
  const raw = harness.raw();
  const held = await raw.rows(
    'select key as name from transactions where lease_token is not null union all select id from notifications where claim_token is not null',
  );
  const passes = await raw.rows('select id as name from passes where finished_at is null');
  return [
    ...held.map(({ name }) => `8: ${String(name)} is still held by a command that has drained`),
    ...passes.map(({ name }) => `8: the pass ${String(name)} never ended, though it was drained`),
  ];
}

/** The books when the program was started. */
export interface Before {
  readonly requests: number;
  readonly intents: ReadonlySet<string>;
}

/** Requests that changed something at Stripe and were answered, with nothing recorded of the answer. */
export async function notRecorded(harness: Harness, before: Before): Promise<readonly string[]> {
  const { requests, paymentIntents, mails } = harness.sandbox.books;
  const made = requests.filter((request) => request.n > before.requests && request.executed);
  const changed = made.filter(({ endpoint }) =>
    /^payment_intents\.(create|confirm|cancel)$/.test(endpoint),
  );
  const rows = await harness.raw().rows('select payment_intent, stripe_status from transactions');
  const known = new Map(rows.map((row) => [row['payment_intent'], row['stripe_status']]));
  const intents = paymentIntents.filter(
    ({ id }) => !before.intents.has(id) || changed.some(({ path }) => path.includes(id)),
  );
  const lost = intents
    .filter(({ id, status }) => known.get(id) !== status)
    .map(
      ({ id, status }) =>
        `2: ${id} is ${status} at Stripe, which said so, and the ledger says ${String(known.get(id))}`,
    );
  if (!made.some(({ endpoint }) => endpoint === 'mail.send')) return lost;
  const sent = new Set(
    (await harness.raw().rows(`select id from notifications where state = 'sent'`)).map(
      (row) => row['id'],
    ),
  );
  const copies = mails.map(({ body }) =>
    String(
      (body as { custom_args?: Record<string, unknown> }).custom_args?.['payrecon_notification'],
    ),
  );
  return [
    ...lost,
    ...copies
      .filter((id) => !sent.has(id))
      .map((id) => `6: ${id} was accepted, and is not marked as sent`),
  ];
}

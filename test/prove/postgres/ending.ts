import type { ChargeFileReport } from '../../../src/app/charge-file.ts';
import type { ChargeOutcome, DispatchReport, PassOutcome } from '../../../src/app/service.ts';
import { EXIT, exitCode, type Ending } from '../../../src/cli/exit-code.ts';
import { PayreconError } from '../../../src/domain/errors.ts';
import type { Harness } from '../harness.ts';

/** How a command ended, as whoever ran it was told. */
export interface Ended {
  readonly exitCode: number;
  /** The transaction that it spoke of. */
  readonly transaction: {
    readonly id: string;
    readonly status: string;
    readonly paymentIntent: string | null;
  } | null;
  /** For people. */
  readonly said: string;
}

/** Runs it to its end. Whatever is thrown that is no expected error is a bug, exit 1, as in the program. */
export async function endOf(role: string, work: () => Promise<unknown>): Promise<Ended> {
  try {
    const result = await work();
    const transaction =
      role === 'charge' && !isFile(result) ? (result as ChargeOutcome).transaction : null;
    return { exitCode: exitCode(endingOf(role, result), null), transaction, said: 'done' };
  } catch (error) {
    const unexpected = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const said = error instanceof PayreconError ? `${error.code}: ${error.message}` : unexpected;
    const transaction = error instanceof PayreconError ? error.transaction : null;
    return { exitCode: exitCode({ kind: 'failed', error }, null), transaction, said };
  }
}

function isFile(result: unknown): result is ChargeFileReport {
  return typeof result === 'object' && result !== null && 'ends' in result;
}

function endingOf(role: string, result: unknown): Ending {
  switch (role) {
    case 'charge':
      return isFile(result)
        ? { kind: 'charged_file', report: result }
        : { kind: 'charged', outcome: result as ChargeOutcome };
    case 'reconcile':
      return { kind: 'passed', outcome: result as PassOutcome };
    case 'notify':
      return result === undefined
        ? { kind: 'done' }
        : { kind: 'dispatched', report: result as DispatchReport };
    default:
      return { kind: 'done' };
  }
}

/** What a command may have changed, counted. */
export interface Traces {
  readonly rows: number;
  readonly entries: number;
  /** E-mails in the outbox; the operator's about an outage is not about a payment. */
  readonly mails: number;
  readonly tables: number;
  /** Requests that change something at Stripe, and e-mails. */
  readonly sent: number;
}

export async function tracesOf(harness: Harness): Promise<Traces> {
  const raw = harness.raw();
  const tables = await countOf(
    harness,
    "pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'",
  );
  const [found] = await raw.rows("select to_regclass('public.audit_events') is not null as here");
  const here = found?.['here'] === true;
  return {
    tables,
    rows: here ? await countOf(harness, 'transactions') : 0,
    entries: here ? await countOf(harness, 'audit_events') : 0,
    mails: here ? await countOf(harness, 'notifications where transaction_id is not null') : 0,
    sent:
      harness.sandbox.books.requests.filter(
        ({ method, endpoint }) => method !== 'GET' && endpoint !== 'mail.send',
      ).length + (here ? await mailsSent(harness) : 0),
  };
}

async function mailsSent(harness: Harness): Promise<number> {
  const rows = await harness
    .raw()
    .rows('select id from notifications where transaction_id is null');
  const toOperator = new Set(rows.map(({ id }) => id));
  return harness.sandbox.books.mails.filter(
    ({ body }) =>
      !toOperator.has(
        (body as { custom_args?: Record<string, unknown> }).custom_args?.['payrecon_notification'],
      ),
  ).length;
}

async function countOf(harness: Harness, from: string): Promise<number> {
  const [row] = await harness.raw().rows(`select count(*)::int as n from ${from}`);
  return Number(row?.['n']);
}

/** Said only when nothing was recorded or sent. */
const NOTHING_HAPPENED: ReadonlySet<number> = new Set([
  EXIT.usage,
  EXIT.refused,
  EXIT.notFound,
  EXIT.outOfReach,
]);

/** What is untrue about how a command ended; empty when it told the truth. */
export async function dishonesty(
  harness: Harness,
  ended: Ended,
  before: Traces,
): Promise<readonly string[]> {
  if (ended.exitCode === EXIT.bug) return [`11 the exit code: it ended with a bug: ${ended.said}`];
  const after = await tracesOf(harness);
  const changed = JSON.stringify(after) !== JSON.stringify(before);
  if (changed && NOTHING_HAPPENED.has(ended.exitCode)) {
    return [
      `11 the exit code: ${ended.exitCode} says that nothing was changed, but ${JSON.stringify(before)} became ${JSON.stringify(after)} (${ended.said})`,
    ];
  }
  return ended.transaction === null ? [] : untruths(harness, ended.transaction, ended.exitCode);
}

const STATUSES: Readonly<Record<number, readonly string[]>> = {
  [EXIT.done]: ['succeeded'],
  [EXIT.notSucceeded]: ['failed', 'canceled'],
  [EXIT.findings]: ['stuck'],
};

/** What was said of a transaction is in the ledger, and at Stripe. */
async function untruths(
  harness: Harness,
  told: NonNullable<Ended['transaction']>,
  code: number,
): Promise<readonly string[]> {
  const [row] = await harness
    .raw()
    .rows(`select status, payment_intent from transactions where id = '${told.id}'`);
  if (row === undefined)
    return [`11 the exit code: ${code} speaks of ${told.id}, which the ledger does not have`];
  const final = STATUSES[code];
  if (final === undefined) return [];
  const problems: string[] = [];
  if (!final.includes(told.status) || row['status'] !== told.status)
    problems.push(`${code} told ${told.status}, the ledger says ${String(row['status'])}`);
  if (row['payment_intent'] !== told.paymentIntent)
    problems.push(
      `told ${String(told.paymentIntent)}, the ledger says ${String(row['payment_intent'])}`,
    );
  const atStripe =
    told.paymentIntent === null
      ? undefined
      : harness.sandbox.books.paymentIntent(told.paymentIntent)?.status;
  if (code === EXIT.done && atStripe !== 'succeeded')
    problems.push(`told 0, and ${String(told.paymentIntent)} is ${String(atStripe)} at Stripe`);
  return problems.map((problem) => `11 the exit code: ${told.id}: ${problem}`);
}

import { setTimeout as wait } from 'node:timers/promises';
import type { ChargeOutcome, Payrecon } from '../../src/app/service.ts';
import type { Mailer } from '../../src/app/ports.ts';
import { exitCode } from '../../src/cli/exit-code.ts';
import { PayreconError } from '../../src/domain/errors.ts';
import type { ChargeRequest } from '../../src/domain/transaction.ts';
import { openMailer } from '../../src/email/mailer.ts';
import type { SandboxOptions } from '../../src/sandbox/server.ts';
import { sqliteInMemory, type Target } from '../storage/targets.ts';
import { emptyLedger } from '../support/empty-ledger.ts';
import { evidenceSource, type EvidenceSource } from '../support/evidence.ts';
import { aPaymentWorld, type PaymentWorld } from '../support/payment-world.ts';

/** Of calls that hang: short, for there are hundreds of them; longer when a busy machine did not come to the call in time. */
export const HASTY_MS = [300, 1_200, 3_000] as const;
export type HastyMs = (typeof HASTY_MS)[number];
/** Of all other calls: a busy machine must not look like a fault. */
const PATIENT_MS = 10_000;
/** Two scans of Stripe's list prove an absence when they lie this far apart; e-mails are tried again by then as well. */
const BETWEEN_PASSES_MS = 6 * 60_000;
const QUIET_WITHIN_MS = 5_000;

/** How one command ended, as a script that runs payrecon sees it. */
export interface Ended {
  readonly exitCode: number;
  readonly status: string | null;
  readonly failureKind: string | null;
  readonly paymentIntent: string | null;
}

/** A customer's and a reconciler's payrecon with one time limit for calls. */
export interface Caller {
  charge(
    request: Partial<ChargeRequest> & { readonly key: string },
    signal?: AbortSignal,
  ): Promise<Ended>;
  /** One pass, and then time goes by. Answers the exit code. */
  pass(signal?: AbortSignal): Promise<number>;
  /** Sends the e-mails that are due. */
  send(signal?: AbortSignal): Promise<void>;
}

/** One ledger, one local Stripe, and one clock that only moves when it is told to. Cases run in it one after the other, each with a key of its own. */
export interface Lane {
  readonly world: PaymentWorld;
  readonly source: EvidenceSource;
  readonly hasty: (deadlineMs: HastyMs) => Promise<Caller>;
  readonly patient: Caller;
  /** What comes late at Stripe has come. */
  quiet(): Promise<void>;
  /** E-mails for whose answer nobody waited any longer, with a fault or without: each may be sent again. */
  mailTimeouts(): number;
  /** Time goes by, here and at Stripe. */
  later(ms: number): void;
  /** Back to an empty ledger and empty books; the processes go on. */
  renew(): Promise<void>;
}

export interface LaneOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly sandbox?: SandboxOptions;
  /** What stands between payrecon and its mailer. */
  readonly wrapMailer?: (mailer: Mailer) => Mailer;
}

export async function openLane(target: Target, options: LaneOptions = {}): Promise<Lane> {
  // Every case pays with the same card: that is not what these cases are about.
  const world = await aPaymentWorld(target.name === 'sqlite' ? sqliteInMemory : target, {
    ...options,
    env: { PAYRECON_DUPLICATE_WINDOW: '0', ...options.env },
  });
  let offsetMs = 0;
  let mailTimeouts = 0;
  const { wrapMailer = (mailer: Mailer): Mailer => mailer } = options;
  const onMailTimeout = (): void => {
    mailTimeouts += 1;
  };
  const later = (ms: number): void => {
    offsetMs += ms;
    world.sandbox.clock.advance(ms);
  };
  const open = async (deadlineMs: number): Promise<Caller> => {
    const env = { PAYRECON_STRIPE_DEADLINE: `${deadlineMs}ms` };
    const overrides = {
      nowOffsetMs: () => offsetMs,
      wrapMailer: () => wrapMailer(mailerWithin(deadlineMs, world, onMailTimeout)),
    };
    const customer = await world.open('charge', { env, overrides });
    const reconciler = await world.open('reconcile', { env, overrides });
    return {
      charge: (request, signal) => chargeAsked(customer, aCharge(request), signal),
      async pass(signal) {
        const ended = await passOnce(reconciler, signal);
        later(BETWEEN_PASSES_MS);
        return ended;
      },
      async send(signal) {
        await reconciler.sendNotifications(null, signal).catch(refusedWith);
      },
    };
  };
  const opened = new Map<HastyMs, Promise<Caller>>();
  const hasty = (deadlineMs: HastyMs): Promise<Caller> => {
    const known = opened.get(deadlineMs) ?? open(deadlineMs);
    opened.set(deadlineMs, known);
    return known;
  };
  const source = await evidenceSource(world.sandbox.books, world.database);
  const quiet = async (): Promise<void> => {
    for (
      let waitedMs = 0;
      world.sandbox.books.requests.some((request) => request.duration_ms === null);
      waitedMs += 10
    ) {
      if (waitedMs > QUIET_WITHIN_MS) throw new Error('the local Stripe is still busy');
      await wait(10);
    }
  };
  return {
    world,
    source,
    hasty,
    quiet,
    async renew() {
      await quiet();
      await fetch(`${world.sandbox.url}/_sandbox/reset`, { method: 'POST', body: '{}' });
      await emptyLedger(source.raw, source.dialect);
      offsetMs = 0;
      mailTimeouts = 0;
    },
    later,
    mailTimeouts: () => mailTimeouts,
    patient: await open(PATIENT_MS),
  };
}

export function aCharge(changes: Partial<ChargeRequest> & { readonly key: string }): ChargeRequest {
  return {
    reference: null,
    amount: 4999,
    currency: 'usd',
    customer: null,
    paymentMethod: 'pm_card_visa',
    methodTypes: ['card'],
    email: 'ada@example.com',
    description: null,
    metadata: {},
    onSession: false,
    ...changes,
  };
}

async function chargeAsked(
  payrecon: Payrecon,
  request: ChargeRequest,
  signal?: AbortSignal,
): Promise<Ended> {
  const options = {
    waitMs: 2_000,
    waitForOutcome: false,
    allowDuplicate: false,
    ...(signal === undefined ? {} : { signal }),
  };
  try {
    return endedWith(await payrecon.charge(request, options), signal);
  } catch (error) {
    return refusedWith(error);
  }
}

function endedWith(outcome: ChargeOutcome, signal: AbortSignal | undefined): Ended {
  const { status, failureKind, paymentIntent } = outcome.transaction;
  return {
    exitCode: exitCode({ kind: 'charged', outcome }, signal?.aborted === true ? 'SIGTERM' : null),
    status,
    failureKind,
    paymentIntent,
  };
}

/** Only expected errors; a bug fails the test. */
function refusedWith(error: unknown): Ended {
  if (!(error instanceof PayreconError)) throw error;
  const { transaction } = error;
  return {
    exitCode: exitCode({ kind: 'failed', error }, null),
    status: transaction?.status ?? null,
    failureKind: transaction?.failureKind ?? null,
    paymentIntent: transaction?.paymentIntent ?? null,
  };
}

async function passOnce(payrecon: Payrecon, signal?: AbortSignal): Promise<number> {
  try {
    const outcome = await payrecon.reconcile({
      limit: null,
      dryRun: false,
      ...(signal === undefined ? {} : { signal }),
    });
    return exitCode({ kind: 'passed', outcome }, outcome.interrupted ? 'SIGTERM' : null);
  } catch (error) {
    return refusedWith(error).exitCode;
  }
}

/** The real one; its time limit is no setting. */
function mailerWithin(deadlineMs: number, { env }: PaymentWorld, onTimeout: () => void): Mailer {
  const mailer = openMailer({
    apiKey: env['SENDGRID_API_KEY'] ?? null,
    apiBase: env['SENDGRID_API_BASE'] ?? null,
    from: env['PAYRECON_MAIL_FROM'] ?? null,
    operatorEmail: env['PAYRECON_OPERATOR_EMAIL'] ?? null,
    deadlineMs,
  });
  return {
    configured: mailer.configured,
    async send(notification) {
      const startedMs = performance.now();
      const outcome = await mailer.send(notification);
      if (outcome.kind === 'unknown' && performance.now() - startedMs >= deadlineMs) onTimeout();
      return outcome;
    },
  };
}

/** The exit codes of a charge that tell the truth about this status; `null` is a transaction that does not exist. */
const HONEST: Readonly<Record<string, readonly number[]>> = {
  succeeded: [0],
  failed: [3],
  refused: [2],
  canceled: [3],
  stuck: [5],
  // 2: Stripe refused the key, which the caller has to change; 143: stopped by a signal.
  pending: [75, 2, 143],
  null: [2, 4, 69],
};

/** What a command that has ended still holds: the next one would have to wait until it expires. */
export async function stillHeld({ source: { raw } }: Lane): Promise<readonly string[]> {
  const rows = await raw.rows(
    'select key as name from transactions where lease_token is not null union all select id from notifications where claim_token is not null',
  );
  return rows.map(({ name }) => `8: ${String(name)} is still held by a command that has ended`);
}

/** What is untrue about how a charge ended; empty when it told the truth. */
export function dishonesty({ world }: Lane, key: string, ended: Ended): readonly string[] {
  // A refused request has failed by our own mistake, which the caller has to change.
  const status =
    ended.status === 'failed' && ended.failureKind === 'request' ? 'refused' : String(ended.status);
  if (HONEST[status]?.includes(ended.exitCode) !== true)
    return [`11: ${key} ended with ${ended.exitCode} while it is ${status}`];
  if (ended.exitCode !== 0) return [];
  const paid = world.sandbox.books.paymentIntent(ended.paymentIntent ?? '')?.status === 'succeeded';
  return paid
    ? []
    : [`11: ${key} ended with 0, and ${ended.paymentIntent ?? 'no payment'} has not succeeded`];
}

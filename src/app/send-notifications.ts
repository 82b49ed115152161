import { backoffMs } from '../domain/backoff.ts';
import type { DispatchReport } from './service.ts';
import type {
  Actor,
  Chance,
  ClaimedNotification,
  Clock,
  Mailer,
  Outbox,
  SendOutcome,
} from './ports.ts';
import { asUnknownOutcome } from './unknown-outcome.ts';

/** Small enough that even a batch of timeouts finishes before the claim expires. */
const BATCH = 5;
/** Longest a single send may take. A worker that was suspended does not start a send its claim would not cover. */
const WORST_SEND_MS = 10_000;
/** A mail service that fails so often in a row is left alone until the next run. */
const FAILURES_IN_A_ROW = 3;
const RETRY_BASE_MS = 30_000;
const RETRY_CAP_MS = 3_600_000;
/** Full jitter can return 0; this floor stops one run from retrying the same e-mail immediately. */
const RETRY_FLOOR_MS = 5_000;

export interface DispatchDeps {
  readonly outbox: Outbox;
  readonly mailer: Mailer;
  readonly chance: Chance;
  readonly clock: Clock;
  readonly actor: Actor;
}

/** When a run ends although more is due; what is left stays queued. */
export interface DispatchLimits {
  readonly emails: number | null;
  readonly forMs: number | null;
}

/**
 * Sends what is due, each e-mail at least once: it is marked as sent only after the mail service
 * accepted it, so a lost answer means a second copy, never a missing one. What the service cannot
 * take now is tried again for ever; only what it refuses for good ends as failed.
 *
 * @throws PayreconError for the database: `unreachable`, or `unknown_outcome` once an e-mail may have gone out.
 */
export async function dispatch(
  deps: DispatchDeps,
  limits: DispatchLimits,
  signal?: AbortSignal,
): Promise<DispatchReport> {
  let tried = 0;
  const mailer: Mailer = {
    configured: deps.mailer.configured,
    async send(notification) {
      tried += 1;
      return await deps.mailer.send(notification);
    },
  };
  try {
    return await sendDue({ ...deps, mailer }, limits, signal);
  } catch (error) {
    throw tried > 0
      ? asUnknownOutcome(
          error,
          'E-mails went out before that; one that could not be marked as sent is sent once more.',
        )
      : error;
  }
}

async function sendDue(
  deps: DispatchDeps,
  limits: DispatchLimits,
  signal: AbortSignal | undefined,
): Promise<DispatchReport> {
  const counts = { sent: 0, retried: 0, failed: 0 };
  let refused: string | null = null;
  let failuresInARow = 0;
  let left = limits.emails ?? Number.POSITIVE_INFINITY;
  const untilMs = deps.clock.monotonicMs() + (limits.forMs ?? Number.POSITIVE_INFINITY);
  const goesOn = (): boolean =>
    refused === null &&
    failuresInARow < FAILURES_IN_A_ROW &&
    signal?.aborted !== true &&
    deps.clock.monotonicMs() < untilMs;

  while (deps.mailer.configured && left > 0 && goesOn()) {
    const batch = await deps.outbox.claim(Math.min(BATCH, left), deps.actor);
    if (batch.length === 0) break;
    left -= batch.length;
    for (const claimed of batch) {
      if (!goesOn() || deps.clock.monotonicMs() + WORST_SEND_MS > claimed.deadlineMs) {
        await deps.outbox.markFailed(claimed, 'not tried', 0);
        continue;
      }
      const outcome = await deps.mailer.send(claimed.notification);
      const end = await keep(deps, claimed, outcome);
      if (end === 'refused' && 'message' in outcome) refused = outcome.message;
      else if (end !== 'refused') counts[end] += 1;
      // An operator e-mail may only lack an address: that says nothing about the mail service.
      if (end === 'retried' && claimed.notification.to !== null) failuresInARow += 1;
      else if (end !== 'retried') failuresInARow = 0;
    }
  }
  const { queued } = await deps.outbox.counts();
  return { configured: deps.mailer.configured, ...counts, queued, refused };
}

/** Marks an e-mail by what the service said of it. */
async function keep(
  deps: DispatchDeps,
  claimed: ClaimedNotification,
  outcome: SendOutcome,
): Promise<'sent' | 'retried' | 'failed' | 'refused'> {
  switch (outcome.kind) {
    case 'sent':
      await deps.outbox.markSent(claimed, outcome.messageId);
      return 'sent';
    case 'unknown':
    case 'retry': {
      const jitterMs = backoffMs(
        claimed.notification.attempts,
        RETRY_BASE_MS,
        RETRY_CAP_MS,
        deps.chance.uniform(),
      );
      await deps.outbox.markFailed(claimed, outcome.message, RETRY_FLOOR_MS + jitterMs);
      return 'retried';
    }
    case 'rejected':
      await deps.outbox.markFailed(claimed, outcome.message, null);
      return 'failed';
    case 'unauthorized':
      await deps.outbox.markFailed(claimed, outcome.message, 0);
      return 'refused';
  }
}

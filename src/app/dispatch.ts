import { backoffMs } from '../domain/backoff.ts';
import type { DispatchReport } from './payrecon.ts';
import type { Actor, Chance, Mailer, Outbox } from './ports.ts';

const BATCH = 20;
const RETRY_BASE_MS = 30_000;
const RETRY_CAP_MS = 3_600_000;
/** Full jitter may say 0; within this pause the same e-mail is not tried again in the same run. */
const RETRY_FLOOR_MS = 5_000;

export interface DispatchDeps {
  readonly outbox: Outbox;
  readonly mailer: Mailer;
  readonly chance: Chance;
  readonly actor: Actor;
}

/**
 * Sends what is due, each e-mail at least once: it is marked as sent only after the mail service
 * accepted it, so a lost answer means a second copy, never a missing one. What the service cannot
 * take now is tried again for ever; only what it refuses for good ends as failed.
 */
export async function dispatch(deps: DispatchDeps, limit: number | null, signal?: AbortSignal): Promise<DispatchReport> {
  const stopping = (): boolean => signal?.aborted ?? false;
  let sent = 0;
  let retried = 0;
  let failed = 0;
  let refused: string | null = null;
  let left = limit ?? Number.POSITIVE_INFINITY;
  while (deps.mailer.configured && refused === null && left > 0 && !stopping()) {
    const batch = await deps.outbox.claim(Math.min(BATCH, left), deps.actor);
    if (batch.length === 0) break;
    left -= batch.length;
    for (const claimed of batch) {
      if (refused !== null || stopping()) {
        await deps.outbox.markFailed(claimed, 'not tried', 0);
        continue;
      }
      const outcome = await deps.mailer.send(claimed.notification);
      const { attempts } = claimed.notification;
      const retryInMs = RETRY_FLOOR_MS + backoffMs(attempts, RETRY_BASE_MS, RETRY_CAP_MS, deps.chance.uniform());
      switch (outcome.kind) {
        case 'sent':
          await deps.outbox.markSent(claimed, outcome.messageId);
          sent += 1;
          break;
        case 'unknown':
        case 'retry':
          await deps.outbox.markFailed(claimed, outcome.message, retryInMs);
          retried += 1;
          break;
        case 'rejected':
          await deps.outbox.markFailed(claimed, outcome.message, null);
          failed += 1;
          break;
        case 'unauthorized':
          await deps.outbox.markFailed(claimed, outcome.message, 0);
          refused = outcome.message;
          break;
      }
    }
  }
  const { queued } = await deps.outbox.counts();
  return { configured: deps.mailer.configured, sent, retried, failed, queued, refused };
}

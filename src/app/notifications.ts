import { PayreconError } from '../domain/errors.ts';
import { quoted } from '../domain/request/field-rules.ts';
import type { Notification, Outbox } from './ports.ts';

/** Queues the same message once more. @throws PayreconError `not_found`. */
export async function resend(outbox: Outbox, id: string): Promise<Notification> {
  const queued = await outbox.requeue(id);
  if (queued === null) {
    throw new PayreconError(
      'no_such_notification',
      `No e-mail has the id ${quoted(id)}. Run \`payrecon notifications list\` to see them.`,
      {
        problems: [{ field: 'ID', message: 'unknown' }],
      },
    );
  }
  return queued;
}

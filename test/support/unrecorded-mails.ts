import type { Books } from '../../src/sandbox/books.ts';
import type { RawConnection } from '../storage/targets.ts';
import { notificationOf } from './invariants.ts';

/**
 * Messages that the mail service took and the ledger knows and does not call sent, by the service's ids. Of a process that has
 * died they are those whose answers nobody could record: each may be sent once more. Several may be under way at once.
 */
export async function unrecordedMails(
  { mails }: Pick<Books, 'mails'>,
  raw: RawConnection,
): Promise<ReadonlySet<string>> {
  if (mails.length === 0) return new Set();
  const unsent = new Set(
    (await raw.rows(`select id from notifications where state <> 'sent'`)).map(({ id }) => id),
  );
  return new Set(mails.filter(({ body }) => unsent.has(notificationOf(body))).map(({ id }) => id));
}

import type { MailDataRequired } from '@sendgrid/mail';
import type { MailAnswer } from './send-outcome.ts';

/*
 * The only file that knows the SendGrid packages, and what has to be known about them:
 *
 * - The key goes into a header of a client made for this one e-mail. `setApiKey` would put the base URL back to
 *   the real service and warn on stderr about a key of another form.
 * - Every status is an answer here (`validateStatus`). The package's own error class builds a regular
 *   expression from the current directory, and in a folder with a bracket in its name that throws where nobody
 *   can catch it.
 * - There is no time limit unless one is set, and the one there is counts idle time: the signal ends it.
 */

export interface Delivery {
  readonly apiKey: string;
  readonly apiBase: string;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** SendGrid answers with a few hundred bytes. */
const MAX_ANSWER_BYTES = 1024 * 1024;

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

/** One `POST /v3/mail/send`. Throws when no answer came; the thrown error contains the key and is not to be shown. */
export async function postMail(mail: MailDataRequired, delivery: Delivery): Promise<MailAnswer> {
  const [{ default: MailService }, { default: Client }] = await Promise.all([
    import('@sendgrid/mail/src/classes/mail-service.js'),
    import('@sendgrid/client/src/classes/client.js'),
  ]);
  const client = new Client();
  client.setDefaultRequest({
    baseUrl: delivery.apiBase,
    timeout: delivery.deadlineMs,
    signal: delivery.signal,
    validateStatus: () => true,
    maxRedirects: 0,
    maxContentLength: MAX_ANSWER_BYTES,
    // A proxy of the environment cannot reach a service on this machine.
    ...(LOOPBACK.has(new URL(delivery.apiBase).hostname) ? { proxy: false } : {}),
  });
  client.setDefaultHeader('Authorization', `Bearer ${delivery.apiKey}`);
  const service = new MailService();
  service.setClient(client);
  const [response] = await service.send(mail);
  return {
    status: response.statusCode,
    messageId: messageIdOf(response.headers),
    body: response.body,
  };
}

function messageIdOf(headers: unknown): string | null {
  if (typeof headers !== 'object' || headers === null || !('x-message-id' in headers)) return null;
  const id = headers['x-message-id'];
  return typeof id === 'string' ? id : null;
}

import type { MailDataRequired } from '@sendgrid/mail';
import type { Proxy } from '../proxy/choose.ts';
import { tunnelAgents, type TunnelAgents } from '../proxy/tunnel.ts';
import type { MailAnswer } from './send-outcome.ts';

/*
 * The only file that knows the SendGrid packages, and what has to be known about them:
 *
 * - The key goes into a header of a client made for this one e-mail. `setApiKey` would put the base URL back to
 *   the real service and warn on stderr about a key of another form.
 * - Every status is an answer here (`validateStatus`). The package's own error class builds a regular
 *   expression from the current directory, and in a folder with a bracket in its name that throws where nobody
 *   can catch it.
 * - axios reads the environment for a proxy and takes the proxy's refusal for SendGrid's answer: a 400 of the
 *   proxy would give the e-mail up for good. It is told to use no proxy, and gets agents that tunnel.
 * - There is no time limit unless one is set, and the one there is counts idle time: the signal ends it.
 */

export interface Delivery {
  readonly apiKey: string;
  readonly apiBase: string;
  readonly proxy: Proxy | null;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** SendGrid answers with a few hundred bytes. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** One `POST /v3/mail/send`. Throws when no answer came; the thrown error contains the key and is not to be shown. */
export async function postMail(mail: MailDataRequired, delivery: Delivery): Promise<MailAnswer> {
  const [{ default: MailService }, { default: Client }] = await Promise.all([
    import('@sendgrid/mail/src/classes/mail-service.js'),
    import('@sendgrid/client/src/classes/client.js'),
  ]);
  const client = new Client();
  const agents = agentsFor(delivery);
  client.setDefaultRequest({
    baseUrl: delivery.apiBase,
    timeout: delivery.deadlineMs,
    signal: delivery.signal,
    validateStatus: () => true,
    maxRedirects: 0,
    maxContentLength: MAX_ANSWER_BYTES,
    proxy: false,
    ...(agents === null ? {} : { httpAgent: agents.plain, httpsAgent: agents.secure }),
  });
  client.setDefaultHeader('Authorization', `Bearer ${delivery.apiKey}`);
  const service = new MailService();
  service.setClient(client);
  try {
    const [response] = await service.send(mail);
    return {
      status: response.statusCode,
      messageId: messageIdOf(response.headers),
      body: response.body,
    };
  } finally {
    agents?.destroy();
  }
}

/** The signal ends it first, and with it the agents. */
function agentsFor({ proxy, deadlineMs }: Delivery): TunnelAgents | null {
  return proxy === null ? null : tunnelAgents({ proxy, silentForMs: 2 * deadlineMs, agent: {} });
}

function messageIdOf(headers: unknown): string | null {
  if (typeof headers !== 'object' || headers === null || !('x-message-id' in headers)) return null;
  const id = headers['x-message-id'];
  return typeof id === 'string' ? id : null;
}

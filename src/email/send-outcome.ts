import type { SendOutcome } from '../app/ports.ts';
import { withoutSecrets } from './sanitize.ts';

/** An HTTP answer of the mail service; nothing in it is trusted. */
export interface MailAnswer {
  readonly status: number;
  readonly messageId: string | null;
  readonly body: unknown;
}

/**
 * 4xx that speak of the address or the way to it, not of the e-mail: no such page, wrong method, a
 * proxy's login, the time limit. The e-mail itself is fine and must not be given up for it.
 */
const NOT_ABOUT_THE_MAIL: ReadonlySet<number> = new Set([404, 405, 407, 408, 425]);

const WRONG_ADDRESS = ' (is SENDGRID_API_BASE the address of SendGrid?)';

/** Codes that prove that nothing was sent. */
const NEVER_CONNECTED: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND']);

export function outcomeOfAnswer(answer: MailAnswer, secret: string | null): SendOutcome {
  const { status } = answer;
  // Its own word for "taken". A 200 is its sandbox mode, or some page of whatever else answers there.
  if (status === 202) return { kind: 'sent', messageId: answer.messageId };
  const errors = readErrors(answer.body);
  const said = errors
    .map(({ field, message }) => (field === null ? message : `${field}: ${message}`))
    .join('; ');
  const message = withoutSecrets(
    said === '' ? `SendGrid answered ${status}` : `SendGrid answered ${status}: ${said}`,
    secret,
  );
  if (status === 401 || status === 403) return { kind: 'unauthorized', message };
  // 409 speaks of this moment, and not of the e-mail.
  if (status === 409 || status === 429 || status >= 500) return { kind: 'retry', message };
  // It may have been taken by whatever answered; only a refusal says that it was not.
  if (status === 200) return { kind: 'unknown', message: `${message}${WRONG_ADDRESS}` };
  if (status < 300) return { kind: 'unknown', message };
  if (status < 400 || NOT_ABOUT_THE_MAIL.has(status)) {
    return { kind: 'retry', message: `${message}${WRONG_ADDRESS}` };
  }
  // A sender that SendGrid does not accept is refused for every e-mail alike: keep them all.
  if (errors.some(({ field }) => field === 'from' || field?.startsWith('from.') === true))
    return { kind: 'unauthorized', message };
  return { kind: 'rejected', message };
}

/** No answer. Only this is looked at: the error itself contains the key and the message. */
export interface NetworkError {
  readonly code: string | null;
  /** Why no tunnel through a proxy came about: nothing was sent then. */
  readonly proxyFailure: string | null;
}

export function outcomeOfNetworkError({ code, proxyFailure }: NetworkError): SendOutcome {
  if (proxyFailure !== null)
    return { kind: 'retry', message: `SendGrid cannot be reached: ${proxyFailure}` };
  if (code !== null && NEVER_CONNECTED.has(code))
    return { kind: 'retry', message: `SendGrid cannot be reached: ${code}` };
  return {
    kind: 'unknown',
    message: `no answer from SendGrid (${code ?? 'the connection failed'}); it may have been sent`,
  };
}

function readErrors(
  body: unknown,
): readonly { readonly field: string | null; readonly message: string }[] {
  if (
    typeof body !== 'object' ||
    body === null ||
    !('errors' in body) ||
    !Array.isArray(body.errors)
  )
    return [];
  return body.errors.flatMap((error: unknown) => {
    if (
      typeof error !== 'object' ||
      error === null ||
      !('message' in error) ||
      typeof error.message !== 'string'
    )
      return [];
    const field = 'field' in error && typeof error.field === 'string' ? error.field : null;
    return [{ field, message: error.message }];
  });
}

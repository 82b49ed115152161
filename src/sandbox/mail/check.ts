// What SendGrid's /v3/mail/send refuses, in its words.

export interface MailError {
  readonly message: string;
  readonly field: string | null;
  readonly help: string | null;
}

/** What the checks have made sure of. */
export interface CheckedMail {
  readonly to: readonly string[];
  readonly from: string;
  readonly subject: string;
  readonly text: string | null;
  readonly html: string | null;
  readonly sandboxMode: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

const MAX_RECIPIENTS = 1000;
const HELP = 'http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message';
const EMAIL = /^[^\s@<>()[\],;:"]+@[^\s@<>()[\],;:"]+\.[^\s@<>()[\],;:".]+$/;

const LINE_END = /[\r\n]/;
const MAX_ARGUMENT_BYTES = 10_000;
/** Headers that the service makes of the other fields, in lower case. */
const RESERVED: ReadonlySet<string> = new Set([
  'x-sg-id',
  'x-sg-eid',
  'received',
  'dkim-signature',
  'content-type',
  'content-transfer-encoding',
  'to',
  'from',
  'subject',
  'reply-to',
  'cc',
  'bcc',
]);

export function checkMail(
  body: unknown,
): { readonly mail: CheckedMail } | { readonly errors: readonly MailError[] } {
  if (!isFields(body)) return { errors: [error('Bad Request', null)] };
  const errors: MailError[] = [];
  const personalizations = list(body['personalizations']);
  const to = checkPersonalizations(personalizations, errors);
  const from = checkFrom(body['from'], errors);
  checkReplyTo(body['reply_to'], errors);
  checkTexts('headers', body['headers'], errors);
  checkTexts('custom_args', body['custom_args'], errors);
  const subject = checkSubject(body['subject'], personalizations, errors);
  const content = checkContent(body['content'], body['template_id'], errors);
  return errors.length > 0
    ? { errors }
    : { mail: { to, from, subject, ...content, sandboxMode: isSandboxMode(body) } };
}

function checkPersonalizations(
  personalizations: readonly unknown[] | null,
  errors: MailError[],
): readonly string[] {
  if (personalizations === null || personalizations.length === 0) {
    errors.push(
      error(
        'The personalizations field is required and must have at least one personalization.',
        'personalizations',
      ),
    );
    return [];
  }
  if (personalizations.length > MAX_RECIPIENTS) {
    errors.push(
      error(
        `The number of personalizations must not exceed ${MAX_RECIPIENTS}.`,
        'personalizations',
      ),
    );
    return [];
  }
  const to = personalizations.flatMap((personalization, index) => {
    const field = `personalizations.${index}.to`;
    const addresses = isFields(personalization) ? list(personalization['to']) : null;
    if (addresses === null || addresses.length === 0) {
      errors.push(
        error(
          'The to array is required for all personalization objects, and must have at least one email object with a valid email address.',
          field,
        ),
      );
      return [];
    }
    return addresses.map((address, place) =>
      checkAddress(address, `${field}.${place}.email`, errors),
    );
  });
  if (to.length > MAX_RECIPIENTS)
    errors.push(
      error(
        `The total number of recipients must not exceed ${MAX_RECIPIENTS}.`,
        'personalizations',
      ),
    );
  return to;
}

function checkAddress(address: unknown, field: string, errors: MailError[]): string {
  const email = isFields(address) ? address['email'] : undefined;
  if (typeof email === 'string' && EMAIL.test(email)) return email;
  errors.push(error('Does not contain a valid address.', field));
  return '';
}

function checkReplyTo(replyTo: unknown, errors: MailError[]): void {
  if (replyTo === undefined) return;
  checkAddress(replyTo, 'reply_to.email', errors);
  checkName(replyTo, 'reply_to.name', errors);
}

function checkName(mailbox: unknown, field: string, errors: MailError[]): void {
  const name = isFields(mailbox) ? mailbox['name'] : undefined;
  if (name !== undefined && (typeof name !== 'string' || LINE_END.test(name)))
    errors.push(error('The name must be a string of one line.', field));
}

/** Headers and custom arguments: names and texts. */
function checkTexts(field: 'headers' | 'custom_args', value: unknown, errors: MailError[]): void {
  if (value === undefined) return;
  const entries = isFields(value) ? Object.entries(value) : [['', null] as const];
  if (entries.some(([name, each]) => typeof each !== 'string' || LINE_END.test(name + each)))
    errors.push(error(`The ${field} parameter must be an object of strings of one line.`, field));
  if (field === 'headers' && entries.some(([name]) => RESERVED.has(name.toLowerCase())))
    errors.push(error('The headers may not contain one that the service sets itself.', field));
  if (field === 'custom_args' && Buffer.byteLength(JSON.stringify(value)) >= MAX_ARGUMENT_BYTES)
    errors.push(
      error(`The custom arguments must be below ${MAX_ARGUMENT_BYTES} bytes in all.`, field),
    );
}

function checkFrom(from: unknown, errors: MailError[]): string {
  if (isFields(from) && from['email'] !== undefined) {
    checkName(from, 'from.name', errors);
    return checkAddress(from, 'from.email', errors);
  }
  errors.push(
    error(
      'The from object must be provided for every email send. It is an object that requires the email parameter, but may also contain a name parameter.',
      'from.email',
    ),
  );
  return '';
}

function checkSubject(
  subject: unknown,
  personalizations: readonly unknown[] | null,
  errors: MailError[],
): string {
  if (typeof subject === 'string' && subject !== '') {
    if (LINE_END.test(subject)) errors.push(error('The subject must be one line.', 'subject'));
    return subject;
  }
  const own = (personalizations ?? []).map((personalization) =>
    isFields(personalization) ? personalization['subject'] : undefined,
  );
  const [first] = own;
  if (typeof first === 'string' && own.every((each) => typeof each === 'string' && each !== ''))
    return first;
  errors.push(
    error(
      'The subject is required. You can get around this requirement if you use a template with a subject defined or if every personalization has a subject defined.',
      'subject',
    ),
  );
  return '';
}

function checkContent(
  content: unknown,
  template: unknown,
  errors: MailError[],
): { text: string | null; html: string | null } {
  const parts = list(content);
  if (parts === null || parts.length === 0) {
    if (typeof template !== 'string')
      errors.push(
        error(
          'Unless a valid template_id is provided, the content parameter is required. There must be at least one defined content block. We typically suggest both text/plain and text/html blocks are included, but only one block is required.',
          'content',
        ),
      );
    return { text: null, html: null };
  }
  const types = parts.map((part, index) => checkPart(part, index, errors));
  if (types.includes('text/plain') && types[0] !== 'text/plain') {
    errors.push(
      error(
        'If present, text/plain must be first, followed by text/html, then any other content.',
        'content',
      ),
    );
  }
  return { text: valueOf(parts, 'text/plain'), html: valueOf(parts, 'text/html') };
}

function checkPart(part: unknown, index: number, errors: MailError[]): string {
  const { type, value } = isFields(part) ? part : {};
  if (typeof value !== 'string' || value === '') {
    errors.push(
      error(
        'The content value must be a string at least one character in length.',
        `content.${index}.value`,
      ),
    );
  }
  if (typeof type === 'string' && type.includes('/')) return type;
  errors.push(
    error(
      'The content type must be a string at least one character in length.',
      `content.${index}.type`,
    ),
  );
  return '';
}

function valueOf(parts: readonly unknown[], type: string): string | null {
  const part = parts.find((candidate) => isFields(candidate) && candidate['type'] === type);
  return isFields(part) && typeof part['value'] === 'string' ? part['value'] : null;
}

function isSandboxMode(body: Fields): boolean {
  const settings = body['mail_settings'];
  const mode = isFields(settings) ? settings['sandbox_mode'] : undefined;
  return isFields(mode) && mode['enable'] === true;
}

function error(message: string, field: string | null): MailError {
  return {
    message,
    field,
    help: field === null ? null : `${HELP}.${field.replaceAll(/\.\d+/g, '')}`,
  };
}

function list(value: unknown): readonly unknown[] | null {
  return Array.isArray(value) ? value : null;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

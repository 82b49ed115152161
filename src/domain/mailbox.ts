import { emailProblem, nameProblem } from './request/field-rules.ts';

/** Who an e-mail comes from, or where its answer goes: an address, with the name that people are shown. */
export interface Mailbox {
  readonly name: string | null;
  readonly address: string;
}

export type MailboxRead =
  | { readonly ok: true; readonly mailbox: Mailbox }
  | { readonly ok: false; readonly message: string };

/** A subject that names the shop is still shown whole. */
const MAX_NAME_CHARS = 70;

/** Controls, separators of lines, and the marks that hide text or turn it around. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/u;

/** `pay@example.com`, `The Shop <pay@example.com>` or `"Shoes, Inc." <pay@example.com>`. */
export function readMailbox(text: string): MailboxRead {
  if (!/[<>]/.test(text)) return readParts('', text);
  const trimmed = text.trim();
  const opens = trimmed.lastIndexOf('<');
  const name = nameOf(trimmed.slice(0, Math.max(opens, 0)).trim());
  if (opens < 0 || !trimmed.endsWith('>') || name === null)
    return { ok: false, message: 'write one address, or Name <address>: Shop <pay@example.com>' };
  return readParts(name, trimmed.slice(opens + 1, -1));
}

/** In quotes, a name may hold `<` and a comma; without, it may hold a comma, because there is one mailbox only. */
function nameOf(text: string): string | null {
  const isQuoted = text.length > 1 && text.startsWith('"') && text.endsWith('"');
  const name = isQuoted ? text.slice(1, -1) : text;
  return name.includes('"') || (!isQuoted && /[<>]/.test(name)) ? null : name;
}

function readParts(name: string, address: string): MailboxRead {
  if (UNSEEN.test(name))
    return { ok: false, message: 'the name holds a control character, or one that cannot be seen' };
  if (name.includes('@'))
    return { ok: false, message: 'there is one address before <..>: give one address only' };
  const problem = (name === '' ? null : nameProblem(name, MAX_NAME_CHARS)) ?? emailProblem(address);
  if (problem !== null) return { ok: false, message: problem };
  return { ok: true, mailbox: { name: name === '' ? null : name, address } };
}

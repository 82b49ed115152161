/*
 * Text from outside (metadata, names, Stripe's messages) may hold characters that move the cursor, change colours,
 * write to the clipboard or turn the reading direction around. None of them reaches a terminal as it is.
 *
 * Cc: control characters, the escape among them; Zl, Zp: line and paragraph separators; Cs: halves of surrogate pairs;
 * Bidi_Control: what hides the true order of letters; the rest has no width at all.
 */
const unsafe = (): RegExp =>
  /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}\u00ad\u180e\u200b\u2060-\u2064\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

const short: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\u001b': '\\e',
};

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return short[character] ?? `\\x${code.toString(16).padStart(2, '0')}`;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** One line that is safe to show: unsafe characters are written out, e.g. `\e[31m`. */
export function escapeText(text: string): string {
  return text.replace(unsafe(), escaped);
}

/** The same, with the line breaks left in place: for stacks and for text of our own. */
export function escapeLines(text: string): string {
  return text.split('\n').map(escapeText).join('\n');
}

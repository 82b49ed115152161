import { quoted } from './field-rules.ts';

/*
 * JSON.parse silently keeps the last of two fields with one name, and other readers keep the first: a
 * line with two amounts would be charged by one program and shown by another with different ones. So
 * the names are looked at before, in one pass over the text that also bounds how deep it goes.
 */

export type ParsedJson =
  | { readonly ok: true; readonly value: unknown }
  /** `twice`: the names that stand more than once in one object. */
  | { readonly ok: false; readonly message: string; readonly twice: readonly string[] };

/** A charge has two levels. Whatever walks through the value afterwards may then do so recursively. */
const MAX_DEPTH = 16;
const MAX_NAMED = 3;

/** Reads one JSON text in which every object has each of its names once. */
export function parseJsonText(text: string): ParsedJson {
  const names = scan(text);
  if (names === 'too_deep') return refused('it is nested deeper than a charge can be');
  try {
    const value = JSON.parse(text) as unknown;
    return names.length === 0 ? { ok: true, value } : refused(twiceMessage(names), names);
  } catch (error) {
    if (error instanceof SyntaxError) return refused('it is not JSON');
    throw error;
  }
}

function refused(message: string, twice: readonly string[] = []): ParsedJson {
  return { ok: false, message, twice };
}

function twiceMessage(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMED).map(quoted).join(', ');
  if (names.length === 1)
    return `the name ${shown} stands in it twice, and which of the two values is meant cannot be known: keep one`;
  const more = names.length > MAX_NAMED ? ` and ${String(names.length - MAX_NAMED)} more` : '';
  return `the names ${shown}${more} stand in it twice, and which of their values is meant cannot be known: keep one of each`;
}

/** An object that is open at this point, with its names so far; null for a list. */
type Open = { readonly names: Set<string>; awaitsName: boolean } | null;

/** The names that are there twice. Of a text that is not JSON the answer means nothing, and JSON.parse refuses it. */
function scan(text: string): readonly string[] | 'too_deep' {
  const open: Open[] = [];
  const twice = new Set<string>();
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    const top = open.at(-1) ?? null;
    if (sign === '{' || sign === '[') {
      if (open.length === MAX_DEPTH) return 'too_deep';
      open.push(sign === '{' ? { names: new Set(), awaitsName: true } : null);
    } else if (sign === '}' || sign === ']') open.pop();
    else if (sign === ',' && top !== null) top.awaitsName = true;
    else if (sign === '"') {
      const end = endOfString(text, at);
      if (top?.awaitsName === true) {
        top.awaitsName = false;
        const name = nameOf(text.slice(at, end));
        if (top.names.has(name)) twice.add(name);
        top.names.add(name);
      }
      at = end - 1;
    }
  }
  return [...twice];
}

/** Behind its closing quotation mark, or the end of the text. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return Math.min(at + 1, text.length);
}

/** Without its escapes: `"\u006bey"` is `key`. */
function nameOf(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1);
  try {
    return String(JSON.parse(literal));
  } catch (error) {
    if (error instanceof SyntaxError) return literal;
    throw error;
  }
}

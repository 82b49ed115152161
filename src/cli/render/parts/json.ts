import type { Instant, Json } from '../../../domain/transaction.ts';
import type { Output } from '../../streams.ts';

/** RFC 3339 in UTC with milliseconds. */
export function timeJson(instant: Instant): string {
  return new Date(instant).toISOString();
}

export function timeOrNull(instant: Instant | null): string | null {
  return instant === null ? null : timeJson(instant);
}

/** What JSON leaves as it is, although a terminal or a reader would be fooled by it. */
const unescaped =
  /[\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb]/g;

/** One JSON document: a single line for programs, indented at a terminal. */
export function jsonText(value: Json, output: Pick<Output, 'isTerminal'>): string {
  const text = JSON.stringify(value, null, output.isTerminal ? 2 : 0);
  return `${text.replace(unescaped, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}

export function writeJson(output: Output, value: Json): void {
  output.write(jsonText(value, output));
}

import { withoutSecrets } from '../../../domain/secret-texts.ts';
import { escapeLines } from '../parts/escape.ts';

/** What nobody foresaw: a sentence that says what is safe to do, and the stack to report. */
export function bugText(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const sentence =
    'payrecon: this is a bug. Every step is recorded before it is taken, so it is safe to run the same command again; `payrecon show KEY` tells what is recorded.';
  return `${sentence}\n${escapeLines(withoutSecrets(stack))}`;
}

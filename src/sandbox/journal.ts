// Keeps the state of a sandbox in a folder: one line of JSON for each change, read back at the next start.
import { closeSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { SandboxKey } from './stripe/request/access.ts';
import type { KeyRecord } from './stripe/idempotency.ts';
import type { MailRecord } from './stripe/records.ts';
import type { Change } from './stripe/world.ts';

/** What an account has, in one of its modes; that of the default account in test mode is not named. */
type Owned = (Change | { readonly kept: 'key'; readonly record: KeyRecord }) & {
  readonly owner?: string;
};

export type Line =
  | Owned
  | { readonly kept: 'mail'; readonly record: MailRecord }
  | { readonly kept: 'secret_key'; readonly record: SandboxKey }
  | {
      readonly kept: 'clock';
      readonly offsetMs: number;
      /** Where it was moved, in milliseconds since 1970. */ readonly fromMs?: number;
      readonly toMs?: number;
    };

/** A line, and how many ids had been made by then. */
type Written = Line & { readonly ids: number };

export class Journal {
  readonly #path: string;
  #file: number | null = null;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#path = join(folder, 'sandbox.jsonl');
  }

  /** Reads what is there. Throws an Error that names the line that is none of a sandbox's. */
  read(take: (line: Written) => void): void {
    this.#file = openSync(this.#path, 'a+', 0o600);
    const bytes = readFileSync(this.#path);
    let start = 0;
    for (let number = 1; start < bytes.length; number += 1) {
      const end = bytes.indexOf(10, start);
      if (end < 0) {
        // The process was stopped while it wrote this line; nobody has been answered with it.
        truncateSync(this.#path, start);
        return;
      }
      take(parseLine(bytes.toString('utf8', start, end), `${this.#path}:${number}`));
      start = end + 1;
    }
  }

  write(line: Line, ids: number): void {
    if (this.#file !== null) writeSync(this.#file, `${JSON.stringify({ ...line, ids })}\n`);
  }

  /** Forgets everything, as a reset does. */
  empty(): void {
    if (this.#file !== null) truncateSync(this.#path, 0);
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }
}

function parseLine(text: string, where: string): Written {
  try {
    return JSON.parse(text) as Written;
  } catch (error) {
    throw new Error(
      `${where} is not a line of a sandbox's journal; move the file away to start afresh`,
      { cause: error },
    );
  }
}

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Fate, FileCall, Watcher } from './file-calls.ts';

/*
 * What happened to a folder, in order: the file calls that change something, and marks for what somebody outside was
 * told meanwhile. A power cut may come between any two entries.
 */

export type Mark =
  /** A COMMIT is about to be sent. From here on, what it commits may or may not be there. */
  | { readonly what: 'commit begins' }
  /** It has been acknowledged: from here on, it must be there. */
  | { readonly what: 'committed' }
  /** Stripe is about to be asked for this; `paymentIntent` is what the caller knows it by. */
  | {
      readonly what: 'asked';
      readonly call: 'create' | 'confirm' | 'cancel';
      readonly transactionId: string;
      readonly paymentIntent: string | null;
    }
  /** Anything else that left the machine. */
  | { readonly what: 'sent' };

export type Entry =
  /** A file or folder is there now; its name in the folder above is not durable yet. */
  | { readonly kind: 'created'; readonly path: string; readonly folder: boolean }
  | {
      readonly kind: 'write';
      readonly path: string;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'truncate'; readonly path: string; readonly size: number }
  | { readonly kind: 'unlink'; readonly path: string }
  | { readonly kind: 'sync'; readonly path: string }
  | { readonly kind: 'folder sync'; readonly path: string }
  /** With the -shm file as it was then: it is written without calls. */
  | { readonly kind: 'mark'; readonly mark: Mark; readonly shm: Uint8Array | null };

export const SHM = '-shm';

export class Recorder implements Watcher {
  readonly folder: string;
  readonly entries: Entry[] = [];
  /** Everything below the folder that is known to be there. */
  readonly #known = new Set<string>();
  #shmPath: string | null = null;
  #stopped = false;

  /** What lies in the folder already is durable, and no part of the journal. */
  constructor(folder: string) {
    this.folder = folder;
    this.#known.add(folder);
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
      this.#known.add(join(folder, name));
  }

  /** The current has gone: what the process still does has no effect. */
  stop(): void {
    this.#stopped = true;
  }

  mark(mark: Mark): void {
    if (!this.#stopped)
      this.entries.push({
        kind: 'mark',
        mark,
        shm: this.#shmPath === null ? null : readFileSync(this.#shmPath),
      });
  }

  fate(): Fate {
    return 'real';
  }

  done(call: FileCall): void {
    if (this.#stopped || call.call === 'read') return;
    if (call.path.endsWith(SHM)) {
      this.#shmPath = call.call === 'unlink' ? null : call.path;
      return;
    }
    const { path } = call;
    if (call.call === 'unlink') this.#known.delete(path);
    else this.#see(path);
    switch (call.call) {
      case 'open':
        return;
      case 'write':
        this.entries.push({ kind: 'write', path, offset: call.offset, bytes: call.bytes });
        return;
      case 'truncate':
        this.entries.push({ kind: 'truncate', path, size: call.size });
        return;
      case 'unlink':
        this.entries.push({ kind: 'unlink', path });
        return;
      case 'sync':
        this.#sync(path);
    }
  }

  #sync(path: string): void {
    if (!statSync(path).isDirectory()) {
      this.entries.push({ kind: 'sync', path });
      return;
    }
    // Node makes files too, and not all of its calls are seen: what is in the folder by now is durable with it.
    for (const name of readdirSync(path)) if (!name.endsWith(SHM)) this.#see(join(path, name));
    this.entries.push({ kind: 'folder sync', path });
  }

  /** The first sign of a file or a folder: it has been made since the last one. */
  #see(path: string): void {
    if (this.#known.has(path)) return;
    this.#see(dirname(path));
    this.#known.add(path);
    this.entries.push({ kind: 'created', path, folder: statSync(path).isDirectory() });
  }
}

import type { Readable } from 'node:stream';
import type { Payrecon } from '../app/service.ts';
import type { Instant } from '../domain/transaction.ts';
import type { Prompts } from './prompts.ts';
import type { Output, Streams } from './streams.ts';

/** What was given as flags for settings, by the flag's name without dashes: `{ 'pending-after': '5m', live: true }`. */
export type FlagValues = Readonly<Record<string, string | boolean | undefined>>;

export interface OpenRequest {
  readonly flags: FlagValues;
  /** True when the command cannot do its work without a key for Stripe. */
  readonly needsStripe: boolean;
  /** Who acts, for the audit trail: `charge`, `reconcile`, `resolve`, .. */
  readonly role: string;
  /** Instead of the process's own: the demo works on a ledger and a Stripe of its own. */
  readonly environment?: CliServices['environment'];
  /** Sentences for a person, as they happen. */
  readonly notice?: (sentence: string) => void;
}

export interface DaemonRequest {
  readonly flags: FlagValues;
  readonly limit: number | null;
  /** Aborted by the first signal; the pass that runs is finished, then the daemon ends. */
  readonly signal: AbortSignal;
  /** Lines for the service's journal. */
  readonly log: (line: string) => void;
}

export interface ByteSource {
  readonly stream: Readable;
  /** Bytes in all; null where nobody knows, as with a pipe. */
  readonly size: number | null;
}

export type StopSignal = 'SIGINT' | 'SIGTERM';

/** Everything the command line needs of the world; opened only when a command asks for it. */
export interface CliServices {
  readonly streams: Streams;
  /** Questions, in colours if these are wanted. */
  prompts(look: Pick<Output, 'colourLevel'>): Prompts;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /**
   * Aborted by the first SIGINT or SIGTERM. Whoever asks for it promises to finish what is under way and then to end;
   * until somebody asks, a signal ends the process at once.
   */
  listenForStop(): AbortSignal;
  /** Which signal it was; null while there was none. */
  stoppedBy(): StopSignal | null;
  /** This machine's clock: for words like "3 min ago" and for `--since 2h`, never for a decision about a payment. */
  now(): Instant;
  /** Whose clock people are shown: for the days of `--since`, before anything is opened. */
  timeZone(flags: FlagValues): Promise<string>;
  /** A file, or standard input for `-`; fails as the system does where it cannot be opened. */
  read(file: string): Promise<ByteSource>;
  open(request: OpenRequest): Promise<Payrecon>;
  /** Passes on schedule until the signal; resolves after draining. */
  daemon(request: DaemonRequest): Promise<void>;
  /** Another command line within this one, over other services: what `demo` shows is what would be typed. */
  command(typed: readonly string[], services: CliServices): Promise<number>;
}

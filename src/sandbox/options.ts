import type { SandboxKey } from './stripe/request/access.ts';

export interface SandboxOptions {
  /** 0 or nothing: any free one. */
  readonly port?: number;
  /** The same seed gives the same ids and the same chances of faults. */
  readonly seed?: number;
  /** See fault-spec.ts. */
  readonly faults?: string;
  /** A folder to keep the state in; read back at the next start. */
  readonly dataDir?: string;
  /** Off by default; `true` is what a sandbox account of Stripe has. */
  readonly rateLimits?: boolean | { readonly perSecond?: number; readonly perEndpoint?: number };
  /** How far the search lags behind; 60 s by default. */
  readonly searchLagMs?: number;
  /** How long a new event is missing from the list; 1 s by default. */
  readonly eventLagMs?: number;
  /** How long a bank takes to decide on a debit; 4 days by default. */
  readonly bankDebitMs?: number;
  /** The only secret keys accepted, beside `keys`; by default every well-formed test key, for the default account. */
  readonly secretKeys?: readonly string[];
  /** Keys of other accounts, and restricted keys that may not do everything. Their mode is in their name. */
  readonly keys?: readonly SandboxKey[];
  /** Take every well-formed live key too, for the live mode of the default account; off by default. */
  readonly liveKeys?: boolean;
  /** Milliseconds since 1970; the machine's clock by default. */
  readonly now?: () => number;
}

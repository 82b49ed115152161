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
  /** The only secret keys accepted; by default every well-formed test key. */
  readonly secretKeys?: readonly string[];
  /** Milliseconds since 1970; the machine's clock by default. */
  readonly now?: () => number;
}

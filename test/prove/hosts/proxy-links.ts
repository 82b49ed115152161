export const WAYS = ['database', 'stripe'] as const;
export type Way = (typeof WAYS)[number];

export interface NetworkHost {
  /** What a command of this host begins with. */
  readonly enter: readonly string[];
  /** The same address as seen from this host. */
  address(way: Way, address: string): string;
  /** Nothing gets through any more, in either direction. */
  cut(way: Way): Promise<void>;
  mend(way: Way): Promise<void>;
}

/** Where PostgreSQL and Stripe are really. */
export type Servers = Readonly<Record<Way, URL>>;

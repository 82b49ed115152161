/** Every set of statuses, each declared once; the SQL of storage takes its lists from here. */

export const STATUSES = ['pending', 'succeeded', 'failed', 'canceled', 'stuck'] as const;
export type Status = (typeof STATUSES)[number];

/** Final for the caller: nothing more will be tried under this key. */
export const FINAL = ['succeeded', 'failed', 'canceled'] as const;
export type FinalStatus = (typeof FINAL)[number];

/** `stuck` is unknown: it may have moved money. */
export const MAY_HAVE_CHARGED = ['pending', 'succeeded', 'stuck'] as const;

/** No other transaction may take its reference. The unique index of migration 0001 repeats this list. */
export const HOLDS_REFERENCE: readonly Status[] = [...MAY_HAVE_CHARGED];

export function isFinal(status: Status): status is FinalStatus {
  return isOneOf(FINAL, status);
}

export function holdsReference(status: Status): boolean {
  return isOneOf(HOLDS_REFERENCE, status);
}

function isOneOf(statuses: readonly Status[], status: Status): boolean {
  return statuses.includes(status);
}

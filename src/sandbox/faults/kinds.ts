import type { OrderedError } from './ordered-error.ts';

/** What a client sees of a request that was hit. */
export type FaultEffect =
  /** The connection is reset. */
  | 'reset'
  /** An error with Stripe's or SendGrid's body. */
  | 'error'
  /** A page of a proxy instead of an answer. */
  | 'html'
  /** The connection ends with no answer. */
  | 'drop'
  /** The answer ends in the middle. */
  | 'cut'
  /** Nothing comes until the client gives up. */
  | 'hang'
  /** The answer comes byte by byte. */
  | 'drip'
  /** The true answer, later. */
  | 'delay';

export interface FaultKind {
  readonly kind: string;
  /** Whether the request takes effect: at once, not at all, or after the client has been left waiting. */
  readonly executes: 'yes' | 'no' | 'later';
  readonly effect: FaultEffect;
  /** The status that the client is answered with; null where it gets the true one or none. */
  readonly status: number | null;
  /** What a number after the kind means, and what it is without one. */
  readonly argument: { readonly means: string; readonly standard: number } | null;
}

/** Every way in which the sandbox can treat a request badly. */
export const FAULT_KINDS = [
  { kind: 'reset_before', executes: 'no', effect: 'reset', status: null, argument: null },
  { kind: '401', executes: 'no', effect: 'error', status: 401, argument: null },
  { kind: '403', executes: 'no', effect: 'error', status: 403, argument: null },
  { kind: '409', executes: 'no', effect: 'error', status: 409, argument: null },
  { kind: '429', executes: 'no', effect: 'error', status: 429, argument: null },
  { kind: '429_lock', executes: 'no', effect: 'error', status: 429, argument: null },
  { kind: '500_before', executes: 'no', effect: 'error', status: 500, argument: null },
  { kind: '500_after', executes: 'yes', effect: 'error', status: 500, argument: null },
  { kind: 'html_502', executes: 'no', effect: 'html', status: 502, argument: null },
  { kind: 'html_502_after', executes: 'yes', effect: 'html', status: 502, argument: null },
  { kind: 'drop_after', executes: 'yes', effect: 'drop', status: null, argument: null },
  { kind: 'cut_body', executes: 'yes', effect: 'cut', status: null, argument: null },
  { kind: 'hang', executes: 'yes', effect: 'hang', status: null, argument: null },
  { kind: 'hang_before', executes: 'no', effect: 'hang', status: null, argument: null },
  {
    kind: 'late',
    executes: 'later',
    effect: 'hang',
    status: null,
    argument: { means: 'milliseconds until it is executed', standard: 500 },
  },
  {
    kind: 'drip',
    executes: 'yes',
    effect: 'drip',
    status: null,
    argument: { means: 'milliseconds between bytes', standard: 100 },
  },
  {
    kind: 'slow',
    executes: 'yes',
    effect: 'delay',
    status: null,
    argument: { means: 'milliseconds until the answer', standard: 1000 },
  },
  {
    kind: 'out_of_order',
    executes: 'yes',
    effect: 'delay',
    status: null,
    argument: {
      means: 'milliseconds to wait at most for a later request to be answered',
      standard: 2000,
    },
  },
] as const satisfies readonly FaultKind[];

export type FaultName = (typeof FAULT_KINDS)[number]['kind'];

/** A fault that one request is given: one of the kinds, or an error that was ordered. */
export type Fault =
  | { readonly kind: FaultName; readonly argument: number }
  | {
      readonly kind: 'error';
      readonly ordered: OrderedError;
      /** As it was written. */ readonly text: string;
    };

export function isFaultName(name: string): name is FaultName {
  return FAULT_KINDS.some((known) => known.kind === name);
}

/** Of an error that was ordered, nothing is executed; the attempt that a 402 is about is made by the exchange. */
export function treatmentOf(fault: Fault): Pick<FaultKind, 'executes' | 'effect' | 'status'> {
  return fault.kind === 'error'
    ? { executes: 'no', effect: 'error', status: fault.ordered.status }
    : faultKind(fault.kind);
}

/** The number that goes with a fault; 0 where there is none. */
export function argumentOf(fault: Fault): number {
  return fault.kind === 'error' ? 0 : fault.argument;
}

/** As it is written in a specification. */
export function faultText(fault: Fault): string {
  if (fault.kind === 'error') return fault.text;
  return fault.argument === 0 ? fault.kind : `${fault.kind}:${fault.argument}`;
}

export function faultKind(name: FaultName): FaultKind {
  const known = FAULT_KINDS.find((candidate) => candidate.kind === name);
  if (known === undefined) throw new Error(`no fault kind ${name}`);
  return known;
}

// Reads the text that says which requests are treated badly, and how.
//
//   SPEC  = PART { ";" PART }                         spaces do not matter
//   PART  = ENDPOINT [ "#" WHICH ] "=" FAULT [ "@" P ]   a rule
//         | "seq:" ENDPOINT "=" FAULT { "," FAULT }      the 1st, 2nd, 3rd request and so on; "ok" is none
//         | "seed:" N [ "@" P ]                          any fault to any Stripe request, by chance P (default 0.1)
//         | "outage" [ ":" FAULT ]                       every Stripe request, until the faults are cleared (default reset_before)
//   WHICH = N | N "-" M | "*"                           the Nth request to that endpoint since the faults were set, from 1;
//                                                       without it the first, and with a chance P every one
//   FAULT = KIND [ ":" NUMBER ]                         see fault-kinds.ts for kinds and what the number means
//         | "error:" STATUS ":" TYPE ..                   that error of Stripe; see ordered-error.ts
//   ENDPOINT is the name of an endpoint, such as payment_intents.confirm or mail.send, or "*" for all of them.
//
//   payment_intents.confirm=drop_after; payment_intents.create#2-3=slow:300; mail.send#*=500_before@0.05
//   payment_intents.confirm#1-3=error:402:card_error:card_declined:insufficient_funds
import { FAULT_KINDS, faultKind, type Fault, isFaultName } from './kinds.ts';
import { ORDERED_FORM, parseOrderedError } from './ordered-error.ts';

export interface FaultRule {
  /** `*` for all. */
  readonly endpoint: string;
  readonly from: number;
  readonly to: number;
  readonly fault: Fault;
  /** From 0 to 1; 1 is always. */
  readonly probability: number;
}

export interface FaultPlan {
  readonly rules: readonly FaultRule[];
  readonly sequences: readonly {
    readonly endpoint: string;
    readonly faults: readonly (Fault | null)[];
  }[];
  readonly random: { readonly seed: number; readonly probability: number } | null;
  readonly outage: Fault | null;
}

export const NO_FAULTS: FaultPlan = { rules: [], sequences: [], random: null, outage: null };

const STANDARD_CHANCE = 0.1;

/** Throws an Error that says what is wrong and what is allowed. `endpoints` are the names there are. */
export function parseFaults(spec: string, endpoints: readonly string[]): FaultPlan {
  const parts = spec
    .split(';')
    .map((part) => part.replaceAll(/\s/g, ''))
    .filter((part) => part !== '');
  return parts.reduce((plan, part) => addPart(plan, part, endpoints), NO_FAULTS);
}

function addPart(plan: FaultPlan, part: string, endpoints: readonly string[]): FaultPlan {
  if (part === 'outage' || part.startsWith('outage:')) {
    return {
      ...plan,
      outage: parseFault(part === 'outage' ? 'reset_before' : part.slice('outage:'.length), part),
    };
  }
  if (part.startsWith('seed:')) {
    const [seed = '', chance] = part.slice('seed:'.length).split('@');
    return {
      ...plan,
      random: {
        seed: parseWhole(seed, part),
        probability: chance === undefined ? STANDARD_CHANCE : parseChance(chance, part),
      },
    };
  }
  if (part.startsWith('seq:')) {
    const [endpoint, list] = splitOnce(part.slice('seq:'.length), '=', part);
    const faults = list.split(',').map((name) => (name === 'ok' ? null : parseFault(name, part)));
    return {
      ...plan,
      sequences: [
        ...plan.sequences,
        { endpoint: parseEndpoint(endpoint, part, endpoints), faults },
      ],
    };
  }
  return { ...plan, rules: [...plan.rules, parseRule(part, endpoints)] };
}

function parseRule(part: string, endpoints: readonly string[]): FaultRule {
  const [target, treatment] = splitOnce(part, '=', part);
  const [endpoint = '', which] = target.split('#');
  const [fault = '', chance] = treatment.split('@');
  const probability = chance === undefined ? 1 : parseChance(chance, part);
  const range =
    which === undefined && chance !== undefined
      ? { from: 1, to: Infinity }
      : parseWhich(which ?? '1', part);
  return {
    endpoint: parseEndpoint(endpoint, part, endpoints),
    ...range,
    fault: parseFault(fault, part),
    probability,
  };
}

function parseWhich(text: string, part: string): { from: number; to: number } {
  if (text === '*') return { from: 1, to: Infinity };
  const [from = '', to] = text.split('-');
  const first = parseWhole(from, part);
  const last = to === undefined ? first : parseWhole(to, part);
  if (first < 1 || last < first)
    throw wrong(part, `#${text} is not a range of request numbers; write #3, #2-5 or #*`);
  return { from: first, to: last };
}

function parseFault(text: string, part: string): Fault {
  const [name = '', argument] = text.split(':');
  if (name === 'error') return parseOrdered(text, part);
  if (!isFaultName(name)) {
    throw wrong(
      part,
      `there is no fault "${name}"; the faults are ${FAULT_KINDS.map((known) => known.kind).join(', ')} and ${ORDERED_FORM}`,
    );
  }
  const { argument: meaning } = faultKind(name);
  if (argument === undefined) return { kind: name, argument: meaning?.standard ?? 0 };
  if (meaning === null) throw wrong(part, `${name} takes no number`);
  return { kind: name, argument: parseWhole(argument, part) };
}

function parseOrdered(text: string, part: string): Fault {
  try {
    return { kind: 'error', ordered: parseOrderedError(text.slice('error:'.length)), text };
  } catch (error) {
    throw wrong(part, error instanceof Error ? error.message : String(error));
  }
}

function parseEndpoint(text: string, part: string, endpoints: readonly string[]): string {
  if (text === '*' || endpoints.includes(text)) return text;
  throw wrong(part, `there is no endpoint "${text}"; the endpoints are *, ${endpoints.join(', ')}`);
}

function parseWhole(text: string, part: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw wrong(part, `"${text}" is not a whole number`);
}

function parseChance(text: string, part: string): number {
  const chance = /^(0|1|0?\.[0-9]+|1\.0+)$/.test(text) ? Number(text) : Number.NaN;
  if (chance >= 0 && chance <= 1) return chance;
  throw wrong(part, `"${text}" is not a probability from 0 to 1`);
}

function splitOnce(text: string, separator: string, part: string): [string, string] {
  const at = text.indexOf(separator);
  if (at < 0)
    throw wrong(
      part,
      'it has no "="; write ENDPOINT[#N|#N-M|#*]=KIND[:NUMBER][@PROBABILITY], seq:ENDPOINT=KIND,ok,.., seed:N@PROBABILITY or outage[:KIND]',
    );
  return [text.slice(0, at), text.slice(at + separator.length)];
}

function wrong(part: string, why: string): Error {
  return new Error(`fault "${part}": ${why}`);
}

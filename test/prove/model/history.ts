import type { ChargeRequest } from '../../../src/domain/transaction.ts';
import { aCharge } from '../../faults/lane.ts';
import type { CrashPoint } from '../dead-gate.ts';

/*
 * A history is plain data, so that a failing one can be printed, shortened and kept: what people, processes, Stripe
 * and the clock do, one after the other, and for what happens at the same time the order of its steps.
 */

/** What the orders of a history are paid with. */
export const METHODS = {
  card: { paymentMethod: 'pm_card_visa', methodTypes: ['card'] },
  declined: { paymentMethod: 'pm_card_chargeDeclined', methodTypes: ['card'] },
  debit: { paymentMethod: 'pm_usBankAccount', methodTypes: ['us_bank_account'] },
  'bad debit': { paymentMethod: 'pm_usBankAccount_noAccount', methodTypes: ['us_bank_account'] },
  authentication: {
    paymentMethod: 'pm_card_authenticationRequired',
    methodTypes: ['card'],
    onSession: true,
  },
  'authentication, alone': {
    paymentMethod: 'pm_card_authenticationRequired',
    methodTypes: ['card'],
    onSession: false,
  },
  /** Refused before anything is made. */
  unknown: { paymentMethod: 'pm_card_unheardOf', methodTypes: ['card'] },
} as const satisfies Readonly<
  Record<
    string,
    Pick<ChargeRequest, 'paymentMethod' | 'methodTypes'> & Partial<Pick<ChargeRequest, 'onSession'>>
  >
>;
export type Method = keyof typeof METHODS;

/** The keys that are charged. The first two are for the same thing. */
export const KEYS = ['order-a', 'order-b', 'order-c', 'order-d', 'order-e'] as const;
export type Key = (typeof KEYS)[number];

const REFERENCES: Readonly<Partial<Record<Key, string>>> = {
  'order-a': 'invoice-1',
  'order-b': 'invoice-1',
  'order-e': 'invoice-2',
};

interface Run {
  /** In force while this command runs, as the sandbox reads them. */
  readonly faults?: string;
  /** The process dies at this step of the command. */
  readonly dies?: CrashPoint;
  /** The first call of this name is answered by nobody, and reaches Stripe minutes later. */
  readonly late?: 'create' | 'confirm' | 'cancel';
  /** On another ledger of the same account and namespace: one that was begun by mistake, or one that a person means. */
  readonly ledger?: 'second' | 'second, meant';
}

export type Command =
  | ({
      readonly do: 'charge';
      readonly key: Key;
      /** Another amount than the one that the key stands for. */ readonly other?: true;
    } & Run)
  | ({ readonly do: 'pass' } & Run)
  | ({
      readonly do: 'resolve';
      readonly key: Key;
      readonly as: 'succeeded' | 'failed' | 'canceled' | 'retry';
      readonly cancel: boolean;
    } & Run)
  | ({ readonly do: 'send' } & Run);

/** What happens at Stripe without payrecon. */
export type AtStripe =
  /** The bank decides, the customer authenticates, or somebody pays a declined payment by other means. */
  | {
      readonly do: 'settle';
      readonly key: Key;
      readonly as: 'succeeded' | 'failed' | 'canceled';
      readonly otherAmount?: true;
    }
  | { readonly do: 'refund'; readonly key: Key }
  /** A create that ended in a 500 is carried out after all. */
  | { readonly do: 'roll-forward'; readonly key: Key };

export interface Wait {
  readonly do: 'wait';
  readonly minutes: number;
}

/** From here on Stripe, or the mail service, fails every call in this way; null: it works again. */
export interface Outage {
  readonly do: 'outage';
  readonly of: 'stripe' | 'mail';
  readonly kind: string | null;
}

/** Somebody copies the ledger; puts the last copy in its place; or puts back what stood there before that. */
export interface CopyOfLedger {
  readonly do: 'backup' | 'restore' | 'newest';
}

/** The clock of the database's host, or of Stripe, is set ahead or, negative, back; the other one is not. */
export interface SetClock {
  readonly do: 'clock';
  readonly of: 'ledger' | 'stripe';
  readonly minutes: number;
}

/** Several at the same time: `order` says who makes the next step, and when it is used up the first in line does. */
export interface Together {
  readonly do: 'together';
  readonly all: readonly (Command | AtStripe | Wait)[];
  readonly order: readonly number[];
}

export type Action = Command | AtStripe | Wait | Outage | CopyOfLedger | SetClock | Together;

export interface History {
  /** A card where none is named. */
  readonly methods: Readonly<Partial<Record<Key, Method>>>;
  /** So many payments of others are at Stripe that its list has more than one page. */
  readonly crowded: boolean;
  readonly actions: readonly Action[];
}

const AMOUNT = 4_900;
/** What a request says that bears the same key by mistake. */
const OTHER_AMOUNT = 7_700;

export function methodOf({ methods }: History, key: Key): Method {
  return methods[key] ?? 'card';
}

export function requestOf(history: History, key: Key, other: boolean): ChargeRequest {
  const amount = (other ? OTHER_AMOUNT : AMOUNT) + KEYS.indexOf(key);
  return aCharge({
    key,
    reference: REFERENCES[key] ?? null,
    amount,
    email: `${key}@example.com`,
    ...METHODS[methodOf(history, key)],
  });
}

export function isCommand(action: Action): action is Command {
  return (
    action.do === 'charge' ||
    action.do === 'pass' ||
    action.do === 'resolve' ||
    action.do === 'send'
  );
}

/** On one line, to be run again by PROVE_CASE. */
export function print(history: History): string {
  return JSON.stringify(history);
}

import { expect } from 'vitest';
import { forgetWhole } from '../../support/bound-ledger.ts';
import type { RunResult } from '../../support/binary.ts';
import {
  AMOUNT,
  HOUR_MS,
  MINUTE_MS,
  type ChargeOptions,
  type Fixture,
} from '../verdicts/fixture.ts';

/*
 * One order, $49.99, that must be paid once whatever happens to the ledgers. Time passes on both sides:
 * the sandbox's clock, by which Stripe forgets idempotency keys, and the rows of the ledgers.
 */

export const ORDER = 'order-77';
const REFERENCE = ['--reference', ORDER];

/** Long enough for Stripe to forget a key, and for payrecon not to trust one any more. */
export const A_DAY_LATER_MS = 25 * HOUR_MS;

export function chargeOrder(
  fixture: Fixture,
  key = ORDER,
  options: ChargeOptions = {},
): Promise<RunResult> {
  return fixture.charge(key, { ...options, more: [...REFERENCE, ...(options.more ?? [])] });
}

export interface Passage {
  readonly atStripeMs: number;
  /** The rows get older by this. */
  readonly here?: { readonly fixture: Fixture; readonly key: string; readonly ms: number };
}

/** Lets time pass; every ledger was then looked at too long ago to be believed whole. */
export async function later(
  fixtures: readonly Fixture[],
  { atStripeMs, here }: Passage,
): Promise<void> {
  fixtures[0]?.sandbox.clock.advance(atStripeMs);
  if (here !== undefined) await here.fixture.age(here.key, here.ms);
  for (const { database } of fixtures) await forgetWhole(database);
}

/** As many passes as settle whatever a pass can settle, with the pauses that two looks at the list need. */
export async function passesFor(
  fixture: Fixture,
  key: string,
): Promise<readonly (number | undefined)[]> {
  const exits: (number | undefined)[] = [];
  for (let pass = 0; pass < 3; pass += 1) {
    await fixture.makeDue(key);
    exits.push((await fixture.pass()).exitCode);
    await fixture.age(key, 6 * MINUTE_MS);
  }
  return exits;
}

/** By Stripe's own books. */
export function expectPaidOnce({ sandbox }: Fixture): void {
  const { books } = sandbox;
  const paid = books.paymentIntents.filter(
    ({ status, amount_received: received }) => status === 'succeeded' || received > 0,
  );
  expect(paid.map(({ amount_received: received }) => received)).toEqual([AMOUNT]);
  expect(
    books.paymentIntents.filter(({ status }) => status !== 'succeeded' && status !== 'canceled'),
  ).toEqual([]);
}

/** Requests that make, confirm or cancel a payment, since so many requests. */
export function paymentCalls({ sandbox }: Fixture, since = 0): readonly string[] {
  return sandbox.books.requests
    .slice(since)
    .map(({ endpoint }) => endpoint)
    .filter((endpoint) =>
      /^payment_intents\.(create|confirm|cancel|update|capture)$/.test(endpoint),
    );
}

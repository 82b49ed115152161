import { expect, test } from 'vitest';
import { FAULT_KINDS } from '../../src/sandbox/server.ts';
import { targets } from '../storage/targets.ts';
import { proveInLanes } from './lanes.ts';
import { caseOf, scriptsFor, type Mode, type Place } from './script.ts';

/** Every call that a pass makes, each from every state in which it makes it. `before` says where the charge stopped. */
const PLACES: readonly Place[] = [
  {
    name: 'create again, of an intent that is there',
    by: 'pass',
    endpoint: 'payment_intents.create',
    before: 'payment_intents.create=html_502_after',
  },
  {
    name: 'create again, of an intent that is not',
    by: 'pass',
    endpoint: 'payment_intents.create',
    before: 'payment_intents.create=html_502',
  },
  {
    name: 'retrieve of a payment that went through',
    by: 'pass',
    endpoint: 'payment_intents.retrieve',
    before: 'payment_intents.confirm=html_502_after',
  },
  {
    name: 'retrieve of an unconfirmed intent',
    by: 'pass',
    endpoint: 'payment_intents.retrieve',
    before: 'payment_intents.confirm=html_502',
  },
  {
    name: 'scan for an intent that is there',
    by: 'pass',
    endpoint: 'payment_intents.list',
    before: 'payment_intents.create=500_after',
  },
  {
    name: 'scan for an intent that is not',
    by: 'pass',
    endpoint: 'payment_intents.list',
    before: 'payment_intents.create=500_before',
  },
  {
    name: 'cancel of an unconfirmed intent',
    by: 'pass',
    endpoint: 'payment_intents.cancel',
    before: 'payment_intents.confirm=html_502',
  },
  {
    name: 'cancel after a decline',
    by: 'pass',
    endpoint: 'payment_intents.cancel',
    before: 'payment_intents.cancel=html_502',
    pays: 'declined',
  },
  {
    name: 'probe of the account',
    by: 'pass',
    endpoint: 'account',
    before: 'payment_intents.confirm=html_502_after',
    // The list is what a pass asks first: a Stripe that answers it is there, and nobody probes.
    beside: 'payment_intents.retrieve#*=html_502; payment_intents.list#*=html_502',
  },
  { name: 'e-mail', by: 'pass', endpoint: 'mail.send' },
];

const MODES: readonly Mode[] = ['once', 'twice', 'and a signal'];
const CASES = 10 * 18 * 3;

test.each(targets)(
  'each kind of fault at each call of a pass ($name)',
  { timeout: 300_000 },
  async (target) => {
    const scripts = scriptsFor(PLACES, MODES);
    expect(scripts).toHaveLength(CASES);
    expect(new Set(scripts.map(({ kind }) => kind))).toEqual(
      new Set(FAULT_KINDS.map(({ kind }) => kind)),
    );
    await proveInLanes(target, scripts.map(caseOf));
  },
);

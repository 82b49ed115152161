import { isChangedTruth } from '../../../src/domain/resolutions.ts';
import { describe, expect, it } from 'vitest';
import type { Answer } from '../../../src/domain/answer.ts';
import type { Call, Context, Decision } from '../../../src/domain/decide/decision.ts';
import { KEY_LIFETIME_MS } from '../../../src/domain/decide/key-age.ts';
import { decide } from '../../../src/domain/decide/decide.ts';
import type { Transaction } from '../../../src/domain/transaction.ts';
import {
  NOW,
  aConfirmSent,
  aContext,
  aTransaction,
  sawIntent,
  sawUnknown,
  LEDGER,
  anIntent,
} from '../../support/transactions.ts';

function after(
  transaction: Transaction,
  call: Call,
  answer: Answer,
  context: Partial<Context> = {},
  firstSend = false,
): Decision {
  return decide(transaction, { call, firstSend, answer }, aContext({ made: [call], ...context }));
}

/** The parts of a decision that a verdict is about. */
function verdict(decision: Decision): {
  next: string;
  status: string | undefined;
  action: string | undefined;
  mails: readonly string[];
} {
  return {
    next: decision.kind === 'ask' ? `ask ${decision.call}` : `stop ${decision.reason}`,
    status: decision.record?.changes.status,
    action: decision.record?.action,
    mails: decision.record?.notifications ?? [],
  };
}

const NEVER_SENT = aTransaction({ step: 'recorded', createSentAt: null });
const CREATED = aTransaction({
  step: 'created',
  paymentIntent: 'pi_1',
  stripeStatus: 'requires_confirmation',
});
const STRAYS = aConfirmSent({
  status: 'succeeded',
  step: 'settled',
  settledAt: NOW,
  attempt: 2,
  absentAttempts: 1,
});

describe('the first question', () => {
  it.each([
    [
      'a row just opened is created',
      aTransaction(),
      { purpose: 'charge', justOpened: true },
      'ask create',
    ],
    [
      'a create whose answer was lost is sent again under its key',
      aTransaction(),
      {},
      'ask create',
    ],
    ['.. by the caller too', aTransaction(), { purpose: 'charge' }, 'ask create'],
    [
      '.. but never once the key may be gone',
      aTransaction({ createSentAt: NOW - KEY_LIFETIME_MS }),
      {},
      'ask scan',
    ],
    [
      '.. by the clock of Stripe, which forgets it',
      aTransaction({ createSentAt: NOW - 1 }),
      { stripeAheadMs: KEY_LIFETIME_MS - 1 },
      'ask scan',
    ],
    [
      '.. which may only be a clock of ours that is behind: no caller is held up by it',
      aTransaction({ createSentAt: NOW - 1 }),
      { purpose: 'charge', stripeAheadMs: KEY_LIFETIME_MS },
      'ask create',
    ],
    [
      '.. nor while the clock of Stripe is behind',
      aTransaction({ createSentAt: NOW - KEY_LIFETIME_MS }),
      { stripeAheadMs: -KEY_LIFETIME_MS },
      'ask scan',
    ],
    [
      '.. nor by the caller',
      aTransaction({ createSentAt: NOW - KEY_LIFETIME_MS }),
      { purpose: 'charge' },
      'ask scan',
    ],
    ['a known id is retrieved', aConfirmSent(), {}, 'ask retrieve'],
    [
      'a row missed once by a scan is scanned again',
      aTransaction({ absentSince: NOW - 400_000 }),
      {},
      'ask scan',
    ],
    ['a row of which nothing was sent is left alone by a pass', NEVER_SENT, {}, 'stop not_sent'],
    [
      '.. past the age ceiling the list is asked about it',
      { ...NEVER_SENT, createdAt: NOW - 86_400_001 },
      {},
      'ask scan',
    ],
    [
      '.. and where it was recorded further ahead than it would wait, by a wrong clock',
      { ...NEVER_SENT, createdAt: NOW + 86_400_001 },
      {},
      'ask scan',
    ],
    ['.. and at once in a ledger that was rolled back', NEVER_SENT, { doubted: true }, 'ask scan'],
    [
      '.. its caller is believed while it is young',
      NEVER_SENT,
      { purpose: 'charge' },
      'ask create',
    ],
    [
      '.. an hour later the list is asked first',
      { ...NEVER_SENT, createdAt: NOW - 3_600_000 },
      { purpose: 'charge' },
      'ask scan',
    ],
    [
      '.. and where a clock was wrong',
      { ...NEVER_SENT, createdAt: NOW + 60_000 },
      { purpose: 'charge' },
      'ask scan',
    ],
    [
      'a create that was sent in the future is never sent again',
      aTransaction({ createSentAt: NOW + 60_000 }),
      {},
      'ask scan',
    ],
    [
      'a key that was used elsewhere is never created again by a pass',
      aTransaction({ keyConflictAt: NOW }),
      {},
      'ask scan',
    ],
    ['.. nor by a caller', aTransaction({ keyConflictAt: NOW }), { purpose: 'charge' }, 'ask scan'],
    [
      '.. nor where nothing was sent',
      { ...NEVER_SENT, keyConflictAt: NOW },
      { purpose: 'charge' },
      'ask scan',
    ],
    [
      'an intent that was not confirmed is looked for with others of its kind',
      CREATED,
      { purpose: 'charge' },
      'ask scan',
    ],
    [
      'a settled row whose earlier attempt left no id is looked for in the list',
      STRAYS,
      {},
      'ask scan',
    ],
    ['nothing begins after a signal', aTransaction(), { stopping: true }, 'stop interrupted'],
  ] as const)('%s', (_, transaction, context, next) => {
    expect(verdict(decide(transaction, null, aContext(context))).next).toBe(next);
  });

  // A pass takes rows that are further ahead as due now: it took one again and again, without an end.
  it.each([NOW - 3_600_000, NOW, NOW + 3_600_000, NOW + 86_400_000])(
    'a row that was never sent waits no longer than the age ceiling, recorded at %d',
    (createdAt) => {
      const { record } = decide({ ...NEVER_SENT, createdAt }, null, aContext());
      const next = record?.stamps.nextAttempt;
      expect(next).toEqual({ inMs: Math.min(createdAt + 86_400_001 - NOW, 86_400_000) });
    },
  );

  it('a caller that goes on from "recorded" commits the send before it leaves', () => {
    const decision = decide(
      aTransaction({ step: 'recorded', createSentAt: null }),
      null,
      aContext({ purpose: 'charge' }),
    );
    expect(decision).toMatchObject({
      kind: 'ask',
      call: 'create',
      firstSend: true,
      record: { action: 'create_sent', stamps: { createSentAt: 'if_unset' } },
    });
  });

  it('a row that was never sent is left to its caller until the age ceiling', () => {
    const decision = decide(NEVER_SENT, null, aContext());
    expect(verdict(decision)).toEqual({
      next: 'stop not_sent',
      status: undefined,
      action: 'observed',
      mails: [],
    });
    expect(decision.record?.stamps.nextAttempt).toEqual({ inMs: 86_400_000 - 600_000 + 1 });
  });

  it('.. and past it, is canceled as a fence after two scans, without a word to the customer', () => {
    const old = { ...NEVER_SENT, createdAt: NOW - 90_000_000 };
    expect(verdict(after(old, 'scan', ABSENT))).toMatchObject({
      next: 'stop absent_once',
      status: undefined,
    });
    const second = after({ ...old, absentSince: NOW - 300_000 }, 'scan', ABSENT);
    expect(verdict(second)).toEqual({
      next: 'stop settled',
      status: 'canceled',
      action: 'settled',
      mails: [],
    });
    expect(second.record?.changes.canceledBy).toBe('fence');
  });

  it('a caller goes on where the list agrees that nothing was sent', () => {
    const decision = after({ ...NEVER_SENT, createdAt: NOW - 3_600_000 }, 'scan', ABSENT, {
      purpose: 'charge',
    });
    expect(decision).toMatchObject({
      kind: 'ask',
      call: 'create',
      firstSend: true,
      record: { action: 'create_sent' },
    });
  });

  it('.. and follows what the list shows of a payment that this ledger has forgotten', () => {
    const decision = after(
      { ...NEVER_SENT, createdAt: NOW - 3_600_000 },
      'scan',
      sawIntent({ status: 'succeeded' }),
      { purpose: 'charge' },
    );
    expect(verdict(decision)).toMatchObject({ status: 'succeeded', mails: ['customer_succeeded'] });
  });
});

const ABSENT = {
  kind: 'absent',
  scannedFrom: 1,
  scannedTo: 2,
  pages: 3,
  requestId: 'req_3',
} as const;

const PASSING: ReadonlySet<string> = new Set(['rate_limited', 'lock_timeout', 'conflict']);

describe('the verdict table', () => {
  it('succeeded with our amount and currency is succeeded', () => {
    expect(verdict(after(aConfirmSent(), 'retrieve', sawIntent({ status: 'succeeded' })))).toEqual({
      next: 'stop settled',
      status: 'succeeded',
      action: 'settled',
      mails: ['customer_succeeded'],
    });
  });

  it.each([{ amount: 5000 }, { currency: 'eur' }])(
    'succeeded with another amount or currency (%o) is stuck, never accepted',
    (difference) => {
      const decision = after(
        aConfirmSent(),
        'retrieve',
        sawIntent({ status: 'succeeded', ...difference }),
      );
      expect(verdict(decision)).toEqual({
        next: 'stop stuck',
        status: 'stuck',
        action: 'marked_stuck',
        mails: ['operator_stuck'],
      });
      expect(decision.record?.changes.review?.reason).toBe('amount_mismatch');
    },
  );

  it('a decline is copied, then canceled at Stripe, and only then failed', () => {
    const failure = {
      code: 'card_declined',
      declineCode: 'insufficient_funds',
      message: 'Your card has insufficient funds.',
    };
    const declined = after(aConfirmSent(), 'confirm', {
      kind: 'declined',
      fault: 'declined',
      intent: sawIntent({ status: 'requires_payment_method', lastError: failure }).intent,
      failure,
      requestId: 'req_2',
      replayed: false,
    });
    expect(verdict(declined)).toEqual({
      next: 'ask cancel',
      status: undefined,
      action: 'cancel_sent',
      mails: [],
    });
    expect(declined.record?.changes).toMatchObject({
      failureCode: 'insufficient_funds',
      failureMessage: failure.message,
      step: 'cancel_sent',
    });
    const canceled = after(
      aConfirmSent({ step: 'cancel_sent', failureCode: 'insufficient_funds' }),
      'cancel',
      sawIntent({ status: 'canceled' }),
    );
    expect(verdict(canceled)).toEqual({
      next: 'stop settled',
      status: 'failed',
      action: 'settled',
      mails: ['customer_failed'],
    });
  });

  it('a decline that only the canceled intent still shows is a failure, too', () => {
    const lastError = {
      code: 'card_declined',
      declineCode: 'lost_card',
      message: 'Your card has been declined.',
    };
    const decision = after(
      aConfirmSent({ step: 'cancel_sent' }),
      'cancel',
      sawIntent({ status: 'canceled', lastError }),
    );
    expect(verdict(decision)).toMatchObject({ status: 'failed', mails: ['customer_failed'] });
    expect(decision.record?.changes).toMatchObject({
      failureCode: 'lost_card',
      failureMessage: lastError.message,
    });
  });

  it('a decline whose cancel got no answer stays pending', () => {
    const decision = after(
      aConfirmSent({ step: 'cancel_sent', failureCode: 'card_declined' }),
      'cancel',
      sawUnknown(),
    );
    expect(verdict(decision)).toMatchObject({ next: 'stop unknown', status: undefined });
  });

  it('canceled is canceled', () => {
    expect(verdict(after(aConfirmSent(), 'retrieve', sawIntent({ status: 'canceled' })))).toEqual({
      next: 'stop settled',
      status: 'canceled',
      action: 'settled',
      mails: ['customer_canceled'],
    });
  });

  it.each(['processing', 'requires_action'] as const)(
    '%s stays pending and is no failed attempt',
    (status) => {
      const decision = after(aConfirmSent({ attempts: 4 }), 'retrieve', sawIntent({ status }));
      expect(verdict(decision)).toMatchObject({
        next: `stop ${status}`,
        status: undefined,
        action: 'observed',
      });
      // What failed before does not add up with what may fail later.
      expect(decision.record?.changes.attempts).toBe(0);
      expect(decision.record?.changes.expectedBy).toBeGreaterThan(NOW);
    },
  );

  it('an overdue processing payment is said, and not canceled', () => {
    const old = NOW - 40 * 86_400_000;
    const decision = after(
      aConfirmSent({ createdAt: old, createSentAt: old, confirmSentAt: old }),
      'retrieve',
      sawIntent({ status: 'processing' }),
    );
    expect(decision).toMatchObject({ kind: 'stop', reason: 'processing' });
    expect(decision.kind === 'stop' && decision.summary).toContain('overdue');
  });

  it.each([
    'timeout',
    'connection',
    'rate_limited',
    'lock_timeout',
    'conflict',
    'server_error',
    'malformed',
  ] as const)('no answer to rely on (%s) records nothing by itself', (reason) => {
    const decision = after(aConfirmSent(), 'retrieve', sawUnknown({ reason }));
    expect(decision).toMatchObject({
      kind: 'stop',
      record: null,
      reason: PASSING.has(reason) ? 'rate_limited' : 'unknown',
    });
  });

  it('an unconfirmed intent is fenced off by the reconciler before it is canceled in the ledger', () => {
    expect(verdict(after(aConfirmSent(), 'retrieve', sawIntent()))).toEqual({
      next: 'ask cancel',
      status: undefined,
      action: 'cancel_sent',
      mails: [],
    });
  });

  it('a status that Stripe may add one day is undecided, and the fifth time stuck', () => {
    expect(
      verdict(
        after(aConfirmSent({ attempts: 3 }), 'retrieve', sawIntent({ status: 'requires_capture' })),
      ),
    ).toMatchObject({ next: 'stop undecided', status: undefined });
    const fifth = after(
      aConfirmSent({ attempts: 4 }),
      'retrieve',
      sawIntent({ status: 'requires_capture' }),
    );
    expect(verdict(fifth)).toEqual({
      next: 'stop stuck',
      status: 'stuck',
      action: 'marked_stuck',
      mails: ['operator_stuck'],
    });
    expect(fifth.record?.changes.attempts).toBe(5);
  });

  it('undecided past the age ceiling is stuck at once', () => {
    const decision = after(aConfirmSent({ createdAt: NOW - 90_000_000 }), 'retrieve', {
      kind: 'missing',
      requestId: null,
      message: 'No such payment_intent',
    });
    expect(verdict(decision)).toMatchObject({ status: 'stuck' });
    expect(decision.record?.changes.review?.reason).toBe('too_old');
  });
});

describe('age', () => {
  const old = aConfirmSent({ createdAt: NOW - 90_000_000 });
  const missing = { kind: 'missing', requestId: null, message: 'No such payment_intent' } as const;

  it('does not count while the payment method is expected to take its time', () => {
    expect(
      verdict(after({ ...old, expectedBy: NOW + 1 }, 'retrieve', missing)).status,
    ).toBeUndefined();
    expect(verdict(after({ ...old, expectedBy: NOW - 1 }, 'retrieve', missing)).status).toBe(
      'stuck',
    );
  });

  it('does not count on a row without an id, whose scans begin late', () => {
    const lost = aTransaction({ createdAt: NOW - 90_000_000, createSentAt: NOW - 90_000_000 });
    const refused = {
      kind: 'refused',
      fault: 'request',
      httpStatus: 400,
      code: null,
      message: '..',
      param: null,
      intent: null,
      effect: 'none',
      requestId: null,
    } as const;
    expect(verdict(after(lost, 'scan', refused)).status).toBeUndefined();
    expect(verdict(after({ ...lost, attempts: 4 }, 'scan', refused)).status).toBe('stuck');
  });

  it('begins anew when a person says "retry"', () => {
    const at = NOW - 1_000;
    const review = {
      reason: 'resolved_by_hand',
      message: 'm',
      at,
      evidence: {},
      resolution: { as: 'retry', reason: 'r', operator: 'ada', at },
    } as const;
    expect(verdict(after({ ...old, review }, 'retrieve', missing)).status).toBeUndefined();
  });
});

describe('a refused cancel', () => {
  const refused = {
    kind: 'refused',
    fault: 'request',
    httpStatus: 400,
    code: 'payment_intent_unexpected_state',
    message: '..',
    param: null,
    intent: null,
    effect: 'none',
    requestId: null,
  } as const;

  it('is followed by a look, though one had led to it', () => {
    expect(
      verdict(
        after(aConfirmSent({ step: 'cancel_sent' }), 'cancel', refused, {
          made: ['retrieve', 'cancel'],
        }),
      ).next,
    ).toBe('ask retrieve');
    expect(
      verdict(
        after(aConfirmSent({ step: 'cancel_sent' }), 'cancel', refused, {
          made: ['cancel', 'retrieve', 'cancel'],
        }),
      ).next,
    ).toBe('ask retrieve');
  });
});

describe('absence', () => {
  const absent = {
    kind: 'absent',
    scannedFrom: 1,
    scannedTo: 2,
    pages: 3,
    requestId: 'req_3',
  } as const;
  const old = aTransaction({
    createSentAt: NOW - KEY_LIFETIME_MS,
    createdAt: NOW - KEY_LIFETIME_MS,
  });

  it('one complete scan proves nothing', () => {
    const decision = after(old, 'scan', absent);
    expect(verdict(decision)).toMatchObject({ next: 'stop absent_once', status: undefined });
    expect(decision.record?.stamps).toMatchObject({
      absentSince: 'if_unset',
      nextAttempt: { inMs: 300_000 },
    });
  });

  it('nor does a second one too soon', () => {
    expect(verdict(after({ ...old, absentSince: NOW - 299_000 }, 'scan', absent))).toMatchObject({
      next: 'stop absent_once',
      status: undefined,
    });
  });

  it('two, far enough apart, do', () => {
    expect(verdict(after({ ...old, absentSince: NOW - 300_000 }, 'scan', absent))).toMatchObject({
      status: 'canceled',
      mails: [],
    });
  });

  it('a stored 500 that a create replays is answered from the list', () => {
    expect(
      verdict(
        after(
          aTransaction(),
          'create',
          sawUnknown({ reason: 'server_error', answered: true, httpStatus: 500 }),
        ),
      ),
    ).toMatchObject({ next: 'ask scan' });
  });
});

describe('the caller', () => {
  const charge = { purpose: 'charge', begunHere: true } as const;

  it('stores the id in the same commit that says "confirm sent", before it confirms', () => {
    const decision = after(aTransaction(), 'create', sawIntent(), charge, true);
    expect(decision).toMatchObject({
      kind: 'ask',
      call: 'confirm',
      firstSend: true,
      record: {
        changes: { paymentIntent: 'pi_1', step: 'confirm_sent' },
        stamps: { confirmSentAt: 'if_unset' },
      },
    });
  });

  it('confirms again under the same key only while Stripe still knows it', () => {
    expect(verdict(after(aConfirmSent(), 'retrieve', sawIntent(), charge)).next).toBe(
      'ask confirm',
    );
    const old = aConfirmSent({ confirmSentAt: NOW - KEY_LIFETIME_MS });
    expect(verdict(after(old, 'retrieve', sawIntent(), charge)).next).toBe('ask cancel');
  });

  it('never confirms an intent whose amount is not the one asked for', () => {
    expect(
      verdict(after(aTransaction(), 'create', sawIntent({ amount: 1 }), charge, true)).next,
    ).toBe('ask cancel');
  });

  it('looks again when a confirm is replayed: a replay shows the first answer only', () => {
    expect(
      verdict(after(aConfirmSent(), 'confirm', sawIntent({ status: 'processing' }, true), charge))
        .next,
    ).toBe('ask retrieve');
  });

  it('takes a step back only with proof that nothing was sent', () => {
    const refused = sawUnknown({ reason: 'connection', effect: 'none' });
    expect(after(aTransaction(), 'create', refused, charge, true).record).toMatchObject({
      changes: { step: 'recorded' },
      stamps: { createSentAt: 'clear' },
    });
    expect(
      after(aTransaction(), 'create', refused, charge, false).record?.changes.step,
    ).toBeUndefined();
    expect(
      after(aTransaction(), 'create', sawUnknown(), charge, true).record?.changes.step,
    ).toBeUndefined();
  });

  it('a create refused on its first send has failed; on a replay that proves nothing', () => {
    const refused = {
      kind: 'refused',
      fault: 'request',
      httpStatus: 400,
      code: 'resource_missing',
      message: 'No such customer',
      param: 'customer',
      intent: null,
      effect: 'none',
      requestId: 'req_4',
    } as const;
    expect(verdict(after(aTransaction(), 'create', refused, charge, true))).toMatchObject({
      status: 'failed',
      mails: [],
    });
    expect(after(aTransaction(), 'create', refused, charge, true).record?.changes).toMatchObject({
      failureKind: 'request',
      failureCode: 'resource_missing',
    });
    const unclear = { ...refused, fault: 'unknown' } as const;
    expect(verdict(after(aTransaction(), 'create', unclear, charge, true))).toMatchObject({
      next: 'stop not_sent',
      action: 'not_sent',
      mails: [],
    });
    expect(verdict(after(aTransaction(), 'create', refused, charge, false))).toMatchObject({
      next: 'stop unknown',
      status: undefined,
    });
    expect(verdict(after(aTransaction(), 'create', refused)).next).toBe('ask scan');
  });

  it('a key that Stripe knows with other parameters is a question to a person', () => {
    const refused = {
      kind: 'refused',
      fault: 'request',
      httpStatus: 400,
      code: 'idempotency_error',
      message: 'Keys for idempotent requests ..',
      param: null,
      intent: null,
      effect: 'none',
      requestId: 'req_5',
    } as const;
    expect(verdict(after(aTransaction(), 'create', refused, charge, true))).toMatchObject({
      status: 'stuck',
      mails: ['operator_stuck'],
    });
    expect(
      after(aTransaction(), 'create', refused, charge, true).record?.stamps.keyConflictAt,
    ).toBe('if_unset');
  });

  it('a confirm whose key was used with other parameters is no such question: its intent is known', () => {
    const refused = {
      kind: 'refused',
      fault: 'unknown',
      httpStatus: 400,
      code: 'idempotency_error',
      message: '..',
      param: null,
      intent: null,
      effect: 'none',
      requestId: 'req_5',
    } as const;
    expect(verdict(after(aConfirmSent(), 'confirm', refused, charge)).next).toBe('ask retrieve');
  });

  it('a confirm that is refused as a request is fenced off, and no bank is blamed', () => {
    const refused = {
      kind: 'refused',
      fault: 'request',
      httpStatus: 400,
      code: 'payment_intent_mandate_invalid',
      message: '..',
      param: null,
      intent: null,
      effect: 'none',
      requestId: 'req_6',
    } as const;
    const fenced = after(aConfirmSent(), 'confirm', refused, charge);
    expect(fenced.record?.changes).toMatchObject({
      failureKind: 'request',
      failureCode: 'payment_intent_mandate_invalid',
    });
    const canceled = after(
      aConfirmSent({
        step: 'cancel_sent',
        failureCode: 'payment_intent_mandate_invalid',
        failureKind: 'request',
      }),
      'cancel',
      sawIntent({ status: 'canceled' }),
    );
    expect(verdict(canceled)).toEqual({
      next: 'stop settled',
      status: 'failed',
      action: 'settled',
      mails: [],
    });
  });

  it('asks what happened when a confirm meets an intent in another state', () => {
    const refused = {
      kind: 'refused',
      fault: 'request',
      httpStatus: 400,
      code: 'payment_intent_unexpected_state',
      message: '..',
      param: null,
      intent: null,
      effect: 'none',
      requestId: null,
    } as const;
    expect(verdict(after(aConfirmSent(), 'confirm', refused, charge)).next).toBe('ask retrieve');
  });
});

describe('a truth that arrives late', () => {
  it('is accepted on a stuck row, and a person is told', () => {
    const stuck = aConfirmSent({
      status: 'stuck',
      review: { reason: 'undecided', message: 'm', at: NOW, evidence: {}, resolution: null },
    });
    const decision = after(stuck, 'retrieve', sawIntent({ status: 'succeeded' }));
    expect(verdict(decision)).toMatchObject({
      status: 'succeeded',
      action: 'settled',
      mails: ['customer_succeeded', 'operator_truth_changed'],
    });
    expect(decision.record?.changes.review).toBeNull();
  });

  it.each(['failed', 'canceled'] as const)(
    'corrects a row that was resolved by hand as %s',
    (status) => {
      const resolved = aConfirmSent({
        status,
        step: 'settled',
        settledAt: NOW,
        review: {
          reason: 'resolved_by_hand',
          message: 'm',
          at: NOW,
          evidence: {},
          resolution: { as: status, reason: 'r', operator: 'ada', at: NOW },
        },
      });
      const decision = after(resolved, 'retrieve', sawIntent({ status: 'succeeded' }));
      expect(verdict(decision)).toMatchObject({
        status: 'succeeded',
        action: 'truth_corrected',
        mails: ['customer_succeeded', 'operator_truth_changed'],
      });
      expect(decision.record?.changes.review).toMatchObject({
        reason: 'truth_changed',
        resolution: { operator: 'ada' },
      });
    },
  );

  it('is not acknowledged by what was said of an earlier one', () => {
    const acknowledged = aConfirmSent({
      status: 'canceled',
      step: 'settled',
      settledAt: NOW,
      review: {
        reason: 'truth_changed',
        message: 'm',
        at: NOW,
        evidence: {},
        resolution: { as: 'acknowledge', reason: 'r', operator: 'ada', at: NOW },
      },
    });
    expect(isChangedTruth(acknowledged)).toBe(false);
    const decision = after(acknowledged, 'retrieve', sawIntent({ status: 'succeeded' }));
    const review = decision.record?.changes.review ?? null;
    expect(review).toMatchObject({ reason: 'truth_changed', resolution: null });
    expect(isChangedTruth({ review })).toBe(true);
  });

  it('does not follow from an absence where a person has decided', () => {
    const absent = {
      kind: 'absent',
      scannedFrom: 1,
      scannedTo: 2,
      pages: 3,
      requestId: 'req_3',
    } as const;
    const resolved = aTransaction({
      status: 'succeeded',
      step: 'settled',
      settledAt: NOW,
      absentSince: NOW - 600_000,
    });
    expect(verdict(after(resolved, 'scan', absent))).toEqual({
      next: 'stop settled',
      status: undefined,
      action: 'observed',
      mails: [],
    });
  });

  it("does not follow from an absence where the key is somebody else's: their intent bears their mark", () => {
    const absent = {
      kind: 'absent',
      scannedFrom: 1,
      scannedTo: 2,
      pages: 3,
      requestId: 'req_3',
    } as const;
    const stuck = aTransaction({
      status: 'stuck',
      keyConflictAt: NOW - 600_000,
      absentSince: NOW - 600_000,
      review: {
        reason: 'key_used_elsewhere',
        message: 'm',
        at: NOW,
        evidence: {},
        resolution: null,
      },
    });
    expect(verdict(after(stuck, 'scan', absent))).toEqual({
      next: 'stop stuck',
      status: 'stuck',
      action: 'observed',
      mails: [],
    });
  });

  it('is looked for as long as it may come, however often nothing could be told', () => {
    const resolved = aConfirmSent({
      status: 'failed',
      step: 'settled',
      settledAt: NOW - 86_400_000,
      attempts: 7,
    });
    const missing = {
      kind: 'missing',
      requestId: null,
      message: 'No such payment_intent',
    } as const;
    expect(after(resolved, 'retrieve', missing).record?.stamps.nextAttempt).not.toBe('never');
    expect(
      after({ ...resolved, settledAt: NOW - 31 * 86_400_000 }, 'retrieve', missing).record?.stamps
        .nextAttempt,
    ).toBe('never');
  });

  it('is asked about once as a mismatch, not once a pass', () => {
    const stuck = aConfirmSent({
      status: 'stuck',
      review: { reason: 'amount_mismatch', message: 'm', at: NOW, evidence: {}, resolution: null },
    });
    expect(
      verdict(after(stuck, 'retrieve', sawIntent({ status: 'succeeded', amount: 1 }))),
    ).toMatchObject({ action: 'observed', mails: [] });
  });
});

describe("an intent that is not this payment's", () => {
  it.each([
    [
      'names another transaction',
      { metadata: { payrecon_transaction: 'txn_other', payrecon_ledger: LEDGER.id } },
    ],
    ['names no transaction', { metadata: {} }],
    [
      'names another ledger',
      { metadata: { payrecon_transaction: aTransaction().id, payrecon_ledger: 'led_other' } },
    ],
    ['names no ledger', { metadata: { payrecon_transaction: aTransaction().id } }],
    ['is of the other mode', { livemode: true }],
  ])('%s: it is neither settled, confirmed nor canceled by', (_, changes) => {
    for (const status of [
      'succeeded',
      'canceled',
      'requires_confirmation',
      'requires_payment_method',
      'processing',
    ]) {
      for (const call of ['retrieve', 'confirm', 'create', 'cancel', 'scan'] as const) {
        for (const purpose of ['charge', 'reconcile'] as const) {
          const decision = after(aConfirmSent(), call, sawIntent({ status, ...changes }), {
            purpose,
          });
          expect(verdict(decision)).toEqual({
            next: 'stop stuck',
            status: 'stuck',
            action: 'marked_stuck',
            mails: ['operator_stuck'],
          });
          expect(decision.record?.changes.review).toMatchObject({ reason: 'not_ours' });
        }
      }
    }
  });

  it('names no ledger on a row of a version that named none: it is ours', () => {
    const decision = after(
      aConfirmSent({ paramsVersion: 1 }),
      'retrieve',
      sawIntent({ status: 'succeeded', metadata: { payrecon_transaction: aTransaction().id } }),
    );
    expect(verdict(decision).status).toBe('succeeded');
  });
});

describe('what was received', () => {
  it('is recorded with a success', () => {
    const decision = after(aConfirmSent(), 'retrieve', sawIntent({ status: 'succeeded' }));
    expect(decision.record?.changes).toMatchObject({
      amountReceived: 4999,
      currencyReceived: 'usd',
    });
  });

  it('less than was asked for is a question, though the amount is the same', () => {
    const decision = after(
      aConfirmSent(),
      'retrieve',
      sawIntent({ status: 'succeeded', amountReceived: 1 }),
    );
    expect(verdict(decision)).toMatchObject({ status: 'stuck', mails: ['operator_stuck'] });
    expect(decision.record?.changes).toMatchObject({
      amountReceived: 1,
      currencyReceived: 'usd',
      review: { reason: 'amount_mismatch' },
    });
  });
});

describe('another intent of the same transaction', () => {
  const own = { id: 'pi_1', status: 'requires_confirmation' };
  const stray = anIntent({ id: 'pi_0', status: 'requires_confirmation' });

  it('that a create sent again may have made is looked for before money can move', () => {
    for (const firstSend of [false, true]) {
      const anew = after(
        aTransaction(),
        'create',
        sawIntent(own),
        { purpose: 'charge' },
        firstSend,
      );
      expect(anew).toMatchObject({
        kind: 'ask',
        call: 'scan',
        record: { action: 'created', changes: { paymentIntent: 'pi_1', step: 'created' } },
      });
    }
    const here = after(
      aTransaction(),
      'create',
      sawIntent(own),
      { purpose: 'charge', begunHere: true },
      true,
    );
    expect(verdict(here).next).toBe('ask confirm');
    const later = after(
      aTransaction({ attempt: 2, intents: 1 }),
      'create',
      sawIntent(own),
      { purpose: 'charge', begunHere: true },
      true,
    );
    expect(verdict(later).next).toBe('ask scan');
    const replayed = after(
      aTransaction(),
      'create',
      sawIntent(own, true),
      { purpose: 'charge' },
      false,
    );
    expect(verdict(replayed).next).toBe('ask confirm');
  });

  it('and could still succeed is canceled first', () => {
    const seen = { ...sawIntent(own), others: [stray] };
    expect(after(CREATED, 'scan', seen, { purpose: 'charge' })).toMatchObject({
      kind: 'ask',
      call: 'cancel_stray',
      target: 'pi_0',
    });
    const gone = after(CREATED, 'cancel_stray', sawIntent({ id: 'pi_0', status: 'canceled' }), {
      purpose: 'charge',
      made: ['scan', 'cancel_stray'],
    });
    expect(gone).toMatchObject({ kind: 'ask', call: 'scan' });
    const notGone = after(CREATED, 'cancel_stray', sawUnknown(), {
      purpose: 'charge',
      made: ['scan', 'cancel_stray'],
    });
    expect(notGone).toMatchObject({ kind: 'stop', record: null, reason: 'unknown' });
  });

  it('is looked for once more after an attempt that left no id', () => {
    const settled = after(
      aConfirmSent({ attempt: 2, absentAttempts: 1 }),
      'retrieve',
      sawIntent({ status: 'succeeded' }),
    );
    expect(settled.record?.stamps.nextAttempt).toEqual({ inMs: 86_400_000 });
    const known = after(
      aConfirmSent({ attempt: 2, intents: 1 }),
      'retrieve',
      sawIntent({ status: 'succeeded' }),
    );
    expect(known.record?.stamps.nextAttempt).toBe('never');
  });
});

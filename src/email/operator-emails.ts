import type { Facts } from './notification-data.ts';
import type { Block, Letter } from './render.ts';

const REASONS: ReadonlyMap<string, string> = new Map([
  ['amount_mismatch', 'Stripe shows another amount or currency than was asked for.'],
  ['undecided', 'Stripe answered several times and left it undecided.'],
  ['too_old', 'It has been open for longer than allowed.'],
  ['overdue', 'It has been processing for longer than this payment method takes.'],
  ['key_used_elsewhere', 'Its key was used at Stripe before, with other parameters.'],
  ['not_ours', 'The payment intent whose id is stored does not belong to this payment.'],
  ['not_recordable', 'What Stripe answered could not be recorded.'],
  ['truth_changed', 'Stripe now shows something other than what was recorded.'],
]);

export function stuckLetter(facts: Facts): Letter {
  const id = facts.transactionId ?? 'ID';
  return {
    subject: `A payment needs your decision: ${what(facts)}`,
    headline: 'payrecon cannot tell by itself how this payment ended, and asks you to decide.',
    blocks: [
      paragraph(whyStuck(facts)),
      ...keyConflict(facts),
      paymentFacts(facts),
      paragraph(
        'Until you decide, payrecon does not charge this key again and tells the customer nothing. It keeps looking, and follows Stripe if the outcome shows up there.',
      ),
      paragraph(
        'To see all the evidence, and to decide (it asks Stripe first and offers only what is safe):',
      ),
      { kind: 'commands', lines: [`payrecon show ${id}`, `payrecon stuck resolve ${id}`] },
    ],
  };
}

/** Queued for a settled row that Stripe contradicts, and for a stuck one that Stripe settles after all. */
export function truthChangedLetter(facts: Facts): Letter {
  const id = facts.transactionId ?? 'ID';
  const status = facts.text('status') ?? 'another outcome';
  const corrected = facts.text('review_reason') === 'truth_changed';
  const commands: Block = { kind: 'commands', lines: [`payrecon show ${id}`] };
  if (!corrected) {
    return {
      subject: `A stuck payment is settled: ${what(facts)}`,
      headline: `Stripe has settled a payment that waited for your decision: ${status}.`,
      blocks: [
        paragraph('It is recorded, and nothing is left to decide.'),
        paymentFacts(facts),
        commands,
      ],
    };
  }
  return {
    subject: `A recorded outcome changed: ${what(facts)}`,
    headline: `Stripe now shows something other than was recorded: ${status}.`,
    blocks: [
      paragraph(
        `What was seen: ${sentence(facts.text('review_message') ?? 'see its audit trail')}`,
      ),
      paragraph(
        'The ledger follows Stripe: the outcome has been corrected, and a customer whose e-mail address is known is told.',
      ),
      paymentFacts(facts),
      paragraph(
        'Please check whether something was done on the old outcome, such as a delivery, a second charge or a refund:',
      ),
      commands,
    ],
  };
}

export function outageLetter(facts: Facts): Letter {
  const failures = facts.number('failures_in_a_row');
  const many = failures === null ? 'Several calls' : `${failures} calls`;
  return {
    subject: 'Stripe is not answering; payments are kept as pending',
    headline: 'Stripe is not answering. No payment is lost, and none is tried twice.',
    blocks: [
      paragraph(
        `${many} in a row failed, so the reconciliation pass stopped. Open payments stay pending and no attempts are spent. Each next pass begins with one question to Stripe and goes on as soon as it is answered.`,
      ),
      { kind: 'facts', rows: [['Noticed', facts.time]] },
      paragraph(
        'There is nothing to do unless the network or the key of this installation is the cause. To check:',
      ),
      { kind: 'commands', lines: ['payrecon doctor', 'payrecon status'] },
      paragraph('This message is sent once for each outage.'),
    ],
  };
}

/** Stripe refused what we sent: no bank was asked, and no customer is told. */
export function requestRefusedLetter(facts: Facts): Letter {
  const code = facts.text('code');
  return {
    subject: `Stripe refuses charges: ${code ?? 'the request is not right'}`,
    headline:
      'Stripe refuses what payrecon sends. No bank was asked, nothing was charged, and no customer was told anything.',
    blocks: [
      paragraph(`What Stripe says: ${sentence(facts.text('message') ?? 'see the transaction')}`),
      paragraph(adviceFor(code)),
      {
        kind: 'facts',
        rows: [
          ['Code', code],
          ['Parameter', facts.text('param')],
          ['First seen in', facts.text('transaction_id')],
          ['At', facts.time],
        ],
      },
      paragraph(
        'The keys of these payments are not used up: when the cause is mended, charge again with the same keys. To see them:',
      ),
      { kind: 'commands', lines: ['payrecon doctor', 'payrecon list --status failed'] },
      paragraph('This message is sent once a day for each cause, however many payments it meets.'),
    ],
  };
}

/** Stripe knows payments of this ledger that the ledger has lost. */
export function rolledBackLetter(facts: Facts): Letter {
  return {
    subject: 'This ledger has lost payments: charging is stopped',
    headline:
      'Stripe shows payments of this ledger that the ledger does not have, or has only from before they were sent.',
    blocks: [
      paragraph(
        'The ledger was probably restored from a backup, or a failover lost its newest steps. Charging from it could charge somebody twice, so payrecon charges nothing (exit 2) until the ledger has these payments again.',
      ),
      {
        kind: 'facts',
        rows: [
          ['Payments found missing', facts.count('lost')],
          ['One of them', facts.text('transaction_id')],
          ['Its payment intent', facts.text('payment_intent')],
          ['At', facts.time],
        ],
      },
      paragraph(
        'Restore the newest copy of the ledger: the next pass finds it whole, and charging goes on by itself. Do not begin a new ledger meanwhile: it would know none of the payments that were made.',
      ),
      { kind: 'commands', lines: ['payrecon reconcile', 'payrecon status'] },
    ],
  };
}

/** What to look at first, by Stripe's code. */
const ADVICE: ReadonlyMap<string, string> = new Map([
  [
    'resource_missing',
    'Something that was sent, such as a payment method or a customer, does not exist in this account and mode. Is STRIPE_SECRET_KEY the key of the right account, and live or test as it should be?',
  ],
  ['amount_too_small', 'The amount is below what Stripe charges in this currency.'],
  ['amount_too_large', 'The amount is above what Stripe charges in this currency.'],
  ...[
    'test_mode_live_card',
    'test_mode_decline',
    'testmode_decline',
    'testmode_charges_only',
    'live_mode_test_card',
    'livemode_mismatch',
  ].map(
    (code) =>
      [
        code,
        'A live card or payment method met a test key, or the other way round: is STRIPE_SECRET_KEY live or test as it should be?',
      ] as const,
  ),
  ...[
    'payment_intent_mandate_invalid',
    'setup_intent_mandate_invalid',
    'billing_invalid_mandate',
    'india_recurring_payment_mandate_canceled',
  ].map(
    (code) =>
      [
        code,
        'The payment method lacks a valid mandate: the customer has to give one before it can be charged.',
      ] as const,
  ),
  ...[
    'account_invalid',
    'platform_account_required',
    'api_key_expired',
    'secret_key_required',
    'capability_not_active',
  ].map(
    (code) =>
      [
        code,
        'This account or its key may not do it: is STRIPE_SECRET_KEY the key of the right account, and is the account set up for this payment method?',
      ] as const,
  ),
]);

const ADVICE_ELSE =
  'It is about the request or the account, not about the customer: docs.stripe.com/error-codes says what each code means.';

function adviceFor(code: string | null): string {
  return ADVICE.get(code ?? '') ?? ADVICE_ELSE;
}

/** What Stripe shows under the key; whether it was this order's money is what a person has to find out. */
function keyConflict(facts: Facts): readonly Block[] {
  if (facts.text('review_reason') !== 'key_used_elsewhere') return [];
  const { otherIntents } = facts;
  const rows = otherIntents.map(
    ({ isUnderOurKey, words }) =>
      [isUnderOurKey ? 'Made under this key' : 'Looks like it', words] as const,
  );
  const found: readonly Block[] = rows.length > 0 ? [{ kind: 'facts', rows }] : [];
  const lookFor = otherIntents.some(({ isUnderOurKey }) => isUnderOurKey)
    ? 'Whether that payment was for the same order is yours to find out.'
    : 'The payment intent that was made under this key was not found. Look for it in the Dashboard and in the other ledger.';
  return [...found, paragraph(`It is never sent to Stripe again. ${lookFor}`)];
}

/** The sum that counts: what was received, as soon as that is known. */
function sumOf(facts: Facts): string | null {
  const { money, received, receivedDiffers } = facts;
  if (received === null) return money;
  if (!receivedDiffers || facts.text('status') === 'succeeded') return received;
  return `${received} received, ${money ?? ''} asked for`;
}

function what(facts: Facts): string {
  return [sumOf(facts), facts.text('reference') ?? facts.text('key') ?? facts.transactionId]
    .filter((part) => part !== null)
    .join(', ');
}

function whyStuck(facts: Facts): string {
  const said = facts.text('review_message');
  const general = REASONS.get(facts.text('review_reason') ?? '') ?? null;
  if (said === null) return general ?? 'The reason is in its audit trail.';
  return general === null ? sentence(said) : `${general} What was seen: ${sentence(said)}`;
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function paymentFacts(facts: Facts): Block {
  return {
    kind: 'facts',
    rows: [
      ['Transaction', facts.transactionId],
      [facts.receivedDiffers ? 'Amount asked for' : 'Amount', facts.money],
      ['Amount received', facts.receivedDiffers ? facts.received : null],
      ['Key', facts.text('key')],
      ['Reference', facts.text('reference')],
      ['Customer', facts.text('customer')],
      ['Payment intent', facts.text('payment_intent')],
      ['Status at Stripe, last seen', facts.text('stripe_status')],
      ['Failure code', facts.text('failure_code')],
    ],
  };
}

function paragraph(text: string): Block {
  return { kind: 'paragraph', text };
}

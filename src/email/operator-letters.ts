import { type Facts } from './facts.ts';
import { type Block, type Letter } from './render.ts';

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
      paymentFacts(facts),
      paragraph(
        'Until you decide, payrecon does not charge this key again and tells the customer nothing. It keeps looking, and follows Stripe if the outcome shows up there.',
      ),
      paragraph('To see all the evidence, and to decide (it asks Stripe first and offers only what is safe):'),
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
      blocks: [paragraph('It is recorded, and nothing is left to decide.'), paymentFacts(facts), commands],
    };
  }
  return {
    subject: `A recorded outcome changed: ${what(facts)}`,
    headline: `Stripe now shows something other than was recorded: ${status}.`,
    blocks: [
      paragraph(`What was seen: ${sentence(facts.text('review_message') ?? 'see its audit trail')}`),
      paragraph("The ledger follows Stripe: the outcome has been corrected, and the customer's e-mail about it is queued."),
      paymentFacts(facts),
      paragraph('Please check whether something was done on the old outcome, such as a delivery, a second charge or a refund:'),
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
      paragraph('There is nothing to do unless the network or the key of this installation is the cause. To check:'),
      { kind: 'commands', lines: ['payrecon doctor', 'payrecon status'] },
      paragraph('This message is sent once for each outage.'),
    ],
  };
}

/** Stripe refused what we sent: no bank was asked, and no customer is told. */
export function requestRefusedLetter(facts: Facts): Letter {
  return {
    subject: `Stripe refuses charges: ${facts.text('code') ?? 'our request is not right'}`,
    headline: 'Stripe refuses what payrecon sends. No bank was asked, and no customer was told anything.',
    blocks: [
      paragraph(`What Stripe says: ${sentence(facts.text('message') ?? 'see the transaction')}`),
      { kind: 'facts', rows: [['First seen', facts.time], ['Transaction', facts.text('transaction_id')], ['Parameter', facts.text('param')]] },
      paragraph('Usually the key is of another account or mode, or a payment method or customer does not exist there. The keys of these payments are not used up: correct the cause and charge them again.'),
      { kind: 'commands', lines: ['payrecon doctor', 'payrecon list --status failed'] },
      paragraph('This message is sent once a day for each cause.'),
    ],
  };
}

/** Stripe knows payments of this ledger that the ledger has lost. */
export function rolledBackLetter(facts: Facts): Letter {
  return {
    subject: 'This ledger has lost payments: charging is stopped',
    headline: 'Stripe shows payments of this ledger that the ledger does not have. payrecon charges nothing until it has them again.',
    blocks: [
      paragraph('The ledger was probably restored from a backup, or a failover lost its newest steps. To charge now could charge somebody twice.'),
      { kind: 'facts', rows: [['Noticed', facts.time], ['Payment intent', facts.text('payment_intent')], ['Transaction', facts.text('transaction_id')]] },
      paragraph('Restore the newest copy of the ledger; the next pass then finds it whole and charging goes on.'),
      { kind: 'commands', lines: ['payrecon reconcile', 'payrecon status'] },
    ],
  };
}

function what(facts: Facts): string {
  return [facts.money, facts.text('reference') ?? facts.text('key') ?? facts.transactionId].filter((part) => part !== null).join(', ');
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
      ['Amount', facts.money],
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

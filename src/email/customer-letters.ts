import { declineReason } from './decline-reasons.ts';
import { type Facts } from './facts.ts';
import { type Block, type Letter } from './render.ts';

/** A bank may show a payment that did not go through as pending for a while; people then think they were charged. */
const HOLD = 'If your bank shows the amount as pending, that is only a hold. Your bank removes it by itself, usually within a few days.';

export function succeededLetter(facts: Facts): Letter {
  return {
    subject: `Your payment${amount(facts)} went through`,
    headline: `Your payment${amount(facts)} went through; you were charged once.`,
    blocks: [...correction(facts), paymentFacts(facts, 'Amount charged'), paragraph('Thank you. There is nothing more to do.')],
  };
}

export function failedLetter(facts: Facts): Letter {
  return {
    subject: `Your payment${amount(facts)} did not go through`,
    headline: `Your payment${amount(facts)} did not go through. You have not been charged.`,
    blocks: [
      ...correction(facts),
      paragraph(declineReason(facts.text('failure_code'))),
      paymentFacts(facts, 'Amount'),
      paragraph(HOLD),
    ],
  };
}

export function authenticationLetter(facts: Facts): Letter {
  return {
    subject: `Your payment${amount(facts)} needs you`,
    headline: `Your payment${amount(facts)} needs your confirmation. You have not been charged.`,
    blocks: [
      ...correction(facts),
      paragraph('Your bank wants you to confirm this payment yourself, which could not be done without you. Please pay again where you bought, and confirm it with your bank.'),
      paymentFacts(facts, 'Amount'),
      paragraph(HOLD),
    ],
  };
}

export function canceledLetter(facts: Facts): Letter {
  return {
    subject: `Your payment${amount(facts)} was canceled`,
    headline: `Your payment${amount(facts)} was canceled. You have not been charged.`,
    blocks: [
      ...correction(facts),
      paragraph('It was not completed, so we canceled it. It cannot go through later. If you still want to pay, please start again.'),
      paymentFacts(facts, 'Amount'),
      paragraph(HOLD),
    ],
  };
}

/** The outcome was recorded, and told, before Stripe showed another one. */
function correction(facts: Facts): readonly Block[] {
  if (facts.text('review_reason') !== 'truth_changed') return [];
  return [paragraph('We told you something else about this payment earlier. We are sorry: that was not right, and this is the true outcome.')];
}

function amount(facts: Facts): string {
  return facts.money === null ? '' : ` of ${facts.money}`;
}

/** What helps a customer to recognise the payment and to ask about it. The key is the shop's own and is not shown. */
function paymentFacts(facts: Facts, amountName: string): Block {
  return {
    kind: 'facts',
    rows: [
      [amountName, facts.money],
      ['For', facts.text('description')],
      ['Your reference', facts.text('reference')],
      ['Date', facts.date],
      ['Payment number', facts.transactionId],
    ],
  };
}

function paragraph(text: string): Block {
  return { kind: 'paragraph', text };
}

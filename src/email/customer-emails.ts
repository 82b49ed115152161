import { declineReason } from './decline-reasons.ts';
import type { Facts } from './notification-data.ts';
import type { Block, Letter } from './render.ts';

/** A bank may show a payment that did not go through as pending for a while; people then think they were charged. */
const HOLD =
  'If your bank shows the amount as pending, that is only a hold. Your bank removes it by itself, usually within a few days.';

/** Names what was received: that, and not what was asked for, is what is missing on the customer's account. */
export function succeededLetter(facts: Facts): Letter {
  const { received, money, receivedDiffers } = facts;
  const of = received === null ? '' : ` of ${received}`;
  const difference = receivedDiffers
    ? [paragraph(`${money ?? ''} was asked for, and ${received ?? ''} was charged.`)]
    : [];
  return {
    subject: `Your payment${of} went through`,
    headline: `Your payment${of} went through; you were charged once.`,
    blocks: [
      ...correction(facts),
      ...difference,
      paymentFacts(facts, ['Amount charged', received]),
      paragraph('Thank you. There is nothing more to do.'),
    ],
  };
}

export function failedLetter(facts: Facts): Letter {
  return {
    subject: `Your payment${amount(facts)} did not go through`,
    headline: `Your payment${amount(facts)} did not go through. You have not been charged.`,
    blocks: [
      ...correction(facts),
      paragraph(
        declineReason({ code: facts.text('failure_code'), kind: facts.text('failure_kind') }),
      ),
      paymentFacts(facts, ['Amount', facts.money]),
      paragraph(HOLD),
    ],
  };
}

export function authenticationLetter(facts: Facts): Letter {
  return {
    subject: `Your payment${amount(facts)} needs your confirmation`,
    headline: `Your payment${amount(facts)} needs your confirmation. You have not been charged.`,
    blocks: [
      ...correction(facts),
      paragraph(
        `${authenticationReason(facts.text('failure_code'))} Please pay again where you bought, and confirm it with your bank. This attempt is over: nothing is charged later unless you pay again.`,
      ),
      paymentFacts(facts, ['Amount', facts.money]),
      paragraph(HOLD),
    ],
  };
}

function authenticationReason(code: string | null): string {
  return code === 'authentication_required'
    ? 'Your bank asks you to confirm this payment yourself, and you were not there to do it.'
    : 'Your bank asked you to confirm this payment, and that did not succeed.';
}

export function canceledLetter(facts: Facts): Letter {
  return {
    subject: `Your payment${amount(facts)} was canceled`,
    headline: `Your payment${amount(facts)} was canceled. You have not been charged.`,
    blocks: [
      ...correction(facts),
      paragraph(
        'It was not completed and has been canceled. It cannot go through later. If you still want to pay, please start again.',
      ),
      paymentFacts(facts, ['Amount', facts.money]),
      paragraph(HOLD),
    ],
  };
}

/** Another outcome was recorded before Stripe showed this one. Whether it was told, this e-mail does not know. */
function correction(facts: Facts): readonly Block[] {
  if (facts.text('review_reason') !== 'truth_changed') return [];
  return [
    paragraph(
      'If we told you something else about this payment earlier, that was not right, and we are sorry: this is the true outcome.',
    ),
  ];
}

function amount(facts: Facts): string {
  return facts.money === null ? '' : ` of ${facts.money}`;
}

/** What helps a customer to recognise the payment and to ask about it. The key is the shop's own and is not shown. */
function paymentFacts(
  facts: Facts,
  amountRow: readonly [name: string, money: string | null],
): Block {
  return {
    kind: 'facts',
    rows: [
      amountRow,
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

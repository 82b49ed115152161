import { declineReason } from './decline-reasons.ts';
import type { Facts } from './notification-data.ts';
import type { Block, Letter } from './render.ts';

/** A bank may show a payment that did not go through as pending for a while; people then think they were charged. */
const HOLD =
  'If your bank shows the amount as pending, that is only a hold. Your bank removes it by itself, usually within a few days.';

/** Names what was received: that, and not what was asked for, is what is missing on the customer's account. */
export function succeededLetter(facts: Facts): Letter {
  const { received, money, receivedDiffers } = facts;
  const payment = paymentOf(facts, received);
  const difference = receivedDiffers
    ? [paragraph(`${money ?? ''} was asked for, and ${received ?? ''} was charged.`)]
    : [];
  return {
    subject: `${payment} went through`,
    headline: `${payment} went through; you were charged once.`,
    blocks: [
      ...correction(facts),
      ...difference,
      paymentFacts(facts, ['Amount charged', received]),
      paragraph('Thank you. There is nothing more to do.'),
      ...questions(facts),
    ],
  };
}

export function failedLetter(facts: Facts): Letter {
  return {
    subject: `${paymentOf(facts, facts.money)} did not go through`,
    headline: `${paymentOf(facts, facts.money)} did not go through. You have not been charged.`,
    blocks: [
      ...correction(facts),
      paragraph(
        declineReason({ code: facts.text('failure_code'), kind: facts.text('failure_kind') }),
      ),
      paymentFacts(facts, ['Amount', facts.money]),
      paragraph(HOLD),
      ...questions(facts),
    ],
  };
}

export function authenticationLetter(facts: Facts): Letter {
  return {
    subject: `${paymentOf(facts, facts.money)} needs your confirmation`,
    headline: `${paymentOf(facts, facts.money)} needs your confirmation. You have not been charged.`,
    blocks: [
      ...correction(facts),
      paragraph(
        `${authenticationReason(facts.text('failure_code'))} Please pay again ${facts.shop === null ? 'where you bought' : `at ${facts.shop}`}, and confirm it with your bank. This attempt is over: nothing is charged later unless you pay again.`,
      ),
      paymentFacts(facts, ['Amount', facts.money]),
      paragraph(HOLD),
      ...questions(facts),
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
    subject: `${paymentOf(facts, facts.money)} was canceled`,
    headline: `${paymentOf(facts, facts.money)} was canceled. You have not been charged.`,
    blocks: [
      ...correction(facts),
      paragraph(
        'It was not completed and has been canceled. It cannot go through later. If you still want to pay, please start again.',
      ),
      paymentFacts(facts, ['Amount', facts.money]),
      paragraph(HOLD),
      ...questions(facts),
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

/** `Your payment of $49.99 to The Shop`, as far as it is known. */
function paymentOf({ shop }: Facts, sum: string | null): string {
  return `Your payment${sum === null ? '' : ` of ${sum}`}${shop === null ? '' : ` to ${shop}`}`;
}

function questions({ takesAnswers }: Facts): readonly Block[] {
  return takesAnswers
    ? [paragraph('If you have a question about this payment, answer this e-mail.')]
    : [];
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
      ['Shop', facts.shop],
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

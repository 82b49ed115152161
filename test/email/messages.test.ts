import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { declineReason } from '../../src/email/decline-reasons.ts';
import { messageFor as messageFrom, type Sender } from '../../src/email/messages.ts';
import {
  DECLINE_CODES,
  ERROR_CODES,
  UNDECLARED_ERROR_CODES,
} from '../../src/domain/refusals/refusal-codes.ts';
import { isBanksWord } from '../../src/domain/refusals/refusals.ts';
import type { Notification } from '../../src/app/ports.ts';
import type { RenderedMail } from '../../src/email/render.ts';
import { DATA, KINDS, notification, PAID } from './samples.ts';

const NOBODY: Sender = { shop: null, takesAnswers: false };
const messageFor = (sent: Notification, from: Sender = NOBODY): RenderedMail =>
  messageFrom(sent, from);

const CUSTOMER = KINDS.filter((kind) => kind.startsWith('customer'));

describe('every message', () => {
  // What people and programs outside could put in: markup, controls, line ends, text that runs backwards.
  const nasty = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({
      unit: fc.constantFrom(
        '<',
        '>',
        '&',
        '"',
        "'",
        '\n',
        '\r',
        '\0',
        '\u0085',
        '\u2028',
        '\u202e',
        '\u200b',
        '\ud800',
        'a',
        ' ',
        '{{',
      ),
      maxLength: 40,
    }),
    fc.constantFrom(
      '<script>alert(1)</script>',
      '</p><img src=x onerror=y>',
      'a\r\nBcc: b@example.com',
      '&lt;b&gt;',
      'x'.repeat(5_000),
    ),
  );
  const data = fc.record(
    {
      key: nasty,
      reference: nasty,
      description: nasty,
      amount: fc.integer({ min: 1, max: 99_999_999 }),
      amount_received: fc.oneof(fc.integer({ min: 0, max: 99_999_999 }), fc.constant(null)),
      currency_received: fc.oneof(fc.constantFrom('usd', 'jpy', null), nasty),
      other_intents: fc.array(
        fc.oneof(
          nasty,
          fc.record(
            { id: nasty, status: nasty, amount: fc.integer(), currency: nasty, matched_by: nasty },
            { requiredKeys: [] },
          ),
        ),
        { maxLength: 3 },
      ),
      failure_kind: fc.oneof(fc.constantFrom('declined', 'authentication', 'request', null), nasty),
      code: nasty,
      message: nasty,
      param: nasty,
      lost: nasty,
      currency: fc.oneof(fc.constantFrom('usd', 'jpy', 'kwd', 'isk'), nasty),
      payment_intent: nasty,
      stripe_status: nasty,
      status: nasty,
      customer: nasty,
      failure_code: nasty,
      failure_message: nasty,
      review_reason: fc.oneof(fc.constantFrom('truth_changed', 'undecided'), nasty),
      review_message: nasty,
      failures_in_a_row: fc.integer(),
    },
    { requiredKeys: [] },
  );
  const mail = fc
    .record({ kind: fc.constantFrom(...KINDS), data, transactionId: fc.option(nasty) })
    .map(({ kind, ...more }) => notification(kind, more));

  const TAGS =
    /<\/?(?:html|head|meta|title|style|body|main|h1|p|dl|dt|dd|pre|code)(?: (?:lang|charset|name|content)="[^"<>]*")*>|<!doctype html>/g;

  it('has no mark-up but its own', () => {
    fc.assert(
      fc.property(mail, (sent) => {
        const withoutOwn = messageFor(sent).html.replaceAll(TAGS, '');
        expect(withoutOwn).not.toMatch(/[<>]/);
        expect(withoutOwn.replaceAll(/&(?:amp|lt|gt|quot|#39);/g, '')).not.toContain('&');
      }),
      { numRuns: 3_000 },
    );
  });

  it('has a subject of one line, not empty and not endless', () => {
    fc.assert(
      fc.property(mail, (sent) => {
        const { subject } = messageFor(sent);
        expect(subject).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e]/u);
        expect(subject.trim()).not.toBe('');
        expect(Array.from(subject).length).toBeLessThanOrEqual(150);
      }),
      { numRuns: 3_000 },
    );
  });

  it('has no control character, and nothing that turns text around, in text and HTML', () => {
    fc.assert(
      fc.property(mail, (sent) => {
        const { text, html } = messageFor(sent);
        expect((text + html).replaceAll('\n', '')).not.toMatch(
          /[\p{Cc}\p{Cs}\u2028\u2029\u200b\u202a-\u202e\u2066-\u2069\ufeff]/u,
        );
      }),
      { numRuns: 3_000 },
    );
  });

  it('is the same whenever it is made', () => {
    fc.assert(
      fc.property(mail, (sent) => {
        expect(messageFor(structuredClone(sent))).toEqual(messageFor(sent));
      }),
    );
  });

  it.each(KINDS)('%s says the same in text and in HTML', (kind) => {
    const { text, html } = messageFor(notification(kind));
    const body = html
      .slice(html.indexOf('<main>'))
      .replaceAll(/<dt>([^<]*)<\/dt><dd>([^<]*)<\/dd>/g, '$1: $2 ')
      .replaceAll(/<[^>]+>/g, ' ');
    const words = (shown: string): string =>
      shown.replaceAll('&#39;', "'").replaceAll(/\s+/g, ' ').trim();
    expect(words(body)).toBe(words(text));
  });

  it.each(KINDS)('%s is a small page without tables, images, links, scripts or colours', (kind) => {
    const { html } = messageFor(notification(kind));
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(html).toContain('<meta name="color-scheme" content="light dark">');
    expect(html.match(/<h1>/g)).toHaveLength(1);
    expect(html).not.toMatch(
      /<(?:table|img|a|script|link|iframe)\b|url\(|http|#[0-9a-f]{3,6}|\bcolor:/i,
    );
    expect(html.length).toBeLessThan(4_000);
  });
});

describe('amounts', () => {
  it.each([
    ['usd', 4999, '$49.99'],
    ['jpy', 500, '¥500'],
    ['kwd', 1230, 'KWD 1.230'],
    ['isk', 50_000, 'ISK 500.00'],
  ])('%s', (currency, amount, shown) => {
    for (const kind of CUSTOMER) {
      const { subject, text, html } = messageFor(
        notification(kind, {
          data: { ...DATA, amount, currency, amount_received: amount, currency_received: currency },
        }),
      );
      for (const part of [subject, text, html]) expect(part).toContain(`Your payment of ${shown} `);
    }
  });

  it('are left out rather than wrong when they are not known', () => {
    const { subject } = messageFor(notification('customer_succeeded', { data: { amount: 5 } }));
    expect(subject).toBe('Your payment went through');
  });

  it('are what was received, with what was asked for where it differs', () => {
    const less = messageFor(
      notification('customer_succeeded', {
        data: { ...PAID, amount: 42_000, amount_received: 24_000 },
      }),
    );
    expect(less.subject).toBe('Your payment of $240.00 went through');
    expect(less.text).toContain(
      'Your payment of $240.00 went through; you were charged once.\n\n$420.00 was asked for, and $240.00 was charged.\n\nAmount charged: $240.00\n',
    );
    const otherwise = messageFor(
      notification('customer_succeeded', {
        data: { ...PAID, amount: 42_000, amount_received: 42_002, currency_received: 'eur' },
      }),
    );
    expect(otherwise.subject).toBe('Your payment of €420.02 went through');
    expect(otherwise.html).toContain('$420.00 was asked for, and €420.02 was charged.');
  });

  it('are not named where a person alone says that it was charged', () => {
    const { subject, text } = messageFor(
      notification('customer_succeeded', {
        data: { ...PAID, amount_received: null, currency_received: null },
      }),
    );
    expect(subject).toBe('Your payment went through');
    expect(text).not.toContain('$');
  });

  it('of an e-mail that an older version queued are those asked for: it queued none for another', () => {
    const { amount_received: _amount, currency_received: _currency, ...old } = PAID;
    expect(messageFor(notification('customer_succeeded', { data: old })).subject).toBe(
      'Your payment of $49.99 went through',
    );
  });

  it('that were received are told to the operator beside those asked for', () => {
    const mismatch = {
      ...DATA,
      amount: 42_000,
      amount_received: 24_000,
      currency_received: 'usd',
      review_reason: 'amount_mismatch',
      review_message: 'Stripe took $240.00, but $420.00 was asked for',
    };
    const { subject, text } = messageFor(notification('operator_stuck', { data: mismatch }));
    expect(subject).toBe(
      'A payment needs your decision: $240.00 received, $420.00 asked for, A-1001',
    );
    expect(text).toContain('Amount asked for: $420.00\nAmount received: $240.00\n');
    const corrected = messageFor(
      notification('operator_truth_changed', {
        data: { ...mismatch, status: 'succeeded', review_reason: 'truth_changed' },
      }),
    );
    expect(corrected.text).toContain('Amount received: $240.00');
  });
});

describe('to the customer', () => {
  it('says that it went through, once', () => {
    const { subject, text } = messageFor(notification('customer_succeeded', { data: PAID }));
    expect(subject).toBe('Your payment of $49.99 went through');
    expect(text).toBe(
      [
        'Your payment of $49.99 went through; you were charged once.',
        '',
        'Amount charged: $49.99',
        'For: Two chairs',
        'Your reference: A-1001',
        'Date: 22 November 2026',
        'Payment number: txn_01HZX5J4E9K4M2N8P0Q6R7S8T9',
        '',
        'Thank you. There is nothing more to do.',
        '',
      ].join('\n'),
    );
  });

  it.each(CUSTOMER)('%s names the shop, where it is known, and whom to ask', (kind) => {
    const shop: Sender = { shop: 'Ada & Söhne <"Best">', takesAnswers: true };
    const { subject, text, html } = messageFor(notification(kind), shop);
    expect(subject).toContain('Your payment of $49.99 to Ada & Söhne <"Best"> ');
    expect(text).toContain('Shop: Ada & Söhne <"Best">\n');
    expect(html).toContain('<dd>Ada &amp; Söhne &lt;&quot;Best&quot;&gt;</dd>');
    for (const part of [text, html])
      expect(part).toContain('If you have a question about this payment, answer this e-mail.');
    const unknown = messageFor(notification(kind));
    expect(unknown.text + unknown.html).not.toMatch(/Shop:|answer this e-mail/);
  });

  it("bears the date of its sender's calendar", () => {
    const evening = {
      ...notification('customer_succeeded'),
      createdAt: Date.UTC(2026, 10, 22, 22),
    };
    const dated = (timeZone: string): string =>
      /^Date: .*$/m.exec(messageFor(evening, { ...NOBODY, timeZone }).text)?.[0] ?? '';
    expect(['UTC', 'Pacific/Auckland'].map(dated)).toEqual([
      'Date: 22 November 2026',
      'Date: 23 November 2026',
    ]);
  });

  it.each(['customer_failed', 'customer_authentication', 'customer_canceled'] as const)(
    '%s says that nothing was charged',
    (kind) => {
      const { text, html } = messageFor(notification(kind));
      expect(text).toContain('You have not been charged.');
      expect(html).toContain('You have not been charged.');
      expect(text).not.toContain('charged once');
    },
  );

  it('gives a friendly reason in our own words', () => {
    const { text } = messageFor(notification('customer_failed'));
    expect(text).toContain(
      'There was not enough money available. Please use another card or payment method.',
    );
    expect(text).not.toContain('Your card has insufficient funds.');
  });

  it('does not tell a thief that the card is known as stolen', () => {
    for (const code of [
      'stolen_card',
      'lost_card',
      'fraudulent',
      'pickup_card',
      'restricted_card',
      'security_violation',
      'merchant_blacklist',
      'no_such_code',
    ]) {
      expect(declineReason({ code, kind: 'declined' })).toBe(
        declineReason({ code: 'generic_decline', kind: 'declined' }),
      );
      const { text } = messageFor(
        notification('customer_failed', {
          data: { ...DATA, failure_code: code, failure_message: 'stolen' },
        }),
      );
      expect(text).not.toMatch(/stolen|lost|fraud|blacklist/);
    }
  });

  it('never blames a bank for what is not the word of one', () => {
    const codesOf = (table: Readonly<Record<string, readonly string[]>>): readonly string[] =>
      Object.values(table).flat();
    const known = [ERROR_CODES, UNDECLARED_ERROR_CODES, DECLINE_CODES].flatMap(codesOf);
    for (const code of [
      ...known,
      'resolved_by_operator',
      'invalid_request',
      'no_such_code',
      null,
    ]) {
      for (const kind of ['declined', 'request', null]) {
        const words = declineReason({ code, kind });
        if (!isBanksWord(code) && code !== 'issuer_not_available')
          expect([code, words]).toEqual([
            code,
            expect.not.stringMatching(/your bank|card company/i),
          ]);
      }
    }
  });

  it('says of a request that Stripe refused, queued by an older version, only that it could not be made', () => {
    const { failure_kind: _kind, ...old } = DATA;
    const { text } = messageFor(
      notification('customer_failed', { data: { ...old, failure_code: 'resource_missing' } }),
    );
    expect(text).toContain('It could not be made.');
    expect(text).not.toMatch(/declined|approve/i);
  });

  it.each([
    [
      'authentication_required',
      'Your bank asks you to confirm this payment yourself, and you were not there to do it.',
    ],
    [
      'payment_intent_authentication_failure',
      'Your bank asked you to confirm this payment, and that did not succeed.',
    ],
  ])(
    'asks the customer to come back after %s, and says that this attempt is over',
    (code, reason) => {
      const { subject, text } = messageFor(
        notification('customer_authentication', {
          data: { ...DATA, failure_kind: 'authentication', failure_code: code },
        }),
      );
      expect(subject).toBe('Your payment of $49.99 needs your confirmation');
      expect(text).toContain('You have not been charged.');
      expect(text).toContain(
        `${reason} Please pay again where you bought, and confirm it with your bank. This attempt is over: nothing is charged later unless you pay again.`,
      );
      expect(text).not.toMatch(/declined|approve/i);
    },
  );

  it('says of a canceled payment no more than that', () => {
    const { text } = messageFor(notification('customer_canceled'));
    expect(text).toContain(
      'It was not completed and has been canceled. It cannot go through later.',
    );
    expect(text).not.toContain('we canceled');
  });

  it('shows neither the key nor what only the shop should know', () => {
    for (const kind of CUSTOMER) {
      const { text, html } = messageFor(
        notification(kind, {
          data: { ...DATA, key: 'secret-key-7', review_message: 'inside words' },
        }),
      );
      expect(text + html).not.toMatch(/secret-key-7|inside words|pi_1/);
    }
  });

  it('apologises when the outcome recorded before was another one', () => {
    const corrected = { ...DATA, status: 'succeeded', review_reason: 'truth_changed' };
    // An earlier outcome was recorded; whether it was told is not known here, so nothing is claimed about that.
    const sorry =
      'If we told you something else about this payment earlier, that was not right, and we are sorry: this is the true outcome.';
    expect(messageFor(notification('customer_succeeded', { data: corrected })).text).toContain(
      sorry,
    );
    expect(messageFor(notification('customer_succeeded', { data: PAID })).text).not.toContain(
      'sorry',
    );
  });
});

describe('to the operator', () => {
  it('says what was seen and what to run', () => {
    const { subject, text } = messageFor(notification('operator_stuck'));
    expect(subject).toBe('A payment needs your decision: $49.99, A-1001');
    expect(text).toContain(
      'Stripe answered several times and left it undecided. What was seen: five answers, none of them final.',
    );
    expect(text).toContain('\n    payrecon stuck resolve txn_01HZX5J4E9K4M2N8P0Q6R7S8T9\n');
    expect(text).toContain('Key: order-1');
    expect(text).toContain('Payment intent: pi_1');
  });

  it('names the other intent where the key was used elsewhere, and never says that nothing was charged', () => {
    const other = {
      id: 'pi_other',
      status: 'succeeded',
      amount: 5500,
      amount_received: 5500,
      currency: 'eur',
      created: 1,
      matched_by: 'idempotency_key',
    };
    const alike = {
      ...other,
      id: 'pi_alike',
      status: 'canceled',
      amount_received: 0,
      matched_by: 'looks_alike',
    };
    const data = {
      ...DATA,
      review_reason: 'key_used_elsewhere',
      review_message: 'Stripe knows this key',
      other_intents: [other, alike, 'nonsense'],
    };
    const { text } = messageFor(notification('operator_stuck', { data }));
    expect(text).toContain('Made under this key: pi_other is succeeded, €55.00\n');
    expect(text).toContain('Looks like it: pi_alike is canceled, €55.00\n');
    expect(text).toContain('It is never sent to Stripe again.');
    expect(text).not.toMatch(/not (?:been )?charged|nothing was charged/i);
    const none = messageFor(
      notification('operator_stuck', { data: { ...data, other_intents: [] } }),
    );
    expect(none.text).toContain('The payment intent that was made under this key was not found.');
  });

  it('tells once a cause what Stripe refuses, whose fault it is, and what to do', () => {
    const data = {
      cause: 'resource_missing',
      code: 'resource_missing',
      message: "No such PaymentMethod: 'pm_x'",
      transaction_id: 'txn_1',
      param: 'payment_method',
      outage_id: 'out_1',
    };
    const { subject, text } = messageFor(notification('operator_request_refused', { data }));
    expect(subject).toBe('Stripe refuses charges: resource_missing');
    expect(text).toContain(
      'No bank was asked, nothing was charged, and no customer was told anything.',
    );
    expect(text).toContain("What Stripe says: No such PaymentMethod: 'pm_x'.");
    expect(text).toContain('does not exist in this account and mode');
    expect(text).toContain(
      'Code: resource_missing\nParameter: payment_method\nFirst seen in: txn_1\nAt: 2026-11-22T12:00:00Z\n',
    );
    expect(text).toContain(
      'The keys of these payments are not used up: when the cause is mended, charge again with the same keys.',
    );
    expect(text).toContain('once a day for each cause');
    expect(text).not.toMatch(/declined|your bank/i);
  });

  it('says what a refusal of an amount, a mandate or a mode is about', () => {
    const advice = (code: string): string =>
      messageFor(notification('operator_request_refused', { data: { code, message: 'No.' } })).text;
    expect(advice('amount_too_small')).toContain('below what Stripe charges in this currency');
    expect(advice('payment_intent_mandate_invalid')).toContain('mandate');
    expect(advice('test_mode_live_card')).toContain('live');
    expect(advice('no_such_code')).toContain('docs.stripe.com/error-codes');
  });

  it('tells that the ledger has lost payments, what stands still, and what to do', () => {
    const data = {
      cause: 'lost txn_1',
      transaction_id: 'txn_1',
      payment_intent: 'pi_1',
      lost: { txn_1: 1, txn_2: 2 },
      outage_id: 'out_1',
    };
    const { subject, text } = messageFor(notification('operator_rolled_back', { data }));
    expect(subject).toBe('This ledger has lost payments: charging is stopped');
    expect(text).toContain(
      'Payments found missing: 2\nOne of them: txn_1\nIts payment intent: pi_1\nAt: 2026-11-22T12:00:00Z\n',
    );
    expect(text).toContain('payrecon charges nothing (exit 2)');
    expect(text).toContain('Do not begin a new ledger');
  });

  it('tells a corrected outcome from a stuck payment that was settled', () => {
    const corrected = {
      ...DATA,
      status: 'succeeded',
      review_reason: 'truth_changed',
      review_message: 'was failed, but Stripe shows succeeded',
    };
    expect(messageFor(notification('operator_truth_changed', { data: corrected })).text).toContain(
      'What was seen: was failed, but Stripe shows succeeded.',
    );
    const settled = messageFor(
      notification('operator_truth_changed', {
        data: { ...DATA, status: 'failed', review_reason: null },
      }),
    );
    expect(settled.subject).toBe('A stuck payment is settled: $49.99, A-1001');
    expect(settled.text).toContain('waited for your decision: failed.');
  });

  it('tells an outage with what it means for the payments', () => {
    const { text } = messageFor(
      notification('operator_outage', { data: { failures_in_a_row: 5, outage_id: 'out_1' } }),
    );
    expect(text).toContain('5 calls in a row failed');
    expect(text).toContain('No payment is lost, and none is tried twice.');
    expect(text).toContain('Noticed: 2026-11-22T12:00:00Z');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { declineReason } from '../../src/email/decline-reasons.ts';
import { messageFor } from '../../src/email/messages.ts';
import { DATA, KINDS, notification } from './samples.ts';

const CUSTOMER = KINDS.filter((kind) => kind.startsWith('customer'));

describe('every message', () => {
  // What people and programs outside could put in: markup, controls, line ends, text that runs backwards.
  const nasty = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: fc.constantFrom('<', '>', '&', '"', "'", '\n', '\r', '\0', '\u0085', '\u2028', '\u202e', '\u200b', '\ud800', 'a', ' ', '{{'), maxLength: 40 }),
    fc.constantFrom('<script>alert(1)</script>', '</p><img src=x onerror=y>', 'a\r\nBcc: b@example.com', '&lt;b&gt;', 'x'.repeat(5_000)),
  );
  const data = fc.record(
    {
      key: nasty,
      reference: nasty,
      description: nasty,
      amount: fc.integer({ min: 1, max: 99_999_999 }),
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

  const TAGS = /<\/?(?:html|head|meta|title|style|body|main|h1|p|dl|dt|dd|pre|code)(?: (?:lang|charset|name|content)="[^"<>]*")*>|<!doctype html>/g;

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
        expect((text + html).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u2029\u200b\u202a-\u202e\u2066-\u2069\ufeff]/u);
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
    const body = html.slice(html.indexOf('<main>')).replaceAll(/<dt>([^<]*)<\/dt><dd>([^<]*)<\/dd>/g, '$1: $2 ').replaceAll(/<[^>]+>/g, ' ');
    const words = (shown: string): string => shown.replaceAll('&#39;', "'").replaceAll(/\s+/g, ' ').trim();
    expect(words(body)).toBe(words(text));
  });

  it.each(KINDS)('%s is a small page without tables, images, links, scripts or colours', (kind) => {
    const { html } = messageFor(notification(kind));
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(html).toContain('<meta name="color-scheme" content="light dark">');
    expect(html.match(/<h1>/g)).toHaveLength(1);
    expect(html).not.toMatch(/<(?:table|img|a|script|link|iframe)\b|url\(|http|#[0-9a-f]{3,6}|\bcolor:/i);
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
      const { subject, text, html } = messageFor(notification(kind, { data: { ...DATA, amount, currency } }));
      for (const part of [subject, text, html]) expect(part).toContain(`Your payment of ${shown} `);
    }
  });

  it('are left out rather than wrong when they are not known', () => {
    const { subject } = messageFor(notification('customer_succeeded', { data: { amount: 5 } }));
    expect(subject).toBe('Your payment went through');
  });
});

describe('to the customer', () => {
  it('says that it went through, once', () => {
    const { subject, text } = messageFor(notification('customer_succeeded'));
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

  it.each(['customer_failed', 'customer_canceled'] as const)('%s says that nothing was charged', (kind) => {
    const { text, html } = messageFor(notification(kind));
    expect(text).toContain('You have not been charged.');
    expect(html).toContain('You have not been charged.');
    expect(text).not.toContain('charged once');
  });

  it('gives a friendly reason in our own words', () => {
    const { text } = messageFor(notification('customer_failed'));
    expect(text).toContain('There was not enough money available. Please use another card or payment method.');
    expect(text).not.toContain('Your card has insufficient funds.');
  });

  it('does not tell a thief that the card is known as stolen', () => {
    for (const code of ['stolen_card', 'lost_card', 'fraudulent', 'pickup_card', 'merchant_blacklist', 'no_such_code']) {
      expect(declineReason(code)).toBe(declineReason(null));
      const { text } = messageFor(notification('customer_failed', { data: { ...DATA, failure_code: code, failure_message: 'stolen' } }));
      expect(text).not.toMatch(/stolen|lost|fraud|blacklist/);
    }
  });

  it('shows neither the key nor what only the shop should know', () => {
    for (const kind of CUSTOMER) {
      const { text, html } = messageFor(notification(kind, { data: { ...DATA, key: 'secret-key-7', review_message: 'inside words' } }));
      expect(text + html).not.toMatch(/secret-key-7|inside words|pi_1/);
    }
  });

  it('apologises when the outcome told before was another one', () => {
    const corrected = { ...DATA, status: 'succeeded', review_reason: 'truth_changed' };
    expect(messageFor(notification('customer_succeeded', { data: corrected })).text).toContain('We are sorry');
    expect(messageFor(notification('customer_succeeded')).text).not.toContain('We are sorry');
  });
});

describe('to the operator', () => {
  it('says what was seen and what to run', () => {
    const { subject, text } = messageFor(notification('operator_stuck'));
    expect(subject).toBe('A payment needs your decision: $49.99, A-1001');
    expect(text).toContain('Stripe answered several times and left it undecided. What was seen: five answers, none of them final.');
    expect(text).toContain('\n    payrecon stuck resolve txn_01HZX5J4E9K4M2N8P0Q6R7S8T9\n');
    expect(text).toContain('Key: order-1');
    expect(text).toContain('Payment intent: pi_1');
  });

  it('tells a corrected outcome from a stuck payment that was settled', () => {
    const corrected = { ...DATA, status: 'succeeded', review_reason: 'truth_changed', review_message: 'was failed, but Stripe shows succeeded' };
    expect(messageFor(notification('operator_truth_changed', { data: corrected })).text).toContain('What was seen: was failed, but Stripe shows succeeded.');
    const settled = messageFor(notification('operator_truth_changed', { data: { ...DATA, status: 'failed', review_reason: null } }));
    expect(settled.subject).toBe('A stuck payment is settled: $49.99, A-1001');
    expect(settled.text).toContain('waited for your decision: failed.');
  });

  it('tells an outage with what it means for the payments', () => {
    const { text } = messageFor(notification('operator_outage', { data: { failures_in_a_row: 5, outage_id: 'out_1' } }));
    expect(text).toContain('5 calls in a row failed');
    expect(text).toContain('No payment is lost, and none is tried twice.');
    expect(text).toContain('Noticed: 2026-11-22T12:00:00Z');
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cancelIdempotencyKey, confirmIdempotencyKey, createIdempotencyKey } from '../../src/stripe/idempotency.ts';
import { confirmParams, createParams } from '../../src/stripe/params.ts';
import { redact } from '../../src/stripe/redact.ts';
import { SECRET, transaction } from './samples.ts';

describe('idempotency keys', () => {
  it('are what they were when the first charge was sent', () => {
    // Another value would make a repetition a second charge: this may never change.
    const hash = '0bafe22156d2698c143b86040446d366ead863ba600d5c924f3d15c786ef4057';
    expect(createIdempotencyKey({ key: 'order-1', attempt: 1 })).toBe(`payrecon-create-${hash}`);
    expect(confirmIdempotencyKey({ key: 'order-1', attempt: 1 })).toBe(`payrecon-confirm-${hash}`);
    expect(cancelIdempotencyKey({ key: 'order-1', attempt: 1, version: 7, paymentIntent: 'pi_1' })).toMatch(new RegExp(`^payrecon-cancel-${hash}-7-[0-9a-f]{16}$`));
  });

  it('differ for other keys, fit into 255 characters and show nothing of the key', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4, maxLength: 255, unit: 'binary' }), fc.string({ minLength: 1 }), (key, other) => {
        const made = [createIdempotencyKey({ key, attempt: 1 }), confirmIdempotencyKey({ key, attempt: 1 }), cancelIdempotencyKey({ key, attempt: 1, version: 1_000_000, paymentIntent: 'pi_1' })];
        expect(new Set(made).size).toBe(3);
        for (const text of made) expect(text).toMatch(/^[a-z0-9-]{1,255}$/);
        if (other !== key) expect(createIdempotencyKey({ key: other, attempt: 1 })).not.toBe(made[0]);
      }),
    );
  });

  it('do not depend on the transaction, so that two ledgers share them', () => {
    expect(createIdempotencyKey(transaction({ id: 'txn_a', version: 1 }))).toBe(createIdempotencyKey(transaction({ id: 'txn_b', version: 9 })));
    expect(createParams(transaction({ id: 'txn_a' }), null)).not.toEqual(createParams(transaction({ id: 'txn_b' }), null));
  });
});

describe('parameters', () => {
  it('of a create depend on the fixed request alone', () => {
    const moved = transaction({ status: 'failed', step: 'settled', version: 40, paymentIntent: null, attempts: 3, failureCode: 'x', updatedAt: 5 });
    expect(JSON.stringify(createParams(moved, null))).toBe(JSON.stringify(createParams(transaction(), null)));
  });

  it('never confirm, never mail a receipt, and name no type in the old way', () => {
    const sent = { ...createParams(transaction({ email: 'ann@example.com' }), null), ...confirmParams({ session: null }) };
    for (const name of ['confirm', 'receipt_email', 'payment_method_types', 'off_session', 'automatic_payment_methods']) {
      expect(sent).not.toHaveProperty(name);
    }
    expect(JSON.stringify(sent)).not.toContain('ann@example.com');
  });

  it('keep our metadata when the user names it too', () => {
    expect(createParams(transaction({ metadata: { payrecon_transaction: 'mine' } }), null).metadata).toEqual({
      payrecon_transaction: 'txn_01HZX5J4E9K4M2N8P0Q6R7S8T9',
    });
  });
});

describe('redaction', () => {
  it.each([
    [`key ${SECRET}!`, 'key [key]!'],
    ['Invalid API Key provided: sk_test_****************cdef', 'Invalid API Key provided: [key]'],
    ['rk_live_51Habc and pk_test_x', '[key] and [key]'],
    ['whsec_abc', '[key]'],
    ['pi_1_secret_abc is not pi_1', 'pi_1_secret_[secret] is not pi_1'],
    ['the risk_level and task_test stay', 'the risk_level and task_test stay'],
  ])('%s', (text, shown) => {
    expect(redact(text, SECRET)).toBe(shown);
  });

  it('shows no part of a key that lies where a long text is cut', () => {
    for (let before = 1_900; before < 2_100; before += 7) {
      const shown = redact(`${'sk_test_x'.repeat(20)} `.repeat(9) + 'x '.repeat((before - 1_629) / 2) + `sk_live_${'Canary'.repeat(40)} end`, SECRET);
      expect(shown).not.toMatch(/Canary|sk_/);
    }
  });

  it('costs no more than the length of a text, however it is made', () => {
    const begun = performance.now();
    for (const unit of ['a', 'a_secret_', '_secret_', 'sk_', 'sk_test_', '*', '.', ' ', 'a.']) redact(unit.repeat(1_000_000), SECRET);
    // A quadratic pattern would take hours.
    expect(performance.now() - begun).toBeLessThan(20_000);
  });

  it('takes a key of any form out', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8 }), fc.string(), fc.string(), (secret, before, after) => {
        expect(redact(before + secret + after, secret)).not.toContain(secret.includes('[key]') ? '\0' : secret);
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BugError } from '../../src/domain/errors.ts';
import type { Transaction } from '../../src/domain/transaction.ts';
import {
  cancelIdempotencyKey,
  confirmIdempotencyKey,
  createIdempotencyKey,
} from '../../src/stripe/idempotency.ts';
import { confirmParams, createParams, type LedgerNames } from '../../src/stripe/params.ts';
import { redact } from '../../src/stripe/redact.ts';
import { json, startRawServer, type RawServer } from './raw-server.ts';
import { gatewayAt, intent, SECRET, transaction } from './samples.ts';

describe('idempotency keys', () => {
  it('are what they were when the first charge was sent', () => {
    // Another value would make a repetition a second charge: this may never change.
    const hash = '0bafe22156d2698c143b86040446d366ead863ba600d5c924f3d15c786ef4057';
    expect(createIdempotencyKey({ key: 'order-1', attempt: 1 })).toBe(`payrecon-create-${hash}`);
    expect(confirmIdempotencyKey({ key: 'order-1', attempt: 1 })).toBe(`payrecon-confirm-${hash}`);
    expect(
      cancelIdempotencyKey({ key: 'order-1', attempt: 1, version: 7, paymentIntent: 'pi_1' }),
    ).toMatch(new RegExp(`^payrecon-cancel-${hash}-7-[0-9a-f]{16}$`));
  });

  it('differ for other keys, fit into 255 characters and show nothing of the key', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 4, maxLength: 255, unit: 'binary' }),
        fc.string({ minLength: 1 }),
        (key, other) => {
          const made = [
            createIdempotencyKey({ key, attempt: 1 }),
            confirmIdempotencyKey({ key, attempt: 1 }),
            cancelIdempotencyKey({ key, attempt: 1, version: 1_000_000, paymentIntent: 'pi_1' }),
          ];
          expect(new Set(made).size).toBe(3);
          for (const text of made) expect(text).toMatch(/^[a-z0-9-]{1,255}$/);
          if (other !== key)
            expect(createIdempotencyKey({ key: other, attempt: 1 })).not.toBe(made[0]);
        },
      ),
    );
  });

  it('do not depend on the transaction, so that two ledgers share them', () => {
    expect(createIdempotencyKey(transaction({ id: 'txn_a', version: 1 }))).toBe(
      createIdempotencyKey(transaction({ id: 'txn_b', version: 9 })),
    );
    expect(createParams(transaction({ id: 'txn_a' }), null)).not.toEqual(
      createParams(transaction({ id: 'txn_b' }), null),
    );
  });
});

describe('parameters', () => {
  it('of a create depend on the fixed request alone', () => {
    const moved = transaction({
      status: 'failed',
      step: 'settled',
      version: 40,
      paymentIntent: null,
      attempts: 3,
      failureCode: 'x',
      updatedAt: 5,
    });
    expect(JSON.stringify(createParams(moved, null))).toBe(
      JSON.stringify(createParams(transaction(), null)),
    );
  });

  it('never confirm, never mail a receipt, and name no type in the old way', () => {
    const sent = {
      ...createParams(transaction({ email: 'ann@example.com' }), null),
      ...confirmParams({ session: null }),
    };
    for (const name of [
      'confirm',
      'receipt_email',
      'payment_method_types',
      'off_session',
      'automatic_payment_methods',
    ]) {
      expect(sent).not.toHaveProperty(name);
    }
    expect(JSON.stringify(sent)).not.toContain('ann@example.com');
  });

  it('keep our metadata when the user names it too', () => {
    expect(
      createParams(transaction({ metadata: { payrecon_transaction: 'mine' } }), null).metadata,
    ).toEqual({
      payrecon_transaction: 'txn_01HZX5J4E9K4M2N8P0Q6R7S8T9',
    });
  });
});

/** What 0.1.0 sent, taken from its wire: a row that it made must be repeated with these very bytes. */
const OLD_BYTES = [
  {
    of: transaction({ paramsVersion: 1, session: null }),
    body: 'amount=4999&currency=usd&payment_method=pm_card_visa&allowed_payment_method_types[0]=card&customer=cus_1&description=Two%20chairs&metadata[shop]=north&metadata[payrecon_transaction]=txn_01HZX5J4E9K4M2N8P0Q6R7S8T9',
    digest: '0bafe22156d2698c143b86040446d366ead863ba600d5c924f3d15c786ef4057',
  },
  {
    of: transaction({
      paramsVersion: 1,
      session: null,
      customer: null,
      description: null,
      metadata: {},
    }),
    body: 'amount=4999&currency=usd&payment_method=pm_card_visa&allowed_payment_method_types[0]=card&metadata[payrecon_transaction]=txn_01HZX5J4E9K4M2N8P0Q6R7S8T9',
    digest: '0bafe22156d2698c143b86040446d366ead863ba600d5c924f3d15c786ef4057',
  },
  {
    of: transaction({
      paramsVersion: 1,
      session: null,
      key: 'schl\u00fcssel 1/2 & mehr',
      amount: 1,
      currency: 'jpy',
      methodTypes: ['card', 'us_bank_account'],
      description: 'a&b=c d+e \u00e9',
      metadata: { 'a b': 'x&y', payrecon_key: 'mine', payrecon_ledger: 'mine', z: '' },
    }),
    body: 'amount=1&currency=jpy&payment_method=pm_card_visa&allowed_payment_method_types[0]=card&allowed_payment_method_types[1]=us_bank_account&customer=cus_1&description=a%26b%3Dc%20d%2Be%20%C3%A9&metadata[a%20b]=x%26y&metadata[payrecon_key]=mine&metadata[payrecon_ledger]=mine&metadata[z]=&metadata[payrecon_transaction]=txn_01HZX5J4E9K4M2N8P0Q6R7S8T9',
    digest: '3918cc13991ee279d2daa5d8dd65bb6f7f3bf6844f954e405739934c15b720da',
  },
];

const LEDGER = { id: 'led_01HZX5J4E9K4M2N8P0Q6R7S8T9', namespace: '' };

describe('on the wire', () => {
  async function sent(of: Transaction, ledger: LedgerNames | null): Promise<RawServer['seen']> {
    await using server = await startRawServer((_seen, response) => json(response, 200, intent()));
    const gateway = gatewayAt(server.base, { ledger: () => ledger });
    await gateway.create(of);
    await gateway.confirm(of);
    gateway.close();
    return server.seen;
  }

  it.each(OLD_BYTES)(
    'a row of 0.1.0 sends what it sent before, byte for byte: $body',
    async ({ of, body, digest }) => {
      // Also by a ledger that has an id by now.
      for (const ledger of [null, LEDGER]) {
        const [create, confirm] = await sent(of, ledger);
        expect([create?.path, create?.body, create?.headers['idempotency-key']]).toEqual([
          '/v1/payment_intents',
          body,
          `payrecon-create-${digest}`,
        ]);
        expect([confirm?.path, confirm?.body, confirm?.headers['idempotency-key']]).toEqual([
          '/v1/payment_intents/pi_1/confirm',
          '',
          `payrecon-confirm-${digest}`,
        ]);
      }
    },
  );

  it('a row of now bears the marks of its ledger, attempt and key, and is confirmed off session', async () => {
    const [create, confirm] = await sent(
      transaction({ paramsVersion: 2, session: 'off_session', attempt: 3 }),
      { ...LEDGER, namespace: 'north' },
    );
    expect(
      Object.fromEntries([...create!.form].filter(([name]) => name.startsWith('metadata'))),
    ).toEqual({
      'metadata[shop]': 'north',
      'metadata[payrecon_transaction]': 'txn_01HZX5J4E9K4M2N8P0Q6R7S8T9',
      'metadata[payrecon_ledger]': 'led_01HZX5J4E9K4M2N8P0Q6R7S8T9',
      'metadata[payrecon_attempt]': '3',
      'metadata[payrecon_key]': '0bafe22156d2698c143b86040446d366ead863ba600d5c924f3d15c786ef4057',
      'metadata[payrecon_namespace]': 'north',
    });
    expect(confirm?.body).toBe('off_session=true');
  });

  it('on session nothing is said of the session, and without a namespace nothing of that', async () => {
    const [create, confirm] = await sent(
      transaction({ paramsVersion: 2, session: 'on_session' }),
      LEDGER,
    );
    expect([...create!.form.keys()]).not.toContain('metadata[payrecon_namespace]');
    expect(confirm?.body).toBe('');
  });

  it('nothing is created for a ledger that has no name yet', async () => {
    await expect(sent(transaction({ paramsVersion: 2 }), null)).rejects.toBeInstanceOf(BugError);
  });
});

describe('keys of attempts and namespaces', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom('', 'a', 'a\nattempt 2', '["","a",2]', 'a\n'),
  );
  const part = fc.tuple(text, text, fc.integer({ min: 1, max: 12 }));

  it('are equal only where namespace, key and attempt are', () => {
    fc.assert(
      fc.property(part, part, (one, other) => {
        const keys = [one, other].map(([namespace, key, attempt]) =>
          createIdempotencyKey({ key, attempt }, namespace),
        );
        expect(keys[0] === keys[1]).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
      { numRuns: 5_000 },
    );
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
      const shown = redact(
        `${'sk_test_x'.repeat(20)} `.repeat(9) +
          'x '.repeat((before - 1_629) / 2) +
          `sk_live_${'Canary'.repeat(40)} end`,
        SECRET,
      );
      expect(shown).not.toMatch(/Canary|sk_/);
    }
  });

  it('costs no more than the length of a text, however it is made', () => {
    const begun = performance.now();
    for (const unit of ['a', 'a_secret_', '_secret_', 'sk_', 'sk_test_', '*', '.', ' ', 'a.'])
      redact(unit.repeat(1_000_000), SECRET);
    // A quadratic pattern would take hours.
    expect(performance.now() - begun).toBeLessThan(20_000);
  });

  it('takes a key of any form out', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 8 }),
        fc.string(),
        fc.string(),
        (secret, before, after) => {
          expect(redact(before + secret + after, secret)).not.toContain(
            secret.includes('[key]') ? '\0' : secret,
          );
        },
      ),
    );
  });
});

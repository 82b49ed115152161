import { describe, expect, it } from 'vitest';
import { PayreconError } from '../../src/domain/errors.ts';
import { quoted, textProblem } from '../../src/domain/request/field-rules.ts';
import { holdsSecret, withoutSecrets } from '../../src/domain/secret-texts.ts';

/** In two parts, so that nobody takes it for a real one. */
const CANARY = ['sk_live', 'CANARY0123456789'].join('_');

describe('withoutSecrets', () => {
  it.each([
    [`there is no file /srv/${CANARY}`, 'there is no file /srv/[key]'],
    [
      'there is no file /srv/postgres:/u:CANARY@db/x',
      'there is no file /srv/postgres:/u:[password]@db/x',
    ],
    [
      'postgres://u:CAN@ARY/x@db:5432/x is no address',
      'postgres://u:[password]@db:5432/x is no address',
    ],
    ['PAYRECON_sk_test_CANARY', 'PAYRECON_[key]'],
    ['xsk_live_CANARY', 'x[key]'],
    ['Invalid API Key provided: sk_test_****ARY1', 'Invalid API Key provided: [key]'],
    ['rk_live_CANARY, whsec_CANARY', '[key], [key]'],
    ['"SG.CANARY-0123.abc"', '"[key]"'],
    ['pi_3Mtw_secret_CANARY', 'pi_3Mtw_secret_[secret]'],
    ['Authorization: Bearer CANARY', 'Authorization: Bearer [key]'],
    ['host=db password=CANARY user=u', 'host=db password=[secret] user=u'],
    ['?api_key=CANARY&x=1', '?api_key=[secret]&x=1'],
    ['"4242 4242 4242 4242" is none', '"[card number]" is none'],
    ['378282246310005', '[card number]'],
  ])('writes over what is secret in %j', (text, shown) => {
    expect(withoutSecrets(text)).toBe(shown);
    expect(withoutSecrets(`a ${text} b ${text}`)).toBe(`a ${shown} b ${shown}`);
  });

  it.each([
    'they begin with sk_test_, sk_live_, rk_test_ or rk_live_, and hold letters',
    'it is the publishable key (pk_), which cannot charge: take the secret key (sk_)',
    'a key is sk_test_.. or rk_live_..',
    'there is no file /etc/payrecon/stripe.key',
    'postgres://ada@db.example.com:5432/pay',
    'https://localhost:12111 and ada@example.com',
    'order 4242424242424241, ref 20260131093000',
    'risk_level, disk_usage, my_secret_ingredients',
    'pm_1Nv0FGQ9RKHgCVdK cus_NffrFeUfNV2Hib',
    'STRIPE_SECRET_KEY: it is missing: put it into the variable STRIPE_SECRET_KEY',
    'from 2026-01-31T09:30:00Z to 2026-02-28T09:30:00Z',
  ])('leaves %j as it is', (text) => {
    expect(withoutSecrets(text)).toBe(text);
  });

  it('is what every error goes through', () => {
    const error = new PayreconError('invalid_request', 'sk_live_CANARY is none', {
      problems: [{ field: '"rk_live_CANARY"', message: 'SG.CANARY is none' }],
    });
    expect([error.message, error.problems]).toEqual([
      '[key] is none',
      [{ field: '"[key]"', message: '[key] is none' }],
    ]);
  });

  it('comes before a quoted text is cut', () => {
    expect(quoted(`${'x'.repeat(50)} 4242424242424242`)).toBe(`"${'x'.repeat(50)} [card num.."`);
    expect(quoted(`sk_live_${'C'.repeat(200)}`)).toBe('"[key]"');
  });
});

describe('holdsSecret', () => {
  it.each([
    'sk_live_0123456789',
    'rk_test_0123456789',
    'order sk_test_51NabcDEF',
    'whsec_0123456789',
    `SG.${'a'.repeat(22)}.${'b'.repeat(43)}`,
    'pi_1_secret_abc',
    'see postgres://u:p@db/x',
  ])('finds one in %j', (text) => {
    expect(holdsSecret(text)).toBe(true);
    expect(textProblem(text, 500)).toBe(
      "it holds a secret (a key, or a password), which belongs neither into the ledger nor into Stripe's records",
    );
  });

  it.each([
    'sk_1',
    'sk_live_',
    'task_test_1',
    'order 4242424242424242',
    'SG.1',
    'my_secret_ingredients',
    'pi_1',
    'https://example.com:8080/a@b',
    'postgres://u@db/x',
  ])('finds none in %j', (text) => {
    expect(holdsSecret(text)).toBe(false);
    expect(textProblem(text, 500)).toBeNull();
  });
});

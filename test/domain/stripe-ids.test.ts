import { describe, expect, it } from 'vitest';
import { isStripeId } from '../../src/domain/stripe-ids.ts';

describe('isStripeId', () => {
  it.each([
    ['pi', 'pi_3MtwBwLkdIwHu7ix28a3tqPa'],
    ['pi', 'pi_1'],
    ['pi', `pi_${'a'.repeat(250)}`],
    ['pm', 'pm_card_visa'],
    ['card', 'card_1Nv'],
    ['cus', 'cus_NffrFeUfNV2Hib'],
    ['acct', 'acct_1032D82eZvKYlo2C'],
  ] as const)('takes the %s %s', (prefix, text) => {
    expect(isStripeId(prefix, text)).toBe(true);
  });

  it.each([
    '',
    'pi',
    'pi_',
    'pm_1',
    'Pi_1',
    ' pi_1',
    'pi_1 ',
    'pi_1\n',
    'pi_1/../customers',
    'pi_1/cancel',
    'pi_..',
    'pi_1?expand[]=x',
    'pi_1#',
    'pi_%2e%2e',
    'pi_\u0661',
    'pi_\uff41',
    'pi_1\0',
    `pi_${'a'.repeat(251)}`,
    `pi_${'a'.repeat(1_000_000)}`,
  ])('refuses %j as the id of a payment intent', (text) => {
    expect(isStripeId('pi', text)).toBe(false);
  });
});

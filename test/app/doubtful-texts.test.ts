import { describe, expect, it } from 'vitest';
import { refuseDoubtful } from '../../src/app/doubtful-texts.ts';
import type { ChargeRequest, Transaction } from '../../src/domain/transaction.ts';
import { aTransaction } from '../support/transactions.ts';

const HIDDEN = 'order\u200b7';

const request: ChargeRequest = {
  key: 'order-7',
  reference: null,
  amount: 4999,
  currency: 'usd',
  customer: null,
  paymentMethod: 'pm_card_visa',
  methodTypes: ['card'],
  email: 'ada@example.com',
  description: null,
  metadata: {},
  onSession: false,
};

/** A ledger with one row, or none at all; counts how often it is asked. */
function ledgerWith(row: Transaction | null | 'no ledger') {
  const asked: string[] = [];
  const find = (idOrKey: string): Promise<Transaction | null> => {
    asked.push(idOrKey);
    return Promise.resolve(row === 'no ledger' ? null : row);
  };
  return { asked, open: () => Promise.resolve(row === 'no ledger' ? null : { find }) };
}

const refusal = { kind: 'usage', code: 'invalid_request', transaction: null };

describe('refuseDoubtful', () => {
  it('asks no ledger about what is plain', async () => {
    const { asked, open } = ledgerWith(null);
    await refuseDoubtful(request, open);
    expect(asked).toEqual([]);
  });

  it.each(['no ledger', null] as const)(
    'refuses a doubtful key that is not on record (%s)',
    async (row) => {
      await expect(
        refuseDoubtful({ ...request, key: HIDDEN }, ledgerWith(row).open),
      ).rejects.toMatchObject({
        ...refusal,
        problems: [
          { field: 'key', message: expect.stringContaining('U+200B at character 6') as string },
        ],
      });
    },
  );

  it('lets a repetition of a doubtful key through, with other parameters too: those are judged later', async () => {
    const { asked, open } = ledgerWith(aTransaction({ key: HIDDEN }));
    await refuseDoubtful({ ...request, key: HIDDEN }, open);
    await refuseDoubtful({ ...request, key: HIDDEN, amount: 1 }, open);
    expect(asked).toEqual([HIDDEN, HIDDEN]);
  });

  it('takes a row that was found by its id for another one', async () => {
    await expect(
      refuseDoubtful({ ...request, key: HIDDEN }, ledgerWith(aTransaction()).open),
    ).rejects.toMatchObject(refusal);
  });

  it('lets no new doubtful text in under a known key', async () => {
    const { open } = ledgerWith(aTransaction({ reference: HIDDEN, key: 'order-7' }));
    await refuseDoubtful({ ...request, reference: HIDDEN }, open);
    await expect(
      refuseDoubtful({ ...request, reference: 'order\u200c7' }, open),
    ).rejects.toMatchObject({ ...refusal, problems: [{ field: 'reference' }] });
    await expect(
      refuseDoubtful({ ...request, reference: HIDDEN, description: '\u202e' }, open),
    ).rejects.toMatchObject({
      problems: [{ field: 'description' }],
    });
  });
});

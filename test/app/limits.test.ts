import { describe, expect, it } from 'vitest';
import { sqlite } from '../storage/targets.ts';
import { aPaymentWorld } from '../support/payment-world.ts';

const EVERYTHING = {
  statuses: [],
  since: null,
  until: null,
  customer: null,
  reference: null,
  needsPerson: false,
};

describe('whoever calls, not only the command line', () => {
  it.each([0, 1_001, 2.5, Number.NaN])('is refused a page of %d', async (limit) => {
    const payrecon = await (await aPaymentWorld(sqlite)).open('library');
    await expect(payrecon.list(EVERYTHING, limit, null)).rejects.toMatchObject({
      kind: 'usage',
      code: 'bad_limit',
    });
  });

  it('may have a page of 1000', async () => {
    const payrecon = await (await aPaymentWorld(sqlite)).open('library');
    expect(await payrecon.list(EVERYTHING, 1_000, null)).toEqual({
      data: [],
      hasMore: false,
      nextCursor: null,
    });
  });

  it('decides nothing without a reason', async () => {
    const payrecon = await (await aPaymentWorld(sqlite)).open('resolve');
    await expect(
      payrecon.resolve('any', { as: 'retry', reason: ' ', cancelAtStripe: false }),
    ).rejects.toMatchObject({ kind: 'usage', code: 'reason_missing' });
  });
});

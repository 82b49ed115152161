import { vi } from 'vitest';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/stripe/sdk.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return replaced(original, {
    openClient: async (options, wire) => {
      const client = await original.openClient(options, wire);
      const { paymentIntents } = client.stripe;
      const create = paymentIntents.create.bind(paymentIntents);
      paymentIntents.create = async (params) => await create(params);
      return client;
    },
  });
});

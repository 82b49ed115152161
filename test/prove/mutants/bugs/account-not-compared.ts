import { vi } from 'vitest';
import type { Identity } from '../../../../src/app/ports.ts';
import { replaced } from '../replaced.ts';

vi.mock(import('../../../../src/app/own-ledger.ts'), async (importOriginal) => {
  const original = await importOriginal();
  return replaced(original, {
    ownLedger: async (deps) => {
      const { identity, livemode } = deps;
      // Every key counts as one of the account that the ledger belongs to.
      const keyAccount: Identity['keyAccount'] = async (keyHash) => {
        const account = (await identity.read())?.account ?? null;
        return account === null ? await identity.keyAccount(keyHash) : { account, livemode };
      };
      return await original.ownLedger({ ...deps, identity: { ...identity, keyAccount } });
    },
  });
});

import { DEFAULT_ACCOUNT } from '../../src/sandbox/stripe/owner.ts';
import { hashOf } from '../../src/compose/system.ts';
import type { TestDatabase } from '../storage/targets.ts';

/**
 * Makes the ledger one that has been in use until a moment ago: it belongs to the sandbox's account in
 * test mode, the key is known to it, and it was found whole. So a test counts only the calls that it is
 * about; what a first use asks for is test/e2e/money/first-use.test.ts's.
 */
export async function bindLedger(
  database: TestDatabase,
  secretKey: string,
  namespace = '',
): Promise<void> {
  const storage = await database.open();
  try {
    const { identity } = storage;
    const owner = { account: DEFAULT_ACCOUNT, livemode: false };
    await identity.create(namespace);
    await identity.rememberKey(hashOf(secretKey), owner);
    await identity.bind(owner);
    await identity.markWhole(await identity.witness());
  } finally {
    await storage.close();
  }
}

/** As after more than ten minutes: the next charge looks whether the ledger has all of its payments. */
export async function forgetWhole(database: TestDatabase): Promise<void> {
  const storage = await database.open();
  try {
    await storage.identity.markWhole('long ago');
  } finally {
    await storage.close();
  }
}

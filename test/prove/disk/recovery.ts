import { type Evidence, gatherEvidence } from '../../support/evidence.ts';
import { judge } from '../../support/invariants.ts';
import type { LedgerHarness } from './ledger-harness.ts';

/** A lease lasts 90 s and an e-mail's claim 60 s: what a process held that is gone is free by then. */
const PAST_LEASES_MS = 91_000;
/** Two scans of Stripe's list prove an absence when they lie more than 5 minutes apart. */
const BETWEEN_PASSES_MS = 6 * 60_000;

export function pastLeases(harness: LedgerHarness): void {
  harness.advance(PAST_LEASES_MS);
}

/** At most two passes, after which the ledger says what Stripe's books say, and everybody was told. Answers what is wrong then. */
export async function reconciled(
  harness: LedgerHarness,
  mailAnswersUnseen: number,
): Promise<readonly string[]> {
  let left: readonly string[] = [];
  for (let passes = 1; passes <= 2; passes += 1) {
    const reconciler = await harness.open('reconcile');
    await reconciler.reconcile({ limit: null, dryRun: false });
    const evidence: Evidence = await gatherEvidence({
      books: harness.sandbox.books,
      raw: harness.raw(),
      dialect: 'sqlite',
      verifyAudit: () => reconciler.verifyAudit(null),
    });
    left = judge(evidence, { atRest: true, secrets: harness.secrets, mailAnswersUnseen });
    await reconciler.close();
    if (left.length === 0) break;
    harness.advance(BETWEEN_PASSES_MS);
  }
  return left;
}

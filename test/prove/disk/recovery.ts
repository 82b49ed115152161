import { type Evidence, gatherEvidence } from '../../support/evidence.ts';
import { judge } from '../../support/invariants.ts';
import type { LedgerGround } from './ledger-ground.ts';

/** A lease lasts 90 s and an e-mail's claim 60 s: what a process held that is gone is free by then. */
const PAST_LEASES_MS = 91_000;
/** Two scans of Stripe's list prove an absence when they lie more than 5 minutes apart. */
const BETWEEN_PASSES_MS = 6 * 60_000;

export function pastLeases(ground: LedgerGround): void {
  ground.advance(PAST_LEASES_MS);
}

/** At most two passes, after which the ledger says what Stripe's books say, and everybody was told. Answers what is wrong then. */
export async function reconciled(
  ground: LedgerGround,
  mailAnswersUnseen: number,
): Promise<readonly string[]> {
  let left: readonly string[] = [];
  for (let passes = 1; passes <= 2; passes += 1) {
    const reconciler = await ground.open('reconcile');
    await reconciler.reconcile({ limit: null, dryRun: false });
    const evidence: Evidence = await gatherEvidence({
      books: ground.sandbox.books,
      raw: ground.raw(),
      dialect: 'sqlite',
      verifyAudit: () => reconciler.verifyAudit(null),
    });
    left = judge(evidence, { atRest: true, secrets: ground.secrets, mailAnswersUnseen });
    await reconciler.close();
    if (left.length === 0) break;
    ground.advance(BETWEEN_PASSES_MS);
  }
  return left;
}

import { PayreconError } from '../domain/errors.ts';
import { quoted } from '../domain/request/field-rules.ts';
import { askedFrom } from '../domain/asked-from.ts';
import { explain } from '../domain/explain.ts';
import { ledgerState } from '../domain/ledger-state.ts';
import type { Transaction } from '../domain/transaction.ts';
import { cursorAfter, positionOf } from './cursor.ts';
import type { LedgerStatus, ShownTransaction, TransactionPage } from './service.ts';
import type {
  AuditVerification,
  History,
  Identity,
  Ledger,
  ListFilter,
  Outbox,
  Passes,
} from './ports.ts';

const MAX_PAGE = 1_000;

/** One page, newest first; one row more is read to know whether there is a next page. */
export async function listPage(
  history: History,
  filter: ListFilter,
  limit: number,
  cursor: string | null,
): Promise<TransactionPage> {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    throw new PayreconError(
      'bad_limit',
      `A page has 1 to ${String(MAX_PAGE)} transactions, not ${String(limit)}.`,
      { problems: [{ field: 'limit', message: 'out of range' }] },
    );
  }
  const rows = await history.page(filter, limit + 1, cursor === null ? null : positionOf(cursor));
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  const hasMore = rows.length > limit;
  return { data, hasMore, nextCursor: hasMore && last !== undefined ? cursorAfter(last) : null };
}

/** @throws PayreconError `not_found`. */
export async function findOrFail(
  ledger: Pick<Ledger, 'find'>,
  idOrKey: string,
): Promise<Transaction> {
  const transaction = await ledger.find(idOrKey);
  if (transaction === null) {
    throw new PayreconError(
      'no_such_transaction',
      `No transaction has the id or key ${quoted(idOrKey)}. Run \`payrecon list\` to see what is there.`,
      {
        problems: [{ field: 'ID-OR-KEY', message: 'unknown' }],
      },
    );
  }
  return transaction;
}

/** @throws PayreconError `not_found`. */
export async function show(
  { ledger, history }: { readonly ledger: Ledger; readonly history: History },
  pendingAfterMs: number,
  idOrKey: string,
): Promise<ShownTransaction> {
  const transaction = askedFrom(await findOrFail(ledger, idOrKey), pendingAfterMs);
  const [audit, notifications, now] = await Promise.all([
    history.audit(transaction.id),
    history.notifications(transaction.id),
    ledger.now(),
  ]);
  return { transaction, audit, notifications, why: explain(transaction, now) };
}

/** Recomputes the chains of one transaction, or of all. @throws PayreconError `not_found`. */
export async function verifyAudit(
  ledger: Ledger,
  history: History,
  idOrKey: string | null,
): Promise<AuditVerification> {
  if (idOrKey === null) return await history.verifyAudit(null);
  return await history.verifyAudit((await findOrFail(ledger, idOrKey)).id);
}

export interface StatusDeps {
  readonly history: History;
  readonly passes: Passes;
  readonly outbox: Outbox;
  readonly identity: Pick<Identity, 'read'>;
}

/** Whether payments can be made here, what is open, the last pass and the e-mails, on one screen. */
export async function ledgerStatus(
  { history, passes, outbox, identity }: StatusDeps,
  pendingAfterMs: number,
): Promise<LedgerStatus> {
  const [open, waiting, notSent, lastPass, emails, ledger] = await Promise.all([
    history.openCounts(),
    history.waiting(pendingAfterMs),
    history.notSent(),
    passes.last(),
    outbox.counts(),
    identity.read(),
  ]);
  return { ...open, waiting, notSent, lastPass, emails, state: ledgerState(ledger) };
}

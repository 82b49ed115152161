import type { AuditFinding, AuditVerification } from '../../../app/ports.ts';
import type { CommandContext } from '../../context.ts';
import { escapeText } from '../parts/escape.ts';
import { hints } from '../parts/next-steps.ts';
import { writeJson } from '../parts/json.ts';
import { createTheme } from '../parts/theme.ts';
import { wrap } from '../parts/wrap.ts';

export function writeVerification(
  verification: AuditVerification,
  { json, out, err }: CommandContext,
): void {
  const { transactions, entries, partly, firstBad } = verification;
  if (json) {
    writeJson(out, {
      transactions,
      entries,
      partly_covered: partly,
      first_bad: firstBad === null ? null : findingJson(firstBad),
    });
    return;
  }
  const theme = createTheme(out);
  if (firstBad !== null) {
    out.write(
      `${theme.bad('✗')} ${wrap(escapeText(`${subjectOf(firstBad)}: ${firstBad.problem}.`), out.columns - 2, 2)}\n`,
    );
    err.write(
      hints(
        [
          {
            text: 'It was changed outside payrecon. Compare it with a backup, and with Stripe.',
            ...showCommand(firstBad),
          },
        ],
        err,
      ),
    );
    return;
  }
  const counts = `${counted(entries, 'audit entry', 'audit entries')} of ${counted(transactions, 'transaction', 'transactions')}`;
  out.write(`${theme.good('✓')} ${counts}: every hash fits.\n`);
  if (partly === 0) return;
  const older = `${counted(partly, 'transaction was', 'transactions were')} last written by an older version, whose entries do not say what they wrote: only the request, the status and the step are held against them.`;
  err.write(hints([{ text: older }], err));
}

function findingJson({
  table,
  id,
  transactionId,
  seq,
  problem,
}: AuditFinding): Readonly<Record<string, string | number | null>> {
  return { table, id, transaction_id: transactionId, seq, problem };
}

function subjectOf({ table, id, transactionId, seq }: AuditFinding): string {
  if (seq !== null && transactionId !== null)
    return `The first bad entry is number ${String(seq)} of ${transactionId}`;
  if (table === 'triggers') return `The trigger ${id ?? ''} of the database`;
  const what = `The first bad row is ${id ?? 'one'} of the table ${table}`;
  return transactionId === null ? what : `${what}, of ${transactionId}`;
}

function showCommand({ transactionId }: AuditFinding): { readonly command?: readonly string[] } {
  return transactionId === null ? {} : { command: ['payrecon', 'show', transactionId] };
}

function counted(count: number, one: string, many: string): string {
  return `${String(count)} ${count === 1 ? one : many}`;
}

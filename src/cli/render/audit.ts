import { type AuditVerification } from '../../app/views.ts';
import { type CommandContext } from '../context.ts';
import { escapeText } from './escape.ts';
import { hints } from './hint.ts';
import { writeJson } from './json.ts';
import { createTheme } from './theme.ts';
import { wrap } from './wrap.ts';

export function writeVerification({ transactions, entries, firstBad }: AuditVerification, { json, out, err }: CommandContext): void {
  if (json) {
    const bad = firstBad === null ? null : { transaction_id: firstBad.transactionId, seq: firstBad.seq, problem: firstBad.problem };
    writeJson(out, { transactions, entries, first_bad: bad });
    return;
  }
  const theme = createTheme(out);
  const counts = `${counted(entries, 'audit entry', 'audit entries')} of ${counted(transactions, 'transaction', 'transactions')}`;
  if (firstBad === null) {
    out.write(`${theme.good('✓')} ${counts}: every hash fits.\n`);
    return;
  }
  const where = `The first bad entry is number ${String(firstBad.seq)} of ${firstBad.transactionId}: ${firstBad.problem}.`;
  out.write(`${theme.bad('✗')} ${wrap(escapeText(where), out.columns - 2, 2)}\n`);
  err.write(hints([{ text: 'The trail was changed outside payrecon. Compare it with a backup, and with Stripe:', command: ['payrecon', 'show', firstBad.transactionId] }], err));
}

function counted(count: number, one: string, many: string): string {
  return `${String(count)} ${count === 1 ? one : many}`;
}

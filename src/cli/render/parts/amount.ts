import { formatMoney } from '../../../domain/money/money.ts';
import { matchesAmount, receivedOf } from '../../../domain/money/received.ts';
import type { Transaction } from '../../../domain/transaction.ts';

/** The amount that a payment stands for in every view, and what has to be said about it. */
interface ShownAmount {
  /** What was received for a payment that succeeded, what is asked for otherwise. */
  readonly money: string;
  /** Empty where nothing has to be said. */
  readonly remark: string;
  /** The same for a narrow column. */
  readonly shortRemark: string;
}

export function amountOf(transaction: Transaction): ShownAmount {
  const asked = formatMoney(transaction.amount, transaction.currency);
  const received = receivedOf(transaction);
  if (received === null) {
    return transaction.status === 'succeeded'
      ? {
          money: asked,
          remark: 'asked for (what was received is not known)',
          shortRemark: '(asked)',
        }
      : { money: asked, remark: '', shortRemark: '' };
  }
  if (matchesAmount(transaction, received)) return { money: asked, remark: '', shortRemark: '' };
  const taken = formatMoney(received.amount, received.currency);
  return transaction.status === 'succeeded'
    ? { money: taken, remark: `(asked for ${asked})`, shortRemark: `(asked ${asked})` }
    : { money: asked, remark: `(Stripe received ${taken})`, shortRemark: `(took ${taken})` };
}

/** `$49.99`, `$240.00 (asked for $420.00)`. */
export function amountText(transaction: Transaction): string {
  const { money, remark } = amountOf(transaction);
  return remark === '' ? money : `${money} ${remark}`;
}

/** For a line whose amount has a column of its own, and whose words name the sums of an open question: without brackets. */
export function amountWords(transaction: Transaction): string | null {
  const { remark } = amountOf(transaction);
  return remark === '' || transaction.status !== 'succeeded'
    ? null
    : remark.replace(/^\((.*)\)$/, '$1');
}

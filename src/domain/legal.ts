import type { Answer } from './answer.ts';
import type { Resolution, Transaction } from './transaction.ts';
import { formatMoney } from './money.ts';

export interface LegalResolution {
  readonly as: Resolution['as'];
  readonly meaning: string;
  readonly needsCancelAtStripe: boolean;
}

/**
 * What a person may decide, given what Stripe shows at this moment. Stripe's own outcome leaves no
 * choice; an intent that could still succeed must be canceled at Stripe before the row may say that
 * it did not; and what Stripe cannot tell is the person's to know.
 */
export function legalResolutions(transaction: Transaction, seen: Answer): readonly LegalResolution[] {
  switch (seen.kind) {
    case 'intent':
    case 'declined':
      return forIntent(transaction, seen.intent.status, seen.intent.amount, seen.intent.currency);
    case 'missing':
    case 'absent':
      return [
        retry('ask Stripe again from the recorded step; the attempts start over'),
        { as: 'canceled', meaning: 'Stripe does not know it: record that nothing was charged', needsCancelAtStripe: false },
        { as: 'failed', meaning: 'record that it failed', needsCancelAtStripe: false },
        { as: 'succeeded', meaning: 'you have seen it succeed elsewhere: record that the customer was charged', needsCancelAtStripe: false },
      ];
    case 'refused':
      return [retry('ask Stripe again from the recorded step; the attempts start over')];
    case 'unauthorized':
    case 'unknown':
      return [];
  }
}

function retry(meaning: string): LegalResolution {
  return { as: 'retry', meaning, needsCancelAtStripe: false };
}

function forIntent(transaction: Transaction, status: string, amount: number, currency: string): readonly LegalResolution[] {
  switch (status) {
    case 'succeeded': {
      const equal = amount === transaction.amount && currency === transaction.currency;
      const meaning = equal
        ? 'Stripe shows it succeeded: record that'
        : `accept that ${formatMoney(amount, currency)} was charged instead of ${formatMoney(transaction.amount, transaction.currency)}`;
      return [{ as: 'succeeded', meaning, needsCancelAtStripe: false }];
    }
    case 'canceled': {
      const as = transaction.failureCode === null ? 'canceled' : 'failed';
      return [{ as, meaning: 'Stripe shows it canceled: record that', needsCancelAtStripe: false }];
    }
    default:
      return [
        retry('leave it to the reconciler again; the attempts start over'),
        { as: 'canceled', meaning: 'cancel it at Stripe now, then record that nothing was charged', needsCancelAtStripe: true },
        { as: 'failed', meaning: 'cancel it at Stripe now, then record that it failed', needsCancelAtStripe: true },
      ];
  }
}

/** What Stripe says, in a sentence. */
export function describeAnswer(seen: Answer): string {
  switch (seen.kind) {
    case 'intent':
    case 'declined': {
      const { id, status, amount, currency, lastError } = seen.intent;
      const failure = lastError === null ? '' : `; last error: ${lastError.message} (${lastError.declineCode ?? lastError.code ?? 'unknown'})`;
      return `${id} is ${status}, ${formatMoney(amount, currency)}${failure}`;
    }
    case 'missing':
      return `Stripe does not know this payment intent (${seen.message})`;
    case 'absent':
      return `a complete scan of Stripe's list (${String(seen.pages)} pages) shows no payment intent for it`;
    case 'refused':
    case 'unauthorized':
    case 'unknown':
      return seen.message;
  }
}

import { type ChargeOutcome } from '../../app/payrecon.ts';
import { explain } from '../../domain/explain.ts';
import { type Instant } from '../../domain/transaction.ts';
import { type Output } from '../streams.ts';
import { type Hint, hints } from './hint.ts';

/** What happens next, and the exact command to run next. */
export function chargeHints(outcome: ChargeOutcome, typed: readonly string[], output: Output, now: Instant): string {
  return hints(hintsFor(outcome, ['payrecon', ...typed], now), output);
}

function hintsFor({ transaction, repeated, situation, note }: ChargeOutcome, again: readonly string[], now: Instant): readonly Hint[] {
  const why = explain(transaction, now);
  const known: readonly Hint[] = repeated ? [{ text: 'This key was known: nothing new was started.' }] : [];
  switch (transaction.status) {
    case 'succeeded':
      return known;
    case 'failed':
    case 'canceled':
      return [...known, { text: `${why} This key is used up; a new attempt needs a new key.` }];
    case 'stuck':
      return [{ text: why, command: ['payrecon', 'stuck', 'resolve', transaction.id] }];
    case 'pending': {
      const heard = note === null ? [] : [{ text: `Last heard: ${note}.` }];
      return [...heard, { text: why }, { text: nextFor(situation), command: again }];
    }
  }
}

function nextFor(situation: ChargeOutcome['situation']): string {
  switch (situation) {
    case 'in_progress':
      return 'Another process is advancing it. To see how it ends, run the same command again; it never charges twice:';
    case 'not_sent':
      return 'Stripe was not reached. When it is, run the same command again:';
    case 'processing':
    case 'requires_action':
      return '`payrecon reconcile` records how it ends. To ask now, run the same command again; it never charges twice:';
    case 'unknown':
    case 'interrupted':
    case 'settled':
    case 'stuck':
      return '`payrecon reconcile` finds out. To ask now, run the same command again; it never charges twice:';
  }
}

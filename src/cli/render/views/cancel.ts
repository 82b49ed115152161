import type { CancelOutcome } from '../../../app/service.ts';
import { explain } from '../../../domain/explain.ts';
import type { Instant } from '../../../domain/transaction.ts';
import type { CommandContext } from '../../context.ts';
import { hints, type Hint } from '../parts/next-steps.ts';

export function cancelHints(
  outcome: CancelOutcome,
  { typed, err }: Pick<CommandContext, 'typed' | 'err'>,
  now: Instant,
): string {
  return hints(hintsFor(outcome, ['payrecon', ...typed], now), err);
}

function hintsFor(
  { transaction, note, isKnown }: CancelOutcome,
  again: readonly string[],
  now: Instant,
): readonly Hint[] {
  const why = explain(transaction, now);
  switch (transaction.status) {
    case 'canceled':
    case 'failed':
      return [
        { text: isKnown ? `It had ended before; nothing was asked or changed. ${why}` : why },
      ];
    case 'stuck':
      return [{ text: why, command: ['payrecon', 'stuck', 'resolve', transaction.id] }];
    case 'pending':
      return [
        ...(note === null ? [] : [{ text: `Last seen: ${note}.` }]),
        {
          text: 'It is not canceled yet, and may still succeed. Run the same command again:',
          command: again,
        },
      ];
    case 'succeeded':
      return [{ text: why }];
  }
}

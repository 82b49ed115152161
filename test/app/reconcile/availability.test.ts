import { describe, expect, it } from 'vitest';
import { OUTAGE_AFTER_FAILURES, watchStripe } from '../../../src/app/reconcile/availability.ts';
import type { UnknownReason } from '../../../src/domain/answer.ts';
import { sawIntent, sawUnknown } from '../../support/transactions.ts';

function after(...reasons: readonly (UnknownReason | 'ok')[]): ReturnType<typeof watchStripe> {
  const health = watchStripe();
  for (const reason of reasons) health.saw(reason === 'ok' ? sawIntent() : sawUnknown({ reason }));
  return health;
}

describe('whether Stripe is away', () => {
  it.each(['timeout', 'connection', 'rate_limited', 'server_error', 'malformed'] as const)(
    'so many %s in a row mean that it is',
    (reason) => {
      const failures = Array.from({ length: OUTAGE_AFTER_FAILURES }, () => reason);
      expect(after(...failures).away()).toBe(true);
      expect(after(...failures.slice(1)).away()).toBe(false);
      expect(after(...failures.slice(1), 'ok', reason).away()).toBe(false);
    },
  );

  it.each(['conflict', 'lock_timeout'] as const)('a %s shows that it answers', (reason) => {
    expect(after('timeout', reason).worked()).toBe(true);
  });

  it('a failure counts against its transaction only while others get through', () => {
    const outage = Array.from({ length: OUTAGE_AFTER_FAILURES }, () => 'timeout' as const);
    expect(after('timeout').blamesOne()).toBe(false);
    expect(after('ok', 'timeout').blamesOne()).toBe(true);
    expect(after('ok', ...outage).blamesOne()).toBe(false);
  });

  it.each(['interrupted', 'queue'] as const)(
    'what we broke off, or never sent, ourselves says nothing: %s',
    (reason) => {
      const health = after(...Array.from({ length: OUTAGE_AFTER_FAILURES }, () => reason));
      expect([health.away(), health.worked()]).toEqual([false, false]);
    },
  );
});

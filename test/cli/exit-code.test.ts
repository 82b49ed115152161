import { describe, expect, it } from 'vitest';
import { exitCode, type Ending } from '../../src/cli/exit-code.ts';
import type { CodeAndKind } from '../../src/domain/error-codes.ts';
import { PayreconError } from '../../src/domain/errors.ts';
import {
  authenticationNeeded,
  canceled,
  charged,
  failed,
  pass,
  pending,
  requestRefused,
  stuck,
  succeeded,
} from './support/fixture.ts';

const dispatch = { configured: true, sent: 0, retried: 0, failed: 0, queued: 0, refused: null };

function ends(ending: Ending, code: number, stoppedBy: 'SIGINT' | 'SIGTERM' | null = null): void {
  expect(exitCode(ending, stoppedBy)).toBe(code);
}

describe('exit code of a charge', () => {
  it.each([
    ['succeeded', succeeded, 0],
    ['failed', failed, 3],
    ['canceled', canceled, 3],
    ['failed because Stripe refused the request', requestRefused, 2],
    ['failed because the bank wants the customer', authenticationNeeded, 3],
    ['stuck', stuck, 5],
    ['pending', pending, 75],
  ] as const)('%s', (_name, transaction, code) => {
    ends({ kind: 'charged', outcome: charged(transaction) }, code);
  });

  it.each(['in_progress', 'unknown', 'not_sent', 'processing', 'requires_action'] as const)(
    'pending because %s is 75',
    (situation) => {
      ends({ kind: 'charged', outcome: charged(pending, { situation }) }, 75);
    },
  );

  it('pending because of a signal tells the signal', () => {
    const ending: Ending = {
      kind: 'charged',
      outcome: charged(pending, { situation: 'interrupted' }),
    };
    ends(ending, 130, 'SIGINT');
    ends(ending, 143, 'SIGTERM');
  });

  it('pending when a signal came tells the signal, whatever was heard last', () => {
    ends({ kind: 'charged', outcome: charged(pending, { situation: 'unknown' }) }, 143, 'SIGTERM');
  });

  it('succeeded stays 0 although a signal came', () => {
    ends({ kind: 'charged', outcome: charged(succeeded) }, 0, 'SIGTERM');
  });
});

describe('exit code of a pass', () => {
  const outage = { ...pass.report, outage: true };
  const nothing = { ...outage, settled: { succeeded: 0, failed: 0, canceled: 0 } };

  it.each([
    ['done', pass, 0],
    ['something is stuck', { ...pass, stuckTotal: 1 }, 5],
    ['something is overdue', { ...pass, overdueTotal: 1 }, 5],
    ['outage, something settled', { ...pass, report: outage }, 75],
    ['outage, nothing settled', { ...pass, report: nothing }, 69],
    ['outage, and something is stuck', { ...pass, report: nothing, stuckTotal: 2 }, 5],
  ])('%s', (_name, outcome, code) => {
    ends({ kind: 'passed', outcome }, code);
  });

  it('interrupted tells the signal, whatever was found', () => {
    const ending: Ending = {
      kind: 'passed',
      outcome: { ...pass, stuckTotal: 1, interrupted: true },
    };
    ends(ending, 130, 'SIGINT');
    ends(ending, 143, 'SIGTERM');
  });
});

describe('exit code of e-mails', () => {
  it.each([
    ['all sent', { ...dispatch, sent: 3 }, 0],
    ['nothing to do', dispatch, 0],
    ['some sent, some later', { ...dispatch, sent: 1, retried: 1 }, 0],
    ['out of reach', { ...dispatch, retried: 2, queued: 2 }, 69],
    ['key refused', { ...dispatch, refused: 'bad key', queued: 2 }, 2],
    ['not configured, some wait', { ...dispatch, configured: false, queued: 2 }, 2],
    ['not configured, none waits', { ...dispatch, configured: false }, 0],
  ])('%s', (_name, report, code) => {
    ends({ kind: 'dispatched', report }, code);
  });
});

describe('exit code of the doctor', () => {
  const ok = { name: 'database', state: 'ok', message: '', failure: null } as const;
  const warning = { ...ok, state: 'warning' } as const;
  const configuration = { ...ok, state: 'failed', failure: 'configuration' } as const;
  const outOfReach = { ...ok, state: 'failed', failure: 'unreachable' } as const;

  it.each([
    ['all is well', [ok], 0],
    ['a warning', [ok, warning], 0],
    ['configuration', [ok, configuration], 2],
    ['out of reach', [outOfReach, ok], 69],
    ['both: the configuration first', [outOfReach, configuration], 2],
    ['neither', [{ ...ok, state: 'failed' } as const], 5],
  ])('%s', (_name, checks, code) => {
    ends({ kind: 'checked', checks }, code);
  });
});

describe('exit code of everything else', () => {
  it.each([
    [{ code: 'invalid_flag', kind: 'usage' }, 2],
    [{ code: 'bad_settings', kind: 'configuration' }, 2],
    [{ code: 'key_reused', kind: 'refused' }, 4],
    [{ code: 'move_differs', kind: 'findings' }, 5],
    [{ code: 'no_such_transaction', kind: 'not_found' }, 6],
    [{ code: 'database_busy', kind: 'unreachable' }, 69],
    [{ code: 'database_busy', kind: 'unknown_outcome' }, 75],
  ] as const satisfies readonly (readonly [CodeAndKind, number])[])(
    'error %j is %i',
    (what, code) => {
      ends({ kind: 'failed', error: new PayreconError(what, 'A sentence.') }, code);
    },
  );

  it('anything else that is thrown is a bug', () => {
    ends({ kind: 'failed', error: new TypeError('x is not a function') }, 1);
    ends({ kind: 'failed', error: 'a text' }, 1);
  });

  it('work lists: 5 when there is work', () => {
    ends({ kind: 'work_left', items: 0 }, 0);
    ends({ kind: 'work_left', items: 1 }, 5);
  });

  it('audit: 5 on a bad entry', () => {
    const verification = { transactions: 2, entries: 9, partly: 0, firstBad: null };
    ends({ kind: 'verified', verification }, 0);
    ends(
      {
        kind: 'verified',
        verification: {
          ...verification,
          firstBad: { table: 'audit_events', id: 't', transactionId: 't', seq: 2, problem: 'hash' },
        },
      },
      5,
    );
  });

  it('what runs until it is stopped ends as the signal says', () => {
    ends({ kind: 'done' }, 0);
    ends({ kind: 'stopped' }, 143, 'SIGTERM');
    ends({ kind: 'stopped' }, 130, 'SIGINT');
    ends({ kind: 'interrupted' }, 130);
  });
});

import type { ChargeFileReport } from '../app/charge-file.ts';
import type {
  CancelOutcome,
  ChargeOutcome,
  DispatchReport,
  DoctorCheck,
  NamedOutcome,
  PassOutcome,
} from '../app/service.ts';
import type { AuditVerification } from '../app/ports.ts';
import type { ErrorKind } from '../domain/error-codes.ts';
import { PayreconError } from '../domain/errors.ts';
import type { StopSignal } from './dependencies.ts';

export const EXIT = {
  done: 0,
  bug: 1,
  usage: 2,
  notSucceeded: 3,
  refused: 4,
  findings: 5,
  notFound: 6,
  outOfReach: 69,
  notKnownYet: 75,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** How a command ended, before it becomes a number. */
export type Ending =
  | { readonly kind: 'done' }
  | { readonly kind: 'charged'; readonly outcome: ChargeOutcome }
  | { readonly kind: 'canceled'; readonly outcome: CancelOutcome }
  | { readonly kind: 'charged_file'; readonly report: ChargeFileReport }
  | { readonly kind: 'passed'; readonly outcome: PassOutcome }
  /** A work list was shown, with this many things to do on it. */
  | { readonly kind: 'work_left'; readonly items: number }
  | { readonly kind: 'verified'; readonly verification: AuditVerification }
  | { readonly kind: 'dispatched'; readonly report: DispatchReport }
  | { readonly kind: 'checked'; readonly checks: readonly DoctorCheck[] }
  /** A daemon that was stopped as asked. */
  | { readonly kind: 'stopped' }
  /** A signal cut it short. */
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'failed'; readonly error: unknown };

/** The one place where an ending becomes the exit code of the contract. */
export function exitCode(ending: Ending, stoppedBy: StopSignal | null): ExitCode {
  switch (ending.kind) {
    case 'done':
      return EXIT.done;
    case 'charged':
      return afterCharge(ending.outcome, stoppedBy);
    case 'canceled':
      return afterCancel(ending.outcome, stoppedBy);
    case 'charged_file':
      return afterFile(ending.report, stoppedBy);
    case 'passed':
      return afterPass(ending.outcome, stoppedBy);
    case 'work_left':
      return ending.items > 0 ? EXIT.findings : EXIT.done;
    case 'verified':
      return ending.verification.firstBad === null ? EXIT.done : EXIT.findings;
    case 'dispatched':
      return afterDispatch(ending.report);
    case 'checked':
      return afterChecks(ending.checks);
    case 'stopped':
    case 'interrupted':
      return afterSignal(stoppedBy);
    case 'failed':
      return ending.error instanceof PayreconError ? afterError(ending.error.kind) : EXIT.bug;
  }
}

function afterSignal(stoppedBy: StopSignal | null): ExitCode {
  return stoppedBy === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted;
}

/** Once a signal came, a payment whose outcome is open was left open because of it, whatever the last answer was. */
function afterCharge(
  { transaction, situation }: ChargeOutcome,
  stoppedBy: StopSignal | null,
): ExitCode {
  // Stripe refused what was sent: like bad input, and no bank was asked.
  if (transaction.status === 'failed' && transaction.failureKind === 'request') return EXIT.usage;
  switch (transaction.status) {
    case 'succeeded':
      return EXIT.done;
    case 'failed':
    case 'canceled':
      return EXIT.notSucceeded;
    case 'stuck':
      return EXIT.findings;
    case 'pending':
      return situation === 'interrupted' || stoppedBy !== null
        ? afterSignal(stoppedBy)
        : EXIT.notKnownYet;
  }
}

/** That it never succeeds is what was wanted, whether it failed or was canceled. */
function afterCancel({ transaction }: CancelOutcome, stoppedBy: StopSignal | null): ExitCode {
  switch (transaction.status) {
    case 'canceled':
    case 'failed':
      return EXIT.done;
    case 'succeeded':
      return EXIT.refused;
    case 'stuck':
      return EXIT.findings;
    case 'pending':
      return stoppedBy === null ? EXIT.notKnownYet : afterSignal(stoppedBy);
  }
}

/**
 * The worst of its lines: first what is not known yet, then what a person has to look at, then what was refused, what
 * cannot be charged as it stands, what did not succeed.
 */
function afterFile(
  { ends, requestsRefused, interrupted, stoppedBy: cause }: ChargeFileReport,
  stoppedBy: StopSignal | null,
): ExitCode {
  if (interrupted || (stoppedBy !== null && ends.pending > 0)) return afterSignal(stoppedBy);
  const recorded = ends.succeeded + ends.failed + ends.canceled + ends.stuck + ends.pending > 0;
  if (ends.pending > 0) return EXIT.notKnownYet;
  if (ends.unreachable > 0) return recorded ? EXIT.notKnownYet : EXIT.outOfReach;
  if (ends.stuck > 0) return EXIT.findings;
  if (ends.refused > 0) return EXIT.refused;
  if (ends.invalid > 0 || requestsRefused > 0 || cause !== null) return EXIT.usage;
  return ends.failed + ends.canceled > 0 ? EXIT.notSucceeded : EXIT.done;
}

/** What needs a person comes first: it will not go away by running the same again. */
function afterPass(outcome: PassOutcome, stoppedBy: StopSignal | null): ExitCode {
  const { settled, outage } = outcome.report;
  if (outcome.interrupted) return afterSignal(stoppedBy);
  const { named } = outcome;
  const needPerson =
    named?.needPerson ?? outcome.stuckTotal + outcome.overdueTotal + outcome.changedTotal;
  if (needPerson > 0 || outcome.rolledBack) return EXIT.findings;
  // Of what was named, whoever asks wants to know how it ended.
  if (!outage) return named !== null && isOpen(named) ? EXIT.notKnownYet : EXIT.done;
  return settled.succeeded + settled.failed + settled.canceled === 0
    ? EXIT.outOfReach
    : EXIT.notKnownYet;
}

function isOpen({ pending, held }: NamedOutcome): boolean {
  return pending + held.length > 0;
}

function afterDispatch(report: DispatchReport): ExitCode {
  if (report.refused !== null) return EXIT.usage;
  if (!report.configured) return report.queued > 0 ? EXIT.usage : EXIT.done;
  return report.retried > 0 && report.sent === 0 && report.failed === 0
    ? EXIT.outOfReach
    : EXIT.done;
}

function afterChecks(checks: readonly DoctorCheck[]): ExitCode {
  const failed = checks.filter((check) => check.state === 'failed');
  if (failed.some((check) => check.failure === 'configuration')) return EXIT.usage;
  if (failed.some((check) => check.failure === 'unreachable')) return EXIT.outOfReach;
  return failed.length > 0 ? EXIT.findings : EXIT.done;
}

function afterError(kind: ErrorKind): ExitCode {
  switch (kind) {
    case 'usage':
    case 'configuration':
      return EXIT.usage;
    case 'refused':
      return EXIT.refused;
    case 'findings':
      return EXIT.findings;
    case 'not_found':
      return EXIT.notFound;
    case 'unreachable':
      return EXIT.outOfReach;
    case 'unknown_outcome':
      return EXIT.notKnownYet;
  }
}

import type { LedgerStatus, Payrecon } from '../../../app/service.ts';
import type { PassRow } from '../../../app/ports.ts';
import type { Instant, JsonObject } from '../../../domain/transaction.ts';
import { type LedgerState, ledgerStateWords } from '../../../domain/ledger-state.ts';
import type { CommandContext } from '../../context.ts';
import type { Output } from '../../streams.ts';
import { block } from '../parts/details.ts';
import { type Hint, hints } from '../parts/next-steps.ts';
import { timeJson, timeOrNull, writeJson } from '../parts/json.ts';
import { countsJson } from '../parts/pass-json.ts';
import { countFrom, unsentCount } from '../parts/waiting.ts';
import { createTheme } from '../parts/theme.ts';
import { fullTime, relativeTime } from '../parts/time.ts';

type Where = Pick<Payrecon, 'mode' | 'ledger'>;

export function writeStatus(
  status: LedgerStatus,
  where: Where,
  { json, out, err, services }: CommandContext,
): void {
  if (json) {
    writeJson(out, statusJson(status, where));
    return;
  }
  const theme = createTheme(out);
  const now = services.now();
  const { pending, waiting, notSent, stuck, overdue, changed } = status;
  const { oldestPendingAt, lastPass, emails } = status;
  const oldest =
    oldestPendingAt === null ? '' : `, the oldest from ${relativeTime(oldestPendingAt, now)}`;
  const lines = [
    { label: 'ledger', value: where.ledger },
    { label: 'state', value: STATES[status.state.kind], paint: theme.bad },
    {
      label: 'mode',
      value: where.mode === 'none' ? 'no Stripe key' : where.mode,
      ...(where.mode === 'live' ? { paint: theme.bad } : {}),
    },
    { label: 'pending', value: `${String(pending)}${oldest}` },
    {
      label: 'too young',
      value: countFrom(waiting.tooYoung, waiting.tooYoungUntil, { now, output: out }),
    },
    { label: 'later', value: countFrom(waiting.later, waiting.laterFrom, { now, output: out }) },
    { label: 'not sent', value: unsentCount(notSent) },
    { label: 'stuck', value: String(stuck), ...(stuck > 0 ? { paint: theme.warn } : {}) },
    { label: 'overdue', value: String(overdue), ...(overdue > 0 ? { paint: theme.warn } : {}) },
    { label: 'changed', value: changed === 0 ? null : String(changed), paint: theme.warn },
    { label: 'last pass', value: lastPass === null ? 'never' : passText(lastPass, now, out) },
    {
      label: 'e-mails',
      value: `${String(emails.queued + emails.sending)} queued, ${String(emails.failed)} failed`,
    },
  ];
  out.write(`${theme.strong('payrecon')}\n${block(lines, theme, out)}`);
  err.write(hints([...stateHints(status.state, where), ...statusHints(status)], err));
}

/** Said where no payments can be made. */
const STATES: Readonly<Record<LedgerState['kind'], string | null>> = {
  in_use: null,
  rolled_back: 'rolled back: nothing is charged on it',
  moving: 'being moved, not ended: nothing is charged on it',
  moved: 'moved: nothing is charged on it',
};

function stateHints(state: LedgerState, { ledger }: Where): readonly Hint[] {
  const words = ledgerStateWords(state, ledger);
  return words === null ? [] : [{ text: words.what }, { text: words.safe }];
}

function passText(pass: PassRow, now: Instant, output: Output): string {
  const { settled } = pass;
  const total = settled.succeeded + settled.failed + settled.canceled;
  const outcome =
    pass.finishedAt === null
      ? 'not finished'
      : `${String(pass.due)} due, ${String(total)} settled${pass.outage ? ', Stripe was out of reach' : ''}`;
  return `${fullTime(pass.startedAt, now, output)} on ${pass.host}: ${outcome}`;
}

function statusHints({
  pending,
  stuck,
  overdue,
  changed,
  lastPass,
}: LedgerStatus): readonly Hint[] {
  const all: Hint[] = [];
  if (stuck + overdue + changed > 0)
    all.push({ text: 'A person is needed:', command: ['payrecon', 'stuck', 'list'] });
  if (pending > 0 && lastPass === null)
    all.push({
      text: 'Nothing reconciles this ledger yet:',
      command: ['payrecon', 'reconcile', '--daemon'],
    });
  return all;
}

function statusJson(status: LedgerStatus, { mode, ledger }: Where): JsonObject {
  const { pending, waiting, notSent, stuck, overdue, changed, oldestPendingAt } = status;
  const { lastPass, emails, state } = status;
  return {
    mode,
    ledger,
    ledger_state: state.kind,
    rolled_back_at: state.kind === 'rolled_back' ? timeJson(state.since) : null,
    moved_to: state.kind === 'moved' || state.kind === 'moving' ? state.to : null,
    moved_at: state.kind === 'moved' ? timeJson(state.at) : null,
    pending,
    too_young: waiting.tooYoung,
    not_sent: notSent,
    stuck,
    overdue,
    truth_changed: changed,
    oldest_pending_at: timeOrNull(oldestPendingAt),
    last_pass: lastPass === null ? null : lastPassJson(lastPass),
    notifications: { queued: emails.queued, sending: emails.sending, failed: emails.failed },
  };
}

function lastPassJson(pass: PassRow): JsonObject {
  return {
    pass: pass.id,
    ...countsJson(pass),
    host: pass.host,
    started_at: timeJson(pass.startedAt),
    finished_at: timeOrNull(pass.finishedAt),
  };
}

import type { Payrecon } from '../../../app/service.ts';
import type { LedgerMove } from '../../../app/ports.ts';
import type { CommandContext } from '../../context.ts';
import { block } from '../parts/details.ts';
import { hints } from '../parts/next-steps.ts';
import { writeJson } from '../parts/json.ts';
import { createTheme } from '../parts/theme.ts';

type MigrationStatus = Awaited<ReturnType<Payrecon['migrationStatus']>>;

export function writeMigrated(
  direction: 'up' | 'down',
  names: readonly string[],
  { json, out, err }: CommandContext,
): void {
  if (json) {
    writeJson(out, { direction, migrations: names });
    return;
  }
  const theme = createTheme(out);
  if (names.length === 0)
    err.write(
      hints(
        [
          {
            text:
              direction === 'up' ? 'The schema is up to date.' : 'There is nothing to take back.',
          },
        ],
        err,
      ),
    );
  else
    out.write(
      `${theme.strong(direction === 'up' ? 'Applied' : 'Taken back')}\n${names.map((name) => `  ${name}\n`).join('')}`,
    );
}

export function writeMoved(move: LedgerMove, { json, out, err }: CommandContext): void {
  const { from, to, transactions, auditEntries, notifications, migrations, alreadyThere } = move;
  if (json) {
    writeJson(out, {
      direction: 'up',
      migrations,
      moved: { from, to, transactions, audit_entries: auditEntries, notifications },
    });
    return;
  }
  const theme = createTheme(out);
  const counted = [
    { label: 'transactions', value: String(transactions) },
    { label: 'audit entries', value: String(auditEntries) },
    { label: 'e-mails', value: String(notifications) },
    { label: 'from', value: from },
    { label: 'to', value: to },
  ];
  out.write(
    `${theme.strong(alreadyThere ? 'Moved, already by an earlier run' : 'Moved')}\n${block(counted, theme, out)}`,
  );
  const compared = alreadyThere ? '' : 'Every row was compared and every hash fits. ';
  err.write(
    hints(
      [
        {
          text: `${compared}The old ledger is marked as moved: it can be read, and nothing is charged there.`,
        },
        {
          text: 'Point DATABASE_URL of everything that charges and reconciles at the new place, and look:',
          command: ['payrecon', 'doctor'],
        },
      ],
      err,
    ),
  );
}

export function writeMigrationStatus(
  { applied, pending, unknown }: MigrationStatus,
  { json, out, err }: CommandContext,
): void {
  if (json) {
    writeJson(out, { applied, pending, unknown });
    return;
  }
  const theme = createTheme(out);
  const list = (names: readonly string[]): string =>
    names.length === 0 ? 'none' : names.join(', ');
  const lines = [
    { label: 'applied', value: list(applied) },
    {
      label: 'pending',
      value: list(pending),
      ...(pending.length > 0 ? { paint: theme.warn } : {}),
    },
    { label: 'unknown', value: unknown.length === 0 ? null : list(unknown), paint: theme.bad },
  ];
  out.write(`${theme.strong('Schema')}\n${block(lines, theme, out)}`);
  if (pending.length > 0)
    err.write(
      hints([{ text: 'To apply what is pending:', command: ['payrecon', 'migrate'] }], err),
    );
  if (unknown.length > 0)
    err.write(
      hints([{ text: 'The database was migrated by a newer payrecon: use that one.' }], err),
    );
}

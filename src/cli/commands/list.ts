import { type Command, Option } from '@commander-js/extra-typings';
import type { ListFilter } from '../../app/ports.ts';
import { BugError, type Problem } from '../../domain/errors.ts';
import { nearest } from '../../domain/suggest.ts';
import { quoted } from '../../domain/request/field-rules.ts';
import { type Status, STATUSES } from '../../domain/statuses.ts';
import type { Instant } from '../../domain/transaction.ts';
import { type CommandContext, withPayrecon } from '../context.ts';
import type { Ending } from '../exit-code.ts';
import { addGlobals, addJson, once } from '../flags.ts';
import type { Perform } from '../perform.ts';
import { addSettings } from '../setting-flags.ts';
import { parseCount, parseTime, raise, type ZoneClock } from '../parse-flags.ts';

export interface ListFlags {
  readonly status?: readonly string[] | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly customer?: string | undefined;
  readonly reference?: string | undefined;
  readonly limit?: string | undefined;
  readonly cursor?: string | undefined;
}

export interface ListArguments {
  readonly filter: ListFilter;
  readonly limit: number;
  readonly cursor: string | null;
}

const defaultLimit = 20;
export const largestPage = 1_000;

export function defineList(command: Command, perform: Perform, run = runList): void {
  const status = new Option('--status <status...>', 'any of them');
  // Offered to the reader and to the shell; readList judges, because it can say what was meant.
  status.argChoices = [...STATUSES];
  const list = command
    .addOption(status)
    .option(
      '--since <time>',
      'created at or after: 2026-01-31, today, yesterday, "2026-01-31 09:30", 2026-01-31T09:30:00Z, or an age such as 2h',
      once,
    )
    .option('--until <time>', 'created before', once)
    .option('--customer <id>', "the customer's id at Stripe", once)
    .option('--reference <reference>', 'your order', once)
    .option(
      '--limit <n>',
      `rows a page, at most ${String(largestPage)} (default: ${String(defaultLimit)})`,
      once,
    )
    .option('--cursor <cursor>', 'go on after the page that named it', once);
  addJson(list);
  addSettings(list, ['timezone']);
  addGlobals(list);
  list.action((flags, self) =>
    perform(self, async (context) => {
      const { services } = context;
      // A zone is asked for, and its package loaded, only where a time has to be read.
      const hasTimes = flags.since !== undefined || flags.until !== undefined;
      const zone = hasTimes ? await zoneOf(context) : null;
      return await run(readList(flags, services.now(), zone), context);
    }),
  );
}

async function zoneOf({ services, flags }: CommandContext): Promise<ZoneClock> {
  const { zoneClock } = await import('../zone-clock.ts');
  return zoneClock(await services.timeZone(flags));
}

/** @param zone null where neither `--since` nor `--until` is given. */
export function readList(flags: ListFlags, now: Instant, zone: ZoneClock | null): ListArguments {
  const problems: Problem[] = [];
  const time = (field: string, text: string | undefined): Instant | null => {
    if (text === undefined) return null;
    if (zone === null) throw new BugError(`${field} was given, and no zone to read it in`);
    const parsed = parseTime(text, now, zone);
    if (!parsed.ok) problems.push({ field, message: parsed.message });
    return parsed.ok ? parsed.value : null;
  };
  const statuses = (flags.status ?? []).filter((text): text is Status => {
    const known = STATUSES.some((status) => status === text);
    const meant = known ? null : nearest(text, STATUSES);
    const hint = meant === null ? `use ${STATUSES.join(', ')}` : `did you mean ${meant}?`;
    if (!known)
      problems.push({ field: '--status', message: `${quoted(text)} is not a status; ${hint}` });
    return known;
  });
  const since = time('--since', flags.since);
  const until = time('--until', flags.until);
  if (since !== null && until !== null && since >= until)
    problems.push({ field: '--until', message: 'it is not after --since' });
  const { customer = null, reference = null, cursor = null } = flags;
  // The list of an empty reference is empty, which reads as "nobody has paid".
  for (const [field, text] of [
    ['--customer', customer],
    ['--reference', reference],
  ] as const) {
    if (text === '') problems.push({ field, message: 'it is empty: was its variable not set?' });
  }
  const limit =
    flags.limit === undefined
      ? { ok: true as const, value: defaultLimit }
      : parseCount(flags.limit, largestPage);
  if (!limit.ok) problems.push({ field: '--limit', message: limit.message });
  if (!limit.ok || problems.length > 0) return raise(problems);
  return {
    filter: { statuses, since, until, customer, reference, needsPerson: false },
    limit: limit.value,
    cursor,
  };
}

export async function runList(
  { filter, limit, cursor }: ListArguments,
  context: CommandContext,
): Promise<Ending> {
  return withPayrecon(context, { needsStripe: false, role: 'list' }, async (payrecon) => {
    const page = await payrecon.list(filter, limit, cursor);
    const { writePage } = await import('../render/parts/page.ts');
    writePage(page, context, 'No transactions.');
    return { kind: 'done' };
  });
}

import type { LedgerRow } from '../../support/evidence.ts';
import type { Charger, Fixture } from './fixture.ts';

/** What a charge may say of its payment, by its exit code; nothing where it never came to one. */
const SAYS: Readonly<Record<number, readonly string[]>> = {
  0: ['succeeded'],
  3: ['failed', 'canceled'],
  75: ['pending', ''],
  69: [''],
};
const REFUSED = 4;
const FINAL: ReadonlySet<string> = new Set(['succeeded', 'failed', 'canceled']);

/** What is untrue about how a caller's command ended, with the ledger as it is at rest. */
export function judgeCharger(
  fixture: Fixture,
  { child, asked }: Charger,
  rows: readonly LedgerRow[],
): readonly string[] {
  const { exit, said, name, killed, stopped } = child;
  if (killed) return [];
  const lost =
    !stopped && said.err.includes('another process took over')
      ? [`8: ${name} lost its lease while it lived`]
      : [];
  const stack = /\n\s+at /.test(said.err) ? [`1: ${name} shows a stack`] : [];
  const code = exit?.code ?? -1;
  const row = rows.find((each) => each.key === asked.key);
  if (code !== REFUSED)
    return [
      ...lost,
      ...stack,
      ...untrue(name, code, said.out, row),
      ...(code === 69 ? recordedAfterAll(fixture, { child, asked }, row) : []),
    ];
  // What it shows then is the other payment.
  const shared = asked.reference !== undefined && said.err.includes('is taken by');
  return [
    ...lost,
    ...stack,
    ...(shared ? [] : [`11: ${name} was refused without a reason: ${said.err}`]),
  ];
}

function untrue(
  name: string,
  code: number,
  out: string,
  row: LedgerRow | undefined,
): readonly string[] {
  const status = /\b(succeeded|failed|canceled|pending|stuck)\b/.exec(out)?.[0] ?? '';
  if (SAYS[code]?.includes(status) !== true)
    return [`11: ${name} ended with ${code} and says ${JSON.stringify(status)}`];
  if (FINAL.has(status) && row?.status !== status)
    return [`2: ${name} was told ${status}, and the ledger says ${row?.status ?? 'nothing'}`];
  return status === 'pending' && row === undefined
    ? [`2: ${name} was told that it is recorded, and it is not`]
    : [];
}

function recordedAfterAll(
  fixture: Fixture,
  { child, asked }: Charger,
  row: LedgerRow | undefined,
): readonly string[] {
  const alone = fixture.chargers.filter((other) => other.asked.key === asked.key).length === 1;
  return alone && row !== undefined
    ? [`11: ${child.name} was told that nothing was recorded, and it is ${row.status}`]
    : [];
}

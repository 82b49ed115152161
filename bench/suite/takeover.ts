// Hosts that die in the middle of their work; takeover.ts measures it. Real leases take real time, so there is no quick one.
import { atMost, type Figure, type Measured, type Size, type Table } from './figures.ts';
import { numberIn, tableOf } from './script.ts';

const KILLS: Readonly<Record<Size, number>> = { quick: 1, full: 3, long: 6 };
const FIRST_COLUMN = 'seconds from the kill';

export async function run(size: Size): Promise<Measured> {
  const rows = await tableOf('takeover.ts', ['--kills', String(KILLS[size])]);
  const figures = rows.map((row): Figure => {
    const isClaim = (row[FIRST_COLUMN] ?? '').includes('another host');
    return {
      name: `p99, ${row[FIRST_COLUMN] ?? ''}`,
      unit: 's',
      ours: numberIn(row, 'p99'),
      peer: null,
      ratio: null,
      spread: [numberIn(row, 'least'), numberIn(row, 'most')],
      goal: isClaim ? atMost('ours', 120) : null,
      note: `${String(KILLS[size])} hosts killed; checked: every payment settled by exactly one entry, with one e-mail.`,
    };
  });
  const table: Table = {
    title: 'Seconds',
    head: Object.keys(rows[0] ?? {}),
    rows: rows.map((row) => Object.values(row)),
  };
  return { peer: '', figures, tables: [table] };
}

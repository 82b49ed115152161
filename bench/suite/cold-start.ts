// The start of a command over an empty Node program; cold-start.ts measures it.
import { atMost, type Figure, type Goal, type Measured, type Size } from './figures.ts';
import { numberIn, tableOf } from './script.ts';

const PAIRS: Readonly<Record<Size, number>> = { quick: 5, full: 41, long: 101 };
/** Too few pairs to judge by. */
const JUDGED_FROM = 20;
const GOALS: Readonly<Record<string, number>> = { '--help': 1.6, list: 4 };

export async function run(size: Size): Promise<Measured> {
  const rows = await tableOf('cold-start.ts', [String(PAIRS[size])]);
  const figures = rows.map((row): Figure => {
    const name = row['command'] ?? '';
    const most = GOALS[name.replace(/^payrecon /u, '')];
    const goal: Goal | null =
      most === undefined || PAIRS[size] < JUDGED_FROM ? null : atMost('ratio', most);
    return {
      name,
      unit: 'ms',
      ours: numberIn(row, 'command, ms'),
      peer: numberIn(row, 'empty module, ms'),
      ratio: numberIn(row, 'ratio'),
      spread: null,
      goal,
      note: '',
    };
  });
  return { peer: 'an empty ES module', figures, tables: [] };
}

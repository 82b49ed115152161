import { parseArgs } from 'node:util';
import { fuzz } from './inputs.ts';

/* `npx tsx test/prove/fuzz/run.ts --inputs 1000000 --seed 1`: as many inputs, and how they ended. */

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
  },
});
const startedMs = performance.now();
const { crashes, wrongAmounts, ...counts } = await fuzz(Number(values.inputs), Number(values.seed));
for (const each of [...crashes, ...wrongAmounts].slice(0, 20)) process.stderr.write(`${each}\n`);
const seconds = Math.round((performance.now() - startedMs) / 1_000);
process.stdout.write(
  `${JSON.stringify({ ...counts, crashes: crashes.length, wrong_amounts: wrongAmounts.length, seconds })}\n`,
);
process.exitCode = crashes.length + wrongAmounts.length === 0 ? 0 : 1;

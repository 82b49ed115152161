// One benchmark of `npm run bench`, in a process of its own. Arguments: its name and the size; the figures are told to
// the process that started it.
import { BENCHMARKS, nameOf } from './suite/benchmark.ts';
import { SIZES } from './suite/figures.ts';

const [name = '', asked = ''] = process.argv.slice(2);
const size = SIZES.find((each) => each === asked);
if (size === undefined || process.send === undefined) throw new Error('npm run bench starts this');
const { run } = await BENCHMARKS[nameOf(name)].load();
const measured = await run(size);
process.send(measured, () => {
  process.disconnect();
});

import { setFlagsFromString } from 'node:v8';

/**
 * How much the heap may grow between two collections: by itself V8 lets it double or more while a pass makes garbage at
 * full speed. And the part for new objects stays small, and what is collected is given back. So the peak of a long pass
 * stays near that of a short one; it costs a quarter of a speed that is far above what Stripe allows.
 */
const FLAGS = ['--optimize-for-size', '--heap-growing-percent=10', '--semi-space-growth-factor=1'];

/**
 * To be called for each row of a pass: at the first one, for by then everything is loaded, and V8 takes no kept code any
 * more once a flag was changed. For a process of our own only: it holds for everything that runs in it.
 */
export function boundingHeap(): () => void {
  let bounded = false;
  return () => {
    if (!bounded) for (const flag of FLAGS) setFlagsFromString(flag);
    bounded = true;
  };
}

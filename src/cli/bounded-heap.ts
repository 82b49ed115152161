import { setFlagsFromString } from 'node:v8';

/**
 * How much the heap may grow between two collections: by itself V8 lets it double or more while a pass makes garbage at
 * full speed. And the part for new objects stays as large as it is. So the peak of a long pass stays near that of a
 * short one, for a twentieth more time of the processor.
 */
const FLAGS = ['--heap-growing-percent=30', '--semi-space-growth-factor=1'];

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

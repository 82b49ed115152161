import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { asCompleted } from '../../../src/stripe/look-up/as-completed.ts';
import { collect } from '../samples.ts';

/** One after the other, then nothing. */
function each<Item>(items: readonly Item[]): () => Item | null {
  let next = 0;
  return () => items[next++] ?? null;
}

describe('results as they come', () => {
  it('are all there, the quick ones first', async () => {
    const delays = [60, 1, 30];
    const got = await collect(asCompleted(each(delays), (ms) => sleep(ms, ms), 3, undefined));
    expect(got).toEqual([1, 30, 60]);
  });

  it('begin only as the consumer takes them', async () => {
    let begun = 0;
    const work = async (n: number): Promise<number> => {
      begun += 1;
      await sleep(1);
      return n;
    };
    const results = asCompleted(each(Array.from({ length: 100 }, (_, n) => n)), work, 4, undefined);
    await results.next();
    await sleep(20);
    expect(begun).toBeLessThanOrEqual(5);
    await results.return();
    expect(begun).toBeLessThanOrEqual(5);
  });

  it('pass on what went wrong, after the others have ended', async () => {
    let ended = 0;
    const work = async (n: number, stop: AbortSignal): Promise<number> => {
      if (n === 0) throw new Error('broken');
      await sleep(5_000, undefined, { signal: stop }).catch(() => undefined);
      ended += 1;
      return n;
    };
    await expect(collect(asCompleted(each([0, 1, 2]), work, 3, undefined))).rejects.toThrow(
      'broken',
    );
    expect(ended).toBe(2);
  });

  it('warn about nothing when many listen to the end at once', async () => {
    const warnings: string[] = [];
    const listen = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', listen);
    const work = async (n: number, stop: AbortSignal): Promise<number> => {
      stop.addEventListener('abort', () => undefined, { once: true });
      await sleep(1);
      return n;
    };
    await collect(asCompleted(each(Array.from({ length: 20 }, (_, n) => n)), work, 20, undefined));
    await sleep(20);
    process.off('warning', listen);
    expect(warnings).toEqual([]);
  });

  it('go on with what a result has made known', async () => {
    const queue = [1];
    const work = async (n: number): Promise<number> => {
      await sleep(1);
      if (n < 4) queue.push(n + 1, n + 1);
      return n;
    };
    const got = await collect(asCompleted(() => queue.shift() ?? null, work, 2, undefined));
    expect(got.sort()).toEqual([1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4]);
  });
});

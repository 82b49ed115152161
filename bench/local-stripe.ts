import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { SEEDED_METADATA } from './fill-ledger.ts';

export interface LocalStripe {
  readonly url: string;
  /** Payment intents that succeeded, evenly over that time (seconds since 1970); their ids, oldest first. */
  seed(count: number, fromSeconds: number, toSeconds: number): Promise<readonly string[]>;
  /** Requests answered 429, of the last thousands. */
  refused(): Promise<{ readonly refused: number; readonly all: number }>;
  /** From now on, as the real one does not answer at once either. */
  answerAfter(milliseconds: number): Promise<void>;
  stop(): Promise<void>;
}

/** What the control port takes at a time. */
const SEEDED_AT_ONCE = 100_000;

export async function startLocalStripe(
  limits: { readonly perSecond: number; readonly perEndpoint: number } | null,
): Promise<LocalStripe> {
  const script = fileURLToPath(new URL('./local-stripe-process.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', script, ...(limits === null ? [] : [JSON.stringify(limits)])],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const ended = once(child, 'exit');
  const [line] = (await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('the local Stripe did not start'))),
  ])) as [Buffer];
  const url = line.toString().trim();
  const seeded = z.object({ ids: z.array(z.string()) });
  return {
    url,
    async seed(count, fromSeconds, toSeconds) {
      const ids: string[] = [];
      for (let from = 0; from < count; from += SEEDED_AT_ONCE) {
        const size = Math.min(SEEDED_AT_ONCE, count - from);
        const at = (n: number): number =>
          fromSeconds + Math.floor(((toSeconds - fromSeconds) * n) / Math.max(1, count - 1));
        const body = {
          count: size,
          seed: from + 1,
          created_from: at(from),
          created_to: at(from + size - 1),
          metadata: SEEDED_METADATA,
          n_from: from,
          ids: true,
        };
        const response = await fetch(`${url}/_sandbox/seed`, {
          method: 'POST',
          body: JSON.stringify(body),
        });
        ids.push(...seeded.parse(await response.json()).ids);
      }
      return ids;
    },
    async refused() {
      const response = await fetch(`${url}/_sandbox/requests`);
      const { requests } = z
        .object({ requests: z.array(z.object({ status: z.number().nullable() })) })
        .parse(await response.json());
      return {
        refused: requests.filter(({ status }) => status === 429).length,
        all: requests.length,
      };
    },
    async answerAfter(milliseconds) {
      const spec = milliseconds === 0 ? '' : `*#*=slow:${String(milliseconds)}`;
      const { ok, status } = await fetch(`${url}/_sandbox/faults`, {
        method: 'POST',
        body: JSON.stringify({ spec }),
      });
      if (!ok) throw new Error(`the local Stripe refused to be slow: ${String(status)}`);
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

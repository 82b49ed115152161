import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';

/** What `node --cpu-prof` writes, as far as it is read here. */
const cpuProfile = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string() }),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});

export type CpuProfile = z.infer<typeof cpuProfile>;

interface Frame {
  readonly functionName: string;
  readonly url: string;
}

/** The first that fits counts. V8 counts its own functions, such as JSON.parse, for the function that calls them. */
const PLACES: readonly (readonly [string, (frame: Frame) => boolean])[] = [
  ['waiting (Stripe, the database)', ({ functionName }) => functionName === '(idle)'],
  ['garbage collection', ({ functionName }) => functionName === '(garbage collector)'],
  [
    'database driver (with SQLite itself, where it is that)',
    ({ url }) => /\/dist\/(pg|libsql)\.cjs/u.test(url),
  ],
  ['knex', ({ url }) => url.includes('/dist/knex.cjs')],
  ['stripe package', ({ url }) => url.includes('/dist/stripe.cjs')],
  [
    'JSON',
    ({ functionName, url }) =>
      url.includes('/dist/') && /^(json|canonicalJson|toJSON|parse|stringify)$/u.test(functionName),
  ],
  [
    'hashes',
    ({ functionName, url }) => /^node:(internal\/)?crypto/u.test(url) || functionName === 'sha256',
  ],
  ['payrecon itself', ({ url }) => /\/dist\/(rest|main)\.cjs/u.test(url)],
  [
    'HTTP and sockets',
    ({ functionName, url }) =>
      /^node:(_?http|_?net|net|internal\/(streams|stream|http|net)|internal\/js_stream|buffer|events)/u.test(
        url,
      ) || /^(write|shutdown|readStart)/u.test(functionName),
  ],
  [
    'promises and their bookkeeping',
    ({ functionName, url }) =>
      /^node:(internal\/)?(async_hooks|process\/task_queues)/u.test(url) ||
      functionName === 'runMicrotasks',
  ],
];
const ELSE = 'else (start, loading, timers)';

export interface PlaceShare {
  readonly place: string;
  /** From 0 to 1. */
  readonly share: number;
  readonly seconds: number;
}

/** Where a process was, sample by sample: the time of a function without those it calls. The largest share first. */
export function sharesOf(profile: CpuProfile): readonly PlaceShare[] {
  const places = new Map(
    profile.nodes.map(({ id, callFrame }) => [
      id,
      PLACES.find(([, fits]) => fits(callFrame))?.[0] ?? ELSE,
    ]),
  );
  const microseconds = new Map<string, number>();
  profile.samples.forEach((id, index) => {
    const place = places.get(id) ?? ELSE;
    microseconds.set(
      place,
      (microseconds.get(place) ?? 0) + Math.max(0, profile.timeDeltas[index] ?? 0),
    );
  });
  const all = [...microseconds.values()].reduce((sum, each) => sum + each, 0);
  return [...microseconds]
    .map(([place, each]) => ({ place, share: each / all, seconds: each / 1_000_000 }))
    .sort((one, other) => other.seconds - one.seconds);
}

/** The one profile that a command left in that folder. */
export async function readProfile(folder: string): Promise<CpuProfile> {
  const [name, ...others] = (await readdir(folder)).filter((file) => file.endsWith('.cpuprofile'));
  if (name === undefined || others.length > 0)
    throw new Error(
      `${String(others.length + (name === undefined ? 0 : 1))} profiles were written instead of one`,
    );
  return cpuProfile.parse(JSON.parse(await readFile(join(folder, name), 'utf8')));
}

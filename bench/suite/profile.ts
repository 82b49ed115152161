import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

/** What `node --cpu-prof` writes, as far as it is read here. */
const cpuProfile = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({
        functionName: z.string(),
        url: z.string(),
        lineNumber: z.number(),
        columnNumber: z.number(),
      }),
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
    ({ url }) => /\/node_modules\/(pg|pg-protocol|pg-pool|pg-types|libsql|@libsql)\//u.test(url),
  ],
  ['knex', ({ url }) => /\/node_modules\/(knex|tarn)\//u.test(url)],
  ['stripe package', ({ url }) => url.includes('/node_modules/stripe/')],
  [
    'JSON',
    ({ functionName, url }) =>
      /\/(src|node_modules)\//u.test(url) &&
      /^(json|canonicalJson|toJSON|parse|stringify)$/u.test(functionName),
  ],
  [
    'hashes',
    ({ functionName, url }) => /^node:(internal\/)?crypto/u.test(url) || functionName === 'sha256',
  ],
  ['payrecon itself', ({ url }) => /\/(src|migrations)\//u.test(url)],
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
  return unbundled(cpuProfile.parse(JSON.parse(await readFile(join(folder, name), 'utf8'))));
}

const dist = new URL('../../dist/', import.meta.url).href;

/** The same, with the files of the sources in place of those of dist/ that they were bundled into. */
export function unbundled(profile: CpuProfile): CpuProfile {
  const maps = new Map<string, SourceMap>();
  const mapOf = (url: string): SourceMap => {
    const known = maps.get(url);
    if (known !== undefined) return known;
    const text = readFileSync(fileURLToPath(`${url}.map`), 'utf8');
    const map = new SourceMap(JSON.parse(text) as SourceMapPayload);
    maps.set(url, map);
    return map;
  };
  const nodes = profile.nodes.map((node) => {
    const { url, lineNumber, columnNumber } = node.callFrame;
    if (!url.startsWith(dist)) return node;
    const entry = mapOf(url).findEntry(lineNumber, columnNumber);
    if (!('originalSource' in entry)) return node;
    return {
      ...node,
      callFrame: { ...node.callFrame, url: new URL(entry.originalSource, url).href },
    };
  });
  return { ...profile, nodes };
}

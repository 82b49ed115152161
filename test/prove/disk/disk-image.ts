import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Chance } from '../../../src/sandbox/stripe/ids.ts';
import { SHM, type Entry } from './journal.ts';

/*
 * What a disk may hold after a power cut. Durable is what was written before an fsync of the file, and every name
 * that was in a folder at an fsync of the folder. Of everything since then any part may be there:
 *
 *  - each sector of 512 bytes has, on its own, the content it had after any of the writes since the last fsync, so
 *    writes are lost, torn and put in another order;
 *  - a file may have been made longer without its data (zeros), or not have been cut off yet;
 *  - a new name may be missing, a removed one still be there.
 *
 * A sector is written whole or not at all, and bytes that nobody wrote are not harmed: what disks promise and what
 * SQLite relies upon.
 */

const SECTOR_BYTES = 512;

/** How much of what was not durable survives. */
export const SURVIVALS = [
  'nothing',
  'everything',
  'a beginning',
  'whole writes',
  'sectors',
] as const;
export type Survival = (typeof SURVIVALS)[number];

type Write = Extract<Entry, { readonly kind: 'write' }>;
type Change = Write | Extract<Entry, { readonly kind: 'truncate' }>;

interface Inode {
  readonly folder: boolean;
  content: Buffer;
  readonly pending: Change[];
}

/** What a name in a folder led to since the last fsync of the folder, the durable state first; null is no file. */
type Names = (Inode | null)[];

/** The files of an image, by their path below the folder. */
export type Image = ReadonlyMap<string, Uint8Array>;

export class Disk {
  /** After so many entries of the journal. */
  static after(entries: readonly Entry[], folder: string, image?: Image): Disk {
    const disk = new Disk(folder, image);
    for (const entry of entries) disk.apply(entry);
    return disk;
  }

  readonly #folder: string;
  readonly #names = new Map<string, Names>();
  #shm: { readonly path: string; readonly content: Uint8Array }[] = [];

  /** `image` is on it already, and durable. */
  constructor(folder: string, image: Image = new Map()) {
    this.#folder = folder;
    for (const [path, content] of image)
      if (!path.endsWith(SHM))
        this.#names.set(join(folder, path), [
          { folder: false, content: Buffer.from(content), pending: [] },
        ]);
  }

  apply(entry: Entry): void {
    switch (entry.kind) {
      case 'created':
        this.#namesOf(entry.path).push({
          folder: entry.folder,
          content: Buffer.alloc(0),
          pending: [],
        });
        return;
      case 'unlink':
        this.#namesOf(entry.path).push(null);
        return;
      case 'write':
      case 'truncate':
        this.#inode(entry.path).pending.push(entry);
        return;
      case 'sync': {
        const inode = this.#inode(entry.path);
        inode.content = changed(inode.content, inode.pending.splice(0));
        return;
      }
      case 'folder sync':
        for (const [path, names] of this.#names)
          if (dirname(path) === entry.path) names.splice(0, names.length - 1);
        return;
      case 'mark':
        if (entry.shm !== null)
          this.#shm = [...this.#shm.slice(-3), { path: this.#shmPath(), content: entry.shm }];
    }
  }

  /** What the disk may hold if the current goes now. */
  image(survival: Survival, chance: Chance): Image {
    const image = new Map<string, Uint8Array>();
    const lost: string[] = [];
    for (const [path, names] of this.#names) {
      const inode = survivor(names, survival, chance);
      if (lost.some((folder) => path.startsWith(`${folder}/`))) continue;
      if (inode === null) lost.push(path);
      else if (!inode.folder)
        image.set(relative(this.#folder, path), surviving(inode, survival, chance));
    }
    const shm =
      survival === 'nothing' ? undefined : this.#shm[Math.floor(chance() * (this.#shm.length + 1))];
    if (shm !== undefined && image.size > 0)
      image.set(relative(this.#folder, shm.path), shm.content);
    return image;
  }

  #namesOf(path: string): Names {
    const known = this.#names.get(path) ?? [null];
    this.#names.set(path, known);
    return known;
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path)?.at(-1);
    if (inode === undefined || inode === null)
      throw new Error(`${path} was changed before it was made`);
    return inode;
  }

  #shmPath(): string {
    const wal = [...this.#names.keys()].find((path) => path.endsWith('-wal'));
    if (wal === undefined) throw new Error('there is a -shm file and no -wal file');
    return wal.replace(/-wal$/, SHM);
  }
}

export function writeImage(image: Image, folder: string): void {
  for (const [path, content] of image) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

function survivor(names: Names, survival: Survival, chance: Chance): Inode | null {
  if (survival === 'nothing') return names[0] ?? null;
  const index = survival === 'everything' ? names.length - 1 : Math.floor(chance() * names.length);
  return names[index] ?? null;
}

function surviving({ content, pending }: Inode, survival: Survival, chance: Chance): Uint8Array {
  switch (survival) {
    case 'nothing':
      return content;
    case 'everything':
      return changed(content, pending);
    case 'a beginning':
      return torn(content, pending.slice(0, Math.ceil(chance() * (pending.length + 1))), chance);
    case 'whole writes':
      return changed(
        content,
        pending.filter(() => chance() < 0.5),
      );
    case 'sectors':
      return sectors(content, pending, chance);
  }
}

/** The last of the changes is only half there. */
function torn(content: Buffer, changes: readonly Change[], chance: Chance): Buffer {
  const last = changes.at(-1);
  const whole = changed(content, changes.slice(0, -1));
  return last === undefined ? whole : sectors(whole, [last], chance);
}

/** Of each sector any state since the fsync. */
function sectors(content: Buffer, changes: readonly Change[], chance: Chance): Buffer {
  const pieces = changes.flatMap((change): readonly Change[] =>
    change.kind === 'truncate' ? [change] : bySector(change),
  );
  const writes = new Map<number, number>();
  for (const piece of pieces)
    if (piece.kind === 'write') writes.set(sectorOf(piece), (writes.get(sectorOf(piece)) ?? 0) + 1);
  // A probability for the whole image, so that there are some with little lost and some with little left.
  const share = chance();
  const kept = new Map(
    [...writes].map(([sector, count]) => [
      sector,
      chance() < share ? count : Math.floor(chance() * (count + 1) * share),
    ]),
  );
  const seen = new Map<number, number>();
  const survivors = pieces.filter((piece) => {
    if (piece.kind === 'truncate') return chance() < 0.5;
    const sector = sectorOf(piece);
    const count = (seen.get(sector) ?? 0) + 1;
    seen.set(sector, count);
    return count <= (kept.get(sector) ?? 0);
  });
  const result = changed(content, survivors);
  const length = changes.reduce((longest, change) => Math.max(longest, endOf(change)), 0);
  return chance() < 0.5 ? grown(result, length) : result;
}

function sectorOf(piece: { readonly offset: number }): number {
  return Math.floor(piece.offset / SECTOR_BYTES);
}

function bySector({ path, offset, bytes }: Write): readonly Write[] {
  const pieces: Write[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Math.min(bytes.length - at, SECTOR_BYTES - ((offset + at) % SECTOR_BYTES));
    pieces.push({
      kind: 'write',
      path,
      offset: offset + at,
      bytes: bytes.subarray(at, at + length),
    });
    at += length;
  }
  return pieces;
}

function endOf(change: Change): number {
  return change.kind === 'truncate' ? change.size : change.offset + change.bytes.length;
}

function grown(content: Buffer, length: number): Buffer {
  return content.length >= length
    ? content
    : Buffer.concat([content, Buffer.alloc(length - content.length)]);
}

/** The content after the changes; the one before is left as it was, for other images begin with it. */
function changed(content: Buffer, changes: readonly Change[]): Buffer {
  if (changes.length === 0) return content;
  const result = Buffer.alloc(
    changes.reduce((longest, change) => Math.max(longest, endOf(change)), content.length),
  );
  result.set(content);
  let { length } = content;
  for (const change of changes) {
    if (change.kind === 'write') {
      result.set(change.bytes, change.offset);
      length = Math.max(length, endOf(change));
    } else {
      result.fill(0, change.size);
      length = change.size;
    }
  }
  return result.subarray(0, length);
}

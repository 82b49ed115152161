import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/*
 * Where a module that is loaded into this process keeps the addresses of the functions that it takes from other
 * modules: slots that the dynamic linker has filled, each named by a relocation of the module's file. Every kind of
 * relocation that names the function is taken, so the tables of x86-64 and of aarch64 are read by the same code.
 *
 * The layout is that of the ELF specification (64 bit, little-endian, with explicit addends).
 */

const PROGRAM_HEADER_BYTES = 56;
const SYMBOL_BYTES = 24;
const RELOCATION_BYTES = 24;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_PLTRELSZ = 2;
const DT_STRTAB = 5;
const DT_SYMTAB = 6;
const DT_RELA = 7;
const DT_RELASZ = 8;
const DT_STRSZ = 10;
const DT_JMPREL = 23;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

/** The addresses in this process of every slot that holds one of the functions, by the function's name. */
export function importSlots(
  module: RegExp,
  functions: ReadonlySet<string>,
): ReadonlyMap<string, readonly number[]> {
  const { path, start } = firstMapping(module);
  const file = openSync(path, 'r');
  try {
    return slotsIn((offset, bytes) => readExactly(file, offset, bytes), start, functions);
  } finally {
    closeSync(file);
  }
}

/** The lowest place at which a file of this name is mapped into memory. */
function firstMapping(module: RegExp): { readonly path: string; readonly start: number } {
  for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
    const [range = '', , , , , ...words] = line.split(/\s+/);
    const path = words.join(' ');
    if (module.test(path)) return { path, start: Number.parseInt(range, 16) };
  }
  throw new Error(`${module.source} is not loaded into this process`);
}

function readExactly(file: number, offset: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  const count = readSync(file, buffer, 0, bytes, offset);
  if (count !== bytes)
    throw new Error(`the module ends after ${count} of ${bytes} bytes at ${offset}`);
  return buffer;
}

type Read = (offset: number, bytes: number) => Buffer;

function slotsIn(
  read: Read,
  start: number,
  functions: ReadonlySet<string>,
): ReadonlyMap<string, readonly number[]> {
  const segments = segmentsOf(read);
  const loaded = segments.filter(({ type }) => type === PT_LOAD);
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  const [first] = loaded;
  if (dynamic === undefined || first === undefined) throw new Error('the module imports nothing');
  const tags = tagsOf(read(dynamic.offset, dynamic.bytes));
  const at = (tag: number, bytes: number): Buffer =>
    read(fileOffset(loaded, needed(tags, tag)), bytes);
  const names = at(DT_STRTAB, needed(tags, DT_STRSZ));
  const symbols = fileOffset(loaded, needed(tags, DT_SYMTAB));
  const nameOf = (symbol: number): string =>
    textAt(names, read(symbols + symbol * SYMBOL_BYTES, 4).readUInt32LE(0));
  const moved = start - (first.address - (first.address % 4096));
  const tables = [
    [DT_RELA, DT_RELASZ],
    [DT_JMPREL, DT_PLTRELSZ],
  ] as const;
  const slots = new Map<string, number[]>();
  const known = new Map<number, string>();
  for (const [table, size] of tables.filter(([tag]) => tags.has(tag))) {
    for (const { symbol, address } of relocations(at(table, needed(tags, size)))) {
      const name = known.get(symbol) ?? nameOf(symbol);
      known.set(symbol, name);
      if (functions.has(name)) slots.set(name, [...(slots.get(name) ?? []), moved + address]);
    }
  }
  return slots;
}

function segmentsOf(read: Read): readonly Segment[] {
  const header = read(0, 64);
  if (header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1)
    throw new Error('the module is no ELF file of 64 bit, little-endian');
  const table = read(number64(header, 32), header.readUInt16LE(56) * PROGRAM_HEADER_BYTES);
  return Array.from({ length: table.length / PROGRAM_HEADER_BYTES }, (_, index) => {
    const entry = table.subarray(index * PROGRAM_HEADER_BYTES);
    return {
      type: entry.readUInt32LE(0),
      offset: number64(entry, 8),
      address: number64(entry, 16),
      bytes: number64(entry, 32),
    };
  });
}

function tagsOf(dynamic: Buffer): ReadonlyMap<number, number> {
  const tags = new Map<number, number>();
  for (let offset = 0; offset < dynamic.length; offset += 16)
    tags.set(number64(dynamic, offset), number64(dynamic, offset + 8));
  return tags;
}

function* relocations(
  table: Buffer,
): Generator<{ readonly symbol: number; readonly address: number }> {
  for (let offset = 0; offset < table.length; offset += RELOCATION_BYTES) {
    const symbol = table.readUInt32LE(offset + 12);
    if (symbol !== 0) yield { symbol, address: number64(table, offset) };
  }
}

function fileOffset(loaded: readonly Segment[], address: number): number {
  const segment = loaded.find(
    (each) => address >= each.address && address < each.address + each.bytes,
  );
  if (segment === undefined)
    throw new Error(`no segment of the module holds the address ${address}`);
  return address - segment.address + segment.offset;
}

function needed(tags: ReadonlyMap<number, number>, tag: number): number {
  const value = tags.get(tag);
  if (value === undefined) throw new Error(`the module has no dynamic entry ${tag}`);
  return value;
}

/** Offsets and addresses in use stay far below what a number holds; the tags that do not (of the vendor) are never looked up. */
function number64(buffer: Buffer, offset: number): number {
  return Number(buffer.readBigUInt64LE(offset));
}

function textAt(names: Buffer, offset: number): string {
  return names.toString('latin1', offset, names.indexOf(0, offset));
}

import { closeSync, existsSync, openSync, readlinkSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import koffi, { type LibraryHandle } from 'koffi';
import 'libsql';
import { importSlots } from './import-slots.ts';

/*
 * Sees every file call of the SQLite inside the driver, and may let it fail.
 *
 * Why: what a power cut leaves behind, and what a full disk does, depends on single calls of the operating system.
 * SQLite has no seam for them in the driver, and a bare machine has neither a tracer nor a file system that fails
 * on demand.
 *
 * How: the driver takes `pwrite64`, `fsync` and the like from libc through slots that the dynamic linker fills
 * (import-slots.ts finds them). Each slot is given the address of a callback into this process's JavaScript, which
 * tells the watcher, and then makes the real call or answers with an error. The same is done to the `fsync` of Node
 * itself, with which payrecon makes new folders durable.
 *
 * Limits: Linux with glibc, x86-64 or aarch64. Calls on the main thread, where the driver works. Memory that is
 * mapped is written without any call: SQLite does so with its -shm file alone, which no recovery reads after a power
 * cut. file-calls.test.ts shows that nothing is missed: what was recorded rebuilds the very same files.
 */

export type FileCall =
  | {
      readonly call: 'open';
      readonly path: string;
      readonly writable: boolean;
      readonly creates: boolean;
    }
  | {
      readonly call: 'read';
      readonly path: string;
      readonly offset: number;
      readonly length: number;
    }
  | {
      readonly call: 'write';
      readonly path: string;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  | { readonly call: 'truncate'; readonly path: string; readonly size: number }
  | { readonly call: 'sync'; readonly path: string }
  | { readonly call: 'unlink'; readonly path: string };

/** What becomes of a call. A short write tells the caller how little was written. */
export type Fate = 'real' | { readonly errno: number } | { readonly writtenBytes: number };

export interface Watcher {
  /** Calls on what lies elsewhere are none of its business. */
  readonly folder: string;
  fate(call: FileCall): Fate;
  /** The call had its effect. */
  done(call: FileCall): void;
}

type Real = (...args: unknown[]) => number;

interface Hook {
  readonly result: string;
  readonly parameters: readonly string[];
  readonly callback: (real: Real, ...args: never[]) => number;
}

const { errno } = constants;
const O_CREAT = 0o100;
const O_ACCMODE = 3;
const PROT_READ = 1;
const PROT_WRITE = 2;
/** Without these nothing would be seen; the others are there in case another build of the driver uses them. */
const EXPECTED = ['open64', 'pread64', 'pwrite64', 'ftruncate64', 'fsync', 'unlink'];

let watcher: Watcher | null = null;

const HOOKS: Readonly<Record<string, Hook>> = {
  // The mode is optional in C and passed like any other parameter on these processors.
  open64: { result: 'int', parameters: ['str', 'int', 'int'], callback: opens },
  pread64: {
    result: 'int64_t',
    parameters: ['int', 'void *', 'size_t', 'int64_t'],
    callback: reads,
  },
  pwrite64: {
    result: 'int64_t',
    parameters: ['int', 'void *', 'size_t', 'int64_t'],
    callback: writes,
  },
  write: { result: 'int64_t', parameters: ['int', 'void *', 'size_t'], callback: writesSomewhere },
  ftruncate64: { result: 'int', parameters: ['int', 'int64_t'], callback: truncates },
  fsync: { result: 'int', parameters: ['int'], callback: syncs },
  fdatasync: { result: 'int', parameters: ['int'], callback: syncs },
  unlink: { result: 'int', parameters: ['str'], callback: unlinks },
};

const failures: unknown[] = [];

/** While `work` runs, the watcher is asked about each file call in its folder. */
export async function watching<T>(by: Watcher, work: () => Promise<T>): Promise<T> {
  if (watcher !== null) throw new Error('file calls are being watched already');
  install();
  watcher = by;
  try {
    return await work();
  } finally {
    watcher = null;
    const [failure] = failures.splice(0);
    if (failure !== undefined)
      throw new Error('a file call was not understood', { cause: failure });
  }
}

let installed = false;

/** Once a process: without a watcher every call goes straight through. */
function install(): void {
  if (installed) return;
  installed = true;
  const libc = koffi.load(null);
  const driver = importSlots(/\/@libsql\/[^/]+\/index\.node$/, new Set(Object.keys(HOOKS)));
  const node = importSlots(new RegExp(`^${process.execPath}$`), new Set(['fsync']));
  const missing = EXPECTED.filter((name) => !driver.has(name));
  if (missing.length > 0 || !node.has('fsync'))
    throw new Error(
      `the driver does not take ${missing.join(', ')} from libc: nothing can be watched`,
    );
  const unprotect = unprotecting(libc);
  for (const [name, { result, parameters, callback }] of Object.entries(HOOKS)) {
    const slots = [...(driver.get(name) ?? []), ...(node.get(name) ?? [])];
    if (slots.length === 0) continue;
    const real = libc.func(name, result, [...parameters]) as unknown as Real;
    const type = koffi.pointer(koffi.proto(`${name}_callback`, result, [...parameters]));
    const address = koffi.register(
      (...args: never[]) => guarded(() => callback(real, ...args)),
      type,
    );
    for (const slot of slots) pointTo(unprotect, slot, address);
  }
}

/** The linker has made the table of slots read-only; the page that holds this one is made writable again. */
function pointTo(unprotect: (address: number) => void, slot: number, address: bigint): void {
  unprotect(slot);
  const memory = openSync('/proc/self/mem', 'r+');
  try {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(address);
    writeSync(memory, bytes, 0, bytes.length, slot);
  } finally {
    closeSync(memory);
  }
}

function unprotecting(libc: LibraryHandle): (address: number) => void {
  const pageBytes = (libc.func('getpagesize', 'int', []) as unknown as Real)();
  const protect = libc.func('mprotect', 'int', ['uint64_t', 'size_t', 'int']) as unknown as Real;
  return (address) => {
    if (protect(address - (address % pageBytes), pageBytes, PROT_READ | PROT_WRITE) !== 0)
      throw new Error(`the memory at ${address} cannot be made writable`);
  };
}

/** An exception cannot pass through the driver: it is kept for `watching`, and SQLite gets an error. */
function guarded(call: () => number): number {
  try {
    return call();
  } catch (error) {
    failures.push(error);
    return failWith(errno.EIO);
  }
}

function failWith(code: number): number {
  koffi.errno(code);
  return -1;
}

/** Asks the watcher, makes the real call unless it is to fail, and leaves `errno` as the call left it. */
function through(
  path: string,
  describe: () => FileCall,
  real: (atMostBytes?: number) => number,
): number {
  const by = watcher;
  if (by === null || (path !== by.folder && !path.startsWith(`${by.folder}/`))) return real();
  const call = describe();
  const fate = by.fate(call);
  if (fate !== 'real' && 'errno' in fate) return failWith(fate.errno);
  const result = fate === 'real' ? real() : real(fate.writtenBytes);
  const code = koffi.errno();
  if (result >= 0)
    by.done(call.call === 'write' ? { ...call, bytes: call.bytes.subarray(0, result) } : call);
  koffi.errno(code);
  return result;
}

function opens(real: Real, path: string, flags: number, mode: number): number {
  const describe = (): FileCall => ({
    call: 'open',
    path,
    writable: (flags & O_ACCMODE) !== 0,
    creates: (flags & O_CREAT) !== 0 && !existsSync(path),
  });
  return through(path, describe, () => real(path, flags, mode));
}

function reads(real: Real, file: number, buffer: unknown, length: number, offset: number): number {
  const path = pathOf(file);
  return through(
    path,
    () => ({ call: 'read', path, offset, length }),
    () => real(file, buffer, length, offset),
  );
}

function writes(real: Real, file: number, buffer: unknown, length: number, offset: number): number {
  const path = pathOf(file);
  const describe = (): FileCall => ({
    call: 'write',
    path,
    offset,
    bytes: new Uint8Array(koffi.view(buffer, length)).slice(),
  });
  return through(path, describe, (atMostBytes = length) => real(file, buffer, atMostBytes, offset));
}

/** SQLite always says where to write; should that change, the place has to be asked for here. */
function writesSomewhere(real: Real, file: number, buffer: unknown, length: number): number {
  const path = pathOf(file);
  const describe = (): FileCall => {
    throw new Error(`${path} was written without an offset`);
  };
  return through(path, describe, () => real(file, buffer, length));
}

function truncates(real: Real, file: number, size: number): number {
  const path = pathOf(file);
  return through(
    path,
    () => ({ call: 'truncate', path, size }),
    () => real(file, size),
  );
}

function syncs(real: Real, file: number): number {
  const path = pathOf(file);
  return through(
    path,
    () => ({ call: 'sync', path }),
    () => real(file),
  );
}

function unlinks(real: Real, path: string): number {
  return through(
    path,
    () => ({ call: 'unlink', path }),
    () => real(path),
  );
}

function pathOf(file: number): string {
  return watcher === null ? '' : readlinkSync(`/proc/self/fd/${file}`);
}

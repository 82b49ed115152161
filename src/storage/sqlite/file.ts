import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { PayreconError } from '../../domain/errors.ts';
import { codeOf } from '../driver-errors.ts';
import { noLedger } from '../no-ledger.ts';

const OWNER_ONLY_FOLDER = 0o700;
const OWNER_ONLY_FILE = 0o600;

/** File systems whose locks or shared memory do not reach other machines, by the kernel's magic number. */
const NETWORK_FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0x6969: 'NFS',
  0x517b: 'SMB',
  0xff534d42: 'CIFS',
  0xfe534d42: 'SMB2',
  0x5346414f: 'AFS',
  0x00c36400: 'Ceph',
  0x0bd00bd0: 'Lustre',
  0x01161970: 'GFS2',
  0x7461636f: 'OCFS2',
};

/** The file of a `sqlite:` URL, absolute. */
export function sqlitePath(url: string): string {
  const path = url.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '');
  if (path === '' || path.startsWith(':memory:')) {
    throw new PayreconError(
      'database_url',
      'DATABASE_URL names no file. A ledger has to outlive the process: give sqlite:/PATH.',
      {
        problems: [{ field: 'DATABASE_URL', message: 'give the path of a file after sqlite:' }],
      },
    );
  }
  if (!isAbsolute(path)) {
    throw new PayreconError(
      'database_url',
      'DATABASE_URL names a relative path, which is another file in each folder.',
      {
        problems: [{ field: 'DATABASE_URL', message: `write sqlite:${resolve(path)}` }],
      },
    );
  }
  return resolve(path);
}

/**
 * Makes the folder and the file, for the owner alone, where they do not exist. SQLite gives its -wal
 * and -shm files the mode of the file, so it has to be right before SQLite opens it. An empty file is
 * what somebody left who was about to make a ledger, or a wrong address: no ledger either way.
 */
export function prepareSqliteFile(
  path: string,
  { mayCreate }: { readonly mayCreate: boolean },
): void {
  const found = existsSync(path) ? statSync(path) : undefined;
  if (found?.isDirectory() === true) throw cannotOpen(path, 'it is a folder');
  if (found !== undefined && (found.size > 0 || !found.isFile())) return;
  if (!mayCreate) throw noLedger(path);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: OWNER_ONLY_FOLDER });
    closeSync(openSync(path, 'a', OWNER_ONLY_FILE));
    makeFoldersDurable(dirname(path));
  } catch (error) {
    throw cannotOpen(path, reasonOf(error), error);
  }
}

/**
 * SQLite makes durable what is in the file's own folder, not the folder: without this a power cut could take a folder
 * that was just made, with payments in it. Done as long as the file is empty, for whoever made the folders may have
 * died before coming here.
 */
function makeFoldersDurable(folder: string): void {
  try {
    const handle = openSync(folder, 'r');
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    // A folder that this user may not read was there before; some file systems keep folders in order by themselves.
    if (error instanceof Error && codeOf(error) === 'EIO') throw error;
  }
  if (dirname(folder) !== folder) makeFoldersDurable(dirname(folder));
}

function cannotOpen(path: string, reason: string, cause?: unknown): PayreconError {
  return new PayreconError(
    'database_cannot_open',
    `The ledger ${path} cannot be opened: ${reason}. Point DATABASE_URL at a file that this user may make and write.`,
    {
      problems: [{ field: 'DATABASE_URL', message: reason }],
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is not a folder',
  EEXIST: 'a part of the path is not a folder',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'the path is too long',
};

function reasonOf(error: unknown): string {
  const code = error instanceof Error ? codeOf(error) : '';
  return REASONS[code] ?? `the system says ${code === '' ? String(error) : code}`;
}

/** Why this place is unsafe for the file, or null. */
export function networkFileSystem(path: string): string | null {
  const name = NETWORK_FILE_SYSTEMS[statfsSync(dirname(path)).type];
  return name === undefined
    ? null
    : `The ledger ${path} lies on ${name}. SQLite's locks do not hold across a network; use a local disk, or PostgreSQL.`;
}

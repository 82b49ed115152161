import { fstatSync, closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { cwd, env, platform } from 'node:process';
import { userFolders } from './folders.ts';
import type { FileContent, SettingsSources } from './sources.ts';

/** Settings and secrets are short; a mistaken path may name anything. */
const MAX_FILE_BYTES = 64 * 1024;

/** No file is in it: it is below one that is no folder. */
const REMOVED = '/dev/null/removed-folder';

/** The machine's own environment, files and folders. */
export function systemSources(
  flags: SettingsSources['flags'],
  environment: SettingsSources['environment'] = env,
): SettingsSources {
  return {
    flags,
    environment,
    readFile,
    permissions,
    unverifiedTls: env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0',
    folders: () => userFolders(environment, { platform, home: homeOf }),
    cwd: currentFolder(),
  };
}

/**
 * What a shell keeps in a folder that another one has removed: the system names it no longer. Whatever is
 * sought there is then not found, as it would be in the folder itself.
 */
export function currentFolder(): string {
  try {
    return cwd();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return REMOVED;
    throw error;
  }
}

/** What cannot be looked at is left to whoever opens it. */
function permissions(path: string): number | null {
  if (platform === 'win32') return null;
  try {
    return statSync(path).mode & 0o7777;
  } catch {
    return null;
  }
}

/** By the system's list of users where no variable says it; null for a user who is not on it. */
function homeOf(): string | null {
  try {
    return homedir();
  } catch {
    return null;
  }
}

/** One open file, so that its size and permissions are those of what is read. */
function readFile(path: string): FileContent | null {
  const file = openIfThere(path);
  if (file === null) return null;
  try {
    const { size, mode } = fstatSync(file);
    if (size > MAX_FILE_BYTES) throw new Error(`it has more than ${String(MAX_FILE_BYTES)} bytes`);
    return { text: readFileSync(file, 'utf8'), mode: platform === 'win32' ? null : mode & 0o777 };
  } finally {
    closeSync(file);
  }
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (
      error instanceof Error &&
      'code' in error &&
      (error.code === 'ENOENT' || error.code === 'ENOTDIR')
    )
      return null;
    throw error;
  }
}

import { dirname } from 'node:path';

/*
 * Whoever can change the settings, a key or the ledger decides about money, and so does whoever can
 * put another file in its place. It is said and stops nothing: container platforms hand out their
 * secrets readable by everybody inside the container.
 */

/** Group and others. */
const READABLE_BY_OTHERS = 0o044;
const WRITABLE_BY_OTHERS = 0o022;
const WRITABLE_BY_ALL = 0o002;
/** Only its owner may replace a file in such a folder, as in /tmp. */
const STICKY = 0o1000;

export interface Guarded {
  readonly path: string;
  /** Permission bits; null where the system has none, or there is no such file yet. */
  readonly mode: number | null;
  /** What a person calls it. */
  readonly about: string;
  /** Whether it matters who reads it. */
  readonly private: boolean;
}

/** What other users of this machine may do to the file that they should not, as sentences. */
export function permissionWarnings(
  { path, mode, about, private: isPrivate }: Guarded,
  permissions: (path: string) => number | null,
): readonly string[] {
  const verbs = [
    ...(isPrivate && has(mode, READABLE_BY_OTHERS) ? ['read'] : []),
    ...(has(mode, WRITABLE_BY_OTHERS) ? ['changed'] : []),
  ];
  const warnings =
    verbs.length === 0
      ? []
      : [
          `${path} (${about}) can be ${verbs.join(' and ')} by other users of this machine: chmod 600 it`,
        ];
  const folder = dirname(path);
  const folderMode = permissions(folder);
  if (!has(folderMode, WRITABLE_BY_ALL) || has(folderMode, STICKY)) return warnings;
  return [
    ...warnings,
    `${folder} (the folder of ${about}) can be written by every user of this machine, who can put another file in its place: chmod go-w it`,
  ];
}

function has(mode: number | null, bits: number): boolean {
  return mode !== null && (mode & bits) !== 0;
}

import { fileURLToPath } from 'node:url';
import { type Plugin } from 'vitest/config';

/** One change of one source file: what stands there exactly once, and what stands there instead. */
export interface Patch {
  /** From the repository's root. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export function patched(code: string, { file, find, replace }: Patch): string {
  const parts = code.split(find);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}

/** Gives the tests of one run the patched sources; the files themselves stay as they are. */
export function patchPlugin(patches: readonly Patch[]): Plugin {
  const pathOf = ({ file }: Patch): string => fileURLToPath(new URL(`../../../${file}`, import.meta.url));
  return {
    name: 'payrecon-mutant',
    enforce: 'pre',
    transform(code, id) {
      const [path = ''] = id.split('?');
      const own = patches.filter((patch) => pathOf(patch) === path);
      return own.length === 0 ? null : own.reduce(patched, code);
    },
  };
}

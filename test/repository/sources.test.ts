import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { linesMatching, repositoryFiles, root, textOf } from './tree.ts';

const files = repositoryFiles();
const code = files.filter((file) => /\.(ts|js)$/.test(file));
const written = code.filter((file) => !file.includes('.generated.'));
const thisFile = 'test/repository/sources.test.ts';

describe('the sources', () => {
  it('are found at all', () => {
    expect(files).toEqual(
      expect.arrayContaining(['package.json', 'src/main.ts', 'bin/payrecon.js', thisFile]),
    );
  });

  it('have names that say what is inside', () => {
    const vague = /(^|\/)(utils?|helpers?|common|types|lib|misc|shared|index)(\/|\.[jt]s$)/;
    expect(files.filter((file) => vague.test(file))).toEqual([]);
    expect(
      files.filter((file) =>
        /\s|[A-Z]/.test(file.replace(/[^/]*\.md$|LICENSE$|fixtures?\/.*$/, '')),
      ),
    ).toEqual([]);
  });

  it('suppress nothing and leave nothing for later', () => {
    const pattern =
      /eslint-disable|@ts-(ignore|nocheck|expect-error)|\b(TODO|FIXME|XXX|HACK)\b|[:<|]\s*any\s*(?:[;,)>=|&[\]{]|$)|\bas any\b/;
    expect(
      linesMatching(
        written.filter((file) => file !== thisFile),
        pattern,
      ),
    ).toEqual([]);
  });

  it('run every test, every time', () => {
    const tests = code.filter((file) => file.startsWith('test/') && file !== thisFile);
    expect(
      linesMatching(
        tests,
        /\b(describe|it|test|suite)\.(only|skip|todo|skipIf|runIf|fails)\b|\bctx\.skip\(|\bx(it|describe)\(/,
      ),
    ).toEqual([]);
  });

  it('name no machine, no user and nothing beside the repository', () => {
    const text = files.filter(
      (file) => /\.(ts|js|json|md|yml|css|html|service)$|^\.ci\//.test(file) && file !== thisFile,
    );
    expect(
      linesMatching(
        text,
        new RegExp(
          String.raw`${root.replace(/\/$/, '')}/|/work/|\.\./shared\b|/root/|sk_live_[A-Za-z0-9]{12}`,
        ),
      ),
    ).toEqual([]);
  });

  it('link, in the documents, to files that are there', () => {
    const broken = files
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) =>
        [...textOf(file).matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)/g)]
          .map((match) => match[1] ?? '')
          .filter((target) => !existsSync(join(root, dirname(file), target)))
          .map((target) => `${file} -> ${target}`),
      );
    expect(broken).toEqual([]);
  });

  it('are executable where a person or a machine starts them', () => {
    const modes = ['bin/payrecon.js', '.ci/run'].map((file) => [
      file,
      (statSync(join(root, file)).mode & 0o111) !== 0,
    ]);
    expect(modes).toEqual([
      ['bin/payrecon.js', true],
      ['.ci/run', true],
    ]);
  });
});

// What is inside the bundle, in which version, under which licence.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Licences under which a package may be bundled; another one is a decision for a person. */
const accepted = new Set([
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  '0BSD',
  'BlueOak-1.0.0',
  'Unlicense',
]);

/** @typedef {{ name: string, version: string, license: string, text: string }} ThirdParty */

/**
 * @param {Record<string, unknown>} inputs the files of a build, by path
 * @returns {ThirdParty[]} the packages they belong to, by name
 */
export function packagesIn(inputs) {
  const folders = new Set(
    Object.keys(inputs).flatMap(
      (path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
    ),
  );
  return [...folders]
    .map((folder) => {
      const path = join(root, folder);
      const { name, version, license } = /** @type {ThirdParty} */ (
        JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'))
      );
      const file = readdirSync(path).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
      return {
        name,
        version,
        license,
        text: file === undefined ? '' : readFileSync(join(path, file), 'utf8').trim(),
      };
    })
    .sort((one, other) =>
      `${one.name} ${one.version}` < `${other.name} ${other.version}` ? -1 : 1,
    );
}

/**
 * The text of docs/THIRD-PARTY.md.
 * @param {ThirdParty[]} packages
 */
export function thirdPartyList(packages) {
  const unclear = packages.filter(({ license }) => !accepted.has(license));
  if (unclear.length > 0)
    throw new Error(
      `licence to be decided on: ${unclear.map(({ name, license }) => `${name} (${license})`).join(', ')}`,
    );
  const rows = packages.map(
    ({ name, version, license }) => `| ${name} | ${version} | ${license} |`,
  );
  return [
    '# Packages inside the bundle',
    '',
    'Written by `npm run generate`; a test compares it with the build. Their licence texts are in `dist/LICENCES.txt`.',
    '`libsql` (MIT) is not bundled: it is installed beside payrecon and brings its native binary.',
    '',
    '| package | version | licence |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

/**
 * The licence texts of the packages, as most of the licences ask of those who pass the code on.
 * @param {ThirdParty[]} packages
 */
export function licenceTexts(packages) {
  const texts = packages.map(
    ({ name, version, license, text }) => `${name} ${version} (${license})\n\n${text}\n`,
  );
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

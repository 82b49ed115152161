import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

const foldersOfTheRepository = ['bin', 'src', 'migrations', 'test', 'bench', 'docs', '.ci'];

/** Every file of the repository that people write or read, relative to its root and with `/`. */
export function repositoryFiles(): string[] {
  const inFolders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && foldersOfTheRepository.includes(entry.name))
    .flatMap((folder) =>
      readdirSync(join(root, folder.name), { recursive: true, withFileTypes: true }),
    );
  const atTheTop = readdirSync(root, { withFileTypes: true }).filter(
    (entry) => entry.name !== 'package-lock.json',
  );
  return [...inFolders, ...atTheTop]
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

export function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** The lines that match, as `file:line: text`. */
export function linesMatching(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    textOf(file)
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [],
      ),
  );
}

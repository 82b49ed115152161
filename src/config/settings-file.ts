import { parseEnv } from 'node:util';
import type { Problem } from '../domain/errors.ts';
import { quoted } from '../domain/request/field-rules.ts';
import { nearest } from '../domain/suggest.ts';
import { holdsPassword } from './database.ts';
import { CONFIG_NAME, DATABASE_URL, KNOWN_NAMES, SECRET_NAMES } from './declarations.ts';

export interface SettingsFile {
  readonly path: string;
  readonly values: ReadonlyMap<string, string>;
}

const LINE = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=/;

/**
 * Reads `NAME=value` lines. Node's reader drops a line it does not understand together with the one
 * after it, so every line is looked at first: a setting that is silently ignored is a wrong setting.
 */
export function readSettingsFile(path: string, text: string, problems: Problem[]): SettingsFile {
  const content = text.replace(/^\ufeff/, '');
  const seen = new Set<string>();
  for (const [index, line] of content.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.trim().startsWith('#')) continue;
    const name = LINE.exec(line)?.[1];
    const field = `line ${String(index + 1)} of ${path}`;
    // The line itself is not repeated: it may hold a secret.
    if (name === undefined) problems.push({ field, message: 'it is not of the form NAME=value' });
    else if (seen.has(name))
      problems.push({ field, message: `${name} was already set above: keep one of the lines` });
    else problems.push(...nameProblems(name, field));
    if (name !== undefined) seen.add(name);
  }
  const values = new Map<string, string>();
  for (const [name, value = ''] of Object.entries(parseEnv(content))) {
    if (value !== '' && isSecret(name, value)) {
      const message = `a secret does not belong in the settings file: put it into a file of its own and name that in ${name}_FILE`;
      problems.push({ field: `${name} in ${path}`, message });
    } else {
      values.set(name, value);
    }
  }
  return { path, values };
}

/** Where the ledger is may be written down; a password to it may not. */
function isSecret(name: string, value: string): boolean {
  return SECRET_NAMES.includes(name) && (name !== DATABASE_URL || holdsPassword(value));
}

function nameProblems(name: string, field: string): readonly Problem[] {
  if (name === CONFIG_NAME)
    return [{ field, message: `${CONFIG_NAME} names this file and cannot stand in it` }];
  return KNOWN_NAMES.includes(name) ? [] : [{ field, message: unknownName(name) }];
}

export function unknownName(name: string): string {
  const meant = nearest(name, KNOWN_NAMES, Math.max(2, Math.floor(name.length / 4)));
  return `there is no setting ${quoted(name)}${meant === null ? '' : `; did you mean ${meant}?`}`;
}

/** Misspelt variables of ours; other programs' variables are none of our business. */
export function unknownVariables(
  environment: Readonly<Record<string, string | undefined>>,
): readonly Problem[] {
  return Object.keys(environment)
    .filter((name) => name.startsWith('PAYRECON_') && !KNOWN_NAMES.includes(name))
    .sort()
    .map((name) => ({ field: name, message: unknownName(name) }));
}

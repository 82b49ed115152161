import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { Problem } from '../domain/errors.ts';
import { CONFIG_NAME, SECRET_NAMES, type Declaration, type WhenEmpty } from './declarations.ts';
import { permissionWarnings, type Guarded } from './permissions.ts';
import { readSettingsFile, type SettingsFile } from './settings-file.ts';

/** Where settings come from; `systemSources` makes the real one. */
export interface SettingsSources {
  /** By the flag's name without dashes: `{ 'pending-after': '5m', live: true }`. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A file's text and permission bits (null where the system has none); null when there is no such file. Throws when it cannot be read. */
  readonly readFile: (path: string) => FileContent | null;
  /** Permission bits of a file or folder, with the sticky one; null where there are none, or no such file. */
  readonly permissions: (path: string) => number | null;
  /** Whether Node, in this process, takes every certificate for the right one. */
  readonly unverifiedTls: boolean;
  /** The user's folders for payrecon. Asked only when a default depends on them. */
  readonly folders: () => { readonly config: Folder; readonly data: Folder };
  /** What relative paths begin at. */
  readonly cwd: string;
}

/** An absolute path, or what keeps it from being one. */
export type Folder =
  { readonly ok: true; readonly path: string } | { readonly ok: false; readonly problem: Problem };

export interface FileContent {
  readonly text: string;
  readonly mode: number | null;
}

/** A value as it was found (empty only where that means something, see `WhenEmpty`), and what to call the place in a message. */
export interface Found {
  readonly text: string;
  /** What the person has to change: `--max-attempts`, `PAYRECON_MAX_ATTEMPTS`, `PAYRECON_MAX_ATTEMPTS in /etc/payrecon.env`. */
  readonly field: string;
  /** `flag`, `environment`, `file /etc/payrecon.env`, .. for `doctor`. */
  readonly source: string;
}

export interface Notes {
  readonly problems: Problem[];
  readonly warnings: string[];
}

/** The environment, or the settings file. */
interface Place {
  readonly values: (name: string) => string | undefined;
  /** What the paths of its files begin at. */
  readonly folder: string;
  /** What stands behind the name in a message. */
  readonly suffix: string;
  readonly source: string;
}

type Sought = Pick<Declaration<unknown>, 'name' | 'flag' | 'whenEmpty'>;

export const SET_BUT_EMPTY = 'it is set but empty: give it a value, or unset it';

/** Finds each setting in the first place that has it: flag, environment, credentials folder, settings file. */
export class Lookup {
  readonly file: SettingsFile | null;
  readonly #sources: SettingsSources;
  readonly #notes: Notes;

  constructor(sources: SettingsSources, notes: Notes) {
    this.#sources = sources;
    this.#notes = notes;
    const credentials = sources.environment['CREDENTIALS_DIRECTORY'] ?? '';
    if (credentials !== '' && !isAbsolute(credentials))
      this.#problem('CREDENTIALS_DIRECTORY', 'it must be an absolute path');
    this.file = this.#openSettingsFile();
  }

  find({ name, flag, whenEmpty }: Sought): Found | null {
    const given = flag === null ? undefined : this.#sources.flags[flag];
    if (flag !== null && given !== undefined && given !== false) {
      return { text: given === true ? '1' : given, field: `--${flag}`, source: 'flag' };
    }
    const inEnvironment = this.#inPlace(name, whenEmpty, {
      values: (each) => this.#sources.environment[each],
      folder: this.#sources.cwd,
      suffix: '',
      source: 'environment',
    });
    if (inEnvironment !== null) return inEnvironment;
    const inCredentials = this.#inCredentials(name);
    if (inCredentials !== null || this.file === null) return inCredentials;
    const { path, values } = this.file;
    return this.#inPlace(name, whenEmpty, {
      values: (each) => values.get(each),
      folder: dirname(path),
      suffix: ` in ${path}`,
      source: `file ${path}`,
    });
  }

  /** One place that has values by name, and files with secrets named by `<NAME>_FILE`. */
  #inPlace(
    name: string,
    whenEmpty: WhenEmpty,
    { values, folder, suffix, source }: Place,
  ): Found | null {
    const counts = (text: string | undefined): text is string =>
      text !== undefined && (text !== '' || whenEmpty !== 'unset');
    const text = values(name);
    const path = SECRET_NAMES.includes(name) ? values(`${name}_FILE`) : undefined;
    if (counts(text) && counts(path))
      this.#problem(`${name}${suffix}`, `both ${name} and ${name}_FILE are set: keep one of them`);
    else if (path === '' && counts(path))
      return { text: '', field: `${name}_FILE${suffix}`, source };
    if (counts(text)) return { text, field: `${name}${suffix}`, source };
    return path === undefined || path === ''
      ? null
      : this.#secretFile(path, folder, `${name}_FILE${suffix}`);
  }

  /** systemd's LoadCredential= puts each under a name of the unit's choice; ours, or ours in lower case. */
  #inCredentials(name: string): Found | null {
    const folder = this.#sources.environment['CREDENTIALS_DIRECTORY'] ?? '';
    if (!isAbsolute(folder) || !SECRET_NAMES.includes(name)) return null;
    for (const each of [name, name.toLowerCase()]) {
      const path = join(folder, each);
      const content = this.#read(path, name);
      if (content === 'missing') continue;
      if (content === null) return null;
      const text = content.text.trim();
      if (text === '') this.#problem(`${name} (${path})`, 'the file is empty');
      return text === ''
        ? null
        : { text, field: `${name} (${path})`, source: `credential ${path}` };
    }
    return null;
  }

  #secretFile(given: string, folder: string, field: string): Found | null {
    const path = resolve(folder, given);
    const content = this.#read(path, field, isAbsolute(given) ? path : 'it');
    if (content === null) return null;
    if (content === 'missing') {
      // A secret that was put where its file should be named looks like a relative path.
      const hidden =
        'it names no file; what it holds is not repeated, as it may be the secret itself: name the file that holds it';
      this.#problem(field, isAbsolute(given) ? `there is no file ${path}` : hidden);
      return null;
    }
    const text = content.text.trim();
    if (text === '') {
      this.#problem(field, `the file ${path} is empty`);
      return null;
    }
    this.#warnAbout({ path, mode: content.mode, about: field, private: true });
    return { text, field, source: `secret file ${path}` };
  }

  #openSettingsFile(): SettingsFile | null {
    const { flags, environment, cwd } = this.#sources;
    const flag = flags['config'];
    const named = typeof flag === 'string' ? flag : environment[CONFIG_NAME];
    const field = typeof flag === 'string' ? '--config' : CONFIG_NAME;
    if (named === '') {
      this.#problem(field, typeof flag === 'string' ? 'it is empty: name a file' : SET_BUT_EMPTY);
      return null;
    }
    const path = named === undefined ? this.#defaultPath() : resolve(cwd, named);
    const content = path === null ? null : this.#read(path, field);
    if (path === null || content === null) return null;
    if (content === 'missing') {
      if (named !== undefined) this.#problem(field, `there is no file ${path}`);
      return null;
    }
    this.#warnAbout({ path, mode: content.mode, about: 'the settings file', private: false });
    return readSettingsFile(path, content.text, this.#notes.problems);
  }

  #warnAbout(file: Guarded): void {
    this.#notes.warnings.push(...permissionWarnings(file, this.#sources.permissions));
  }

  #defaultPath(): string | null {
    const { config } = this.#sources.folders();
    if (config.ok) return join(config.path, 'payrecon.env');
    // A user without a home has no settings file there; one who names the folder has to name it whole.
    if (config.problem.field.endsWith('_CONFIG_HOME')) this.#notes.problems.push(config.problem);
    return null;
  }

  /** Null, with the problem noted, where it cannot be read. */
  #read(path: string, field: string, shown = path): FileContent | 'missing' | null {
    try {
      return this.#sources.readFile(path) ?? 'missing';
    } catch (error) {
      // The system's sentence names the path as well.
      this.#problem(field, `${shown} cannot be read: ${reasonOf(error)}`);
      return null;
    }
  }

  #problem(field: string, message: string): void {
    this.#notes.problems.push({ field, message });
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}

import { isAbsolute, join, resolve } from 'node:path';
import type { Problem } from '../domain/errors.ts';
import { CONFIG_NAME, SECRET_NAMES } from './declarations.ts';
import { readSettingsFile, type SettingsFile } from './settings-file.ts';

/** Where settings come from; `systemSources` makes the real one. */
export interface SettingsSources {
  /** By the flag's name without dashes: `{ 'pending-after': '5m', live: true }`. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A file's text and permission bits (null where the system has none); null when there is no such file. Throws when it cannot be read. */
  readonly readFile: (path: string) => FileContent | null;
  /** The user's folders for payrecon. Asked only when a default depends on them. */
  readonly folders: () => { readonly config: string; readonly data: string };
  /** What relative paths begin at. */
  readonly cwd: string;
}

export interface FileContent {
  readonly text: string;
  readonly mode: number | null;
}

/** A value as it was found, and what to call the place in a message. */
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

/** Group and others may read it. */
const READABLE_BY_OTHERS = 0o044;

/** Finds each setting in the first place that has it: flag, environment, credentials folder, settings file. */
export class Lookup {
  readonly file: SettingsFile | null;
  readonly #sources: SettingsSources;
  readonly #notes: Notes;

  constructor(sources: SettingsSources, notes: Notes) {
    this.#sources = sources;
    this.#notes = notes;
    this.file = this.#openSettingsFile();
  }

  find(name: string, flag: string | null): Found | null {
    const given = flag === null ? undefined : this.#sources.flags[flag];
    if (flag !== null && given !== undefined && given !== false) {
      return { text: given === true ? '1' : given, field: `--${flag}`, source: 'flag' };
    }
    return this.#inEnvironment(name) ?? this.#inCredentials(name) ?? this.#inSettingsFile(name);
  }

  #inEnvironment(name: string): Found | null {
    // Set but empty counts as not set: that is what `NAME=` means in the files of service managers.
    const text = this.#sources.environment[name] ?? '';
    const path = SECRET_NAMES.includes(name) ? (this.#sources.environment[`${name}_FILE`] ?? '') : '';
    if (text !== '' && path !== '') this.#problem(name, `both ${name} and ${name}_FILE are set: keep one of them`);
    if (text !== '') return { text, field: name, source: 'environment' };
    return path === '' ? null : this.#secretFile(resolve(this.#sources.cwd, path), `${name}_FILE`);
  }

  /** systemd's LoadCredential= puts each under a name of the unit's choice; ours, or ours in lower case. */
  #inCredentials(name: string): Found | null {
    const folder = this.#sources.environment['CREDENTIALS_DIRECTORY'] ?? '';
    if (folder === '' || !SECRET_NAMES.includes(name)) return null;
    for (const each of [name, name.toLowerCase()]) {
      const path = join(folder, each);
      const content = this.#read(path, name);
      if (content !== null) return { text: content.text.trim(), field: `${name} (${path})`, source: `credential ${path}` };
    }
    return null;
  }

  #inSettingsFile(name: string): Found | null {
    if (this.file === null) return null;
    const { path, values } = this.file;
    const text = values.get(name) ?? '';
    const secretPath = SECRET_NAMES.includes(name) ? (values.get(`${name}_FILE`) ?? '') : '';
    if (text !== '' && secretPath !== '') this.#problem(`${name} in ${path}`, `both ${name} and ${name}_FILE are set: keep one of them`);
    if (text !== '') return { text, field: `${name} in ${path}`, source: `file ${path}` };
    return secretPath === '' ? null : this.#secretFile(resolve(path, '..', secretPath), `${name}_FILE in ${path}`);
  }

  #secretFile(path: string, field: string): Found | null {
    const content = this.#read(path, field);
    if (content === null) {
      this.#problem(field, `there is no file ${path}`);
      return null;
    }
    const text = content.text.trim();
    if (text === '') {
      this.#problem(field, `the file ${path} is empty`);
      return null;
    }
    // Not an error: container platforms hand out their secrets readable by everybody inside the container.
    if (content.mode !== null && (content.mode & READABLE_BY_OTHERS) !== 0) {
      this.#notes.warnings.push(`${path} (${field}) can be read by other users of this machine: chmod 600 it`);
    }
    return { text, field, source: `secret file ${path}` };
  }

  #openSettingsFile(): SettingsFile | null {
    const { flags, environment, cwd } = this.#sources;
    const flag = flags['config'];
    const named = typeof flag === 'string' ? flag : (environment[CONFIG_NAME] ?? '');
    const field = typeof flag === 'string' ? '--config' : CONFIG_NAME;
    if (typeof flag === 'string' && flag === '') {
      this.#problem(field, 'it is empty: name a file');
      return null;
    }
    const path = named === '' ? this.#defaultPath() : resolve(cwd, named);
    const content = path === null ? null : this.#read(path, field);
    if (path === null || content === null) {
      if (named !== '' && path !== null) this.#problem(field, `there is no file ${path}`);
      return null;
    }
    return readSettingsFile(path, content.text, this.#notes.problems);
  }

  #defaultPath(): string | null {
    const { config } = this.#sources.folders();
    if (isAbsolute(config)) return join(config, 'payrecon.env');
    this.#problem('XDG_CONFIG_HOME', 'it must be an absolute path');
    return null;
  }

  #read(path: string, field: string): FileContent | null {
    try {
      return this.#sources.readFile(path);
    } catch (error) {
      this.#problem(field, `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  }

  #problem(field: string, message: string): void {
    this.#notes.problems.push({ field, message });
  }
}

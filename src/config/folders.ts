import { isAbsolute, join } from 'node:path';
import type { Folder, SettingsSources } from './sources.ts';

/** What the folders depend on, beside the environment. */
export interface Machine {
  readonly platform: string;
  /** The home folder where no variable says it; null for a user that the system does not know. */
  readonly home: () => string | null;
}

interface Place {
  /** The variable that names the folder above ours, where the system has one. */
  readonly variable: string | null;
  readonly inVariable: readonly string[];
  readonly inHome: readonly string[];
}

interface Places {
  readonly home: string;
  readonly config: Place;
  readonly data: Place;
}

const APPLICATION = 'payrecon';

/** The XDG base directory specification. */
const XDG: Places = {
  home: 'HOME',
  config: {
    variable: 'XDG_CONFIG_HOME',
    inVariable: [APPLICATION],
    inHome: ['.config', APPLICATION],
  },
  data: {
    variable: 'XDG_DATA_HOME',
    inVariable: [APPLICATION],
    inHome: ['.local', 'share', APPLICATION],
  },
};

const MACOS: Places = {
  home: 'HOME',
  config: { variable: null, inVariable: [], inHome: ['Library', 'Preferences', APPLICATION] },
  data: { variable: null, inVariable: [], inHome: ['Library', 'Application Support', APPLICATION] },
};

const WINDOWS: Places = {
  home: 'USERPROFILE',
  config: {
    variable: 'APPDATA',
    inVariable: [APPLICATION, 'Config'],
    inHome: ['AppData', 'Roaming', APPLICATION, 'Config'],
  },
  data: {
    variable: 'LOCALAPPDATA',
    inVariable: [APPLICATION, 'Data'],
    inHome: ['AppData', 'Local', APPLICATION, 'Data'],
  },
};

const PLACES: Readonly<Record<string, Places>> = { darwin: MACOS, win32: WINDOWS };

/**
 * The user's folders for settings and for the ledger, below the home that the environment names. Where
 * there is no such home, the person has to say where the ledger is: a guess would be another ledger
 * for each guess.
 */
export function userFolders(
  environment: SettingsSources['environment'],
  machine: Machine,
): ReturnType<SettingsSources['folders']> {
  const { home, config, data } = PLACES[machine.platform] ?? XDG;
  const folderOf = (place: Place): Folder =>
    inVariable(environment, place) ?? inHome(environment, home, machine, place);
  return { config: folderOf(config), data: folderOf(data) };
}

/** Empty counts as not set: the specification says so. */
function inVariable(
  environment: SettingsSources['environment'],
  { variable, inVariable: below }: Place,
): Folder | null {
  const given = variable === null ? '' : (environment[variable] ?? '');
  if (variable === null || given === '') return null;
  return isAbsolute(given)
    ? { ok: true, path: join(given, ...below) }
    : bad(variable, 'it must be an absolute path');
}

function inHome(
  environment: SettingsSources['environment'],
  variable: string,
  machine: Machine,
  { inHome: below }: Place,
): Folder {
  const home = environment[variable] ?? machine.home();
  if (home === null) return bad(variable, 'it is not set');
  if (!isAbsolute(home)) return bad(variable, 'it must be an absolute path');
  // Services get `/` for want of a home; what is there belongs to all of them together.
  if (home === '/') return bad(variable, 'it is /, which is no home of this user');
  return { ok: true, path: join(home, ...below) };
}

function bad(field: string, what: string): Folder {
  return {
    ok: false,
    problem: { field, message: `${what}: correct it, or say in DATABASE_URL where the ledger is` },
  };
}

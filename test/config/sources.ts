import { PayreconError } from '../../src/domain/errors.ts';
import { loadSettings, type Settings } from '../../src/config/settings.ts';
import type { FileContent, SettingsSources } from '../../src/config/sources.ts';

export interface Given {
  readonly flags?: SettingsSources['flags'];
  readonly env?: Readonly<Record<string, string>>;
  /** Texts by path; with permission bits where they matter. */
  readonly files?: Readonly<Record<string, string | FileContent>>;
  readonly unreadable?: readonly string[];
  /** Permission bits by path, of what is not read; everything else is its owner's. */
  readonly permissions?: Readonly<Record<string, number>>;
  readonly unverifiedTls?: boolean;
  readonly folders?: Partial<ReturnType<SettingsSources['folders']>>;
}

export const SETTINGS_FILE = '/home/ada/.config/payrecon/payrecon.env';

/** Sources without a machine: nothing but what the test gives. */
export function sourcesOf({
  flags = {},
  env = {},
  files = {},
  unreadable = [],
  permissions = {},
  unverifiedTls = false,
  folders,
}: Given): SettingsSources {
  return {
    flags,
    environment: env,
    readFile: (path) => {
      if (unreadable.includes(path)) throw new Error('EACCES: permission denied');
      const file = files[path];
      return typeof file === 'string' ? { text: file, mode: 0o600 } : (file ?? null);
    },
    permissions: (path) => permissions[path] ?? 0o700,
    unverifiedTls,
    folders: () => ({
      config: { ok: true, path: '/home/ada/.config/payrecon' },
      data: { ok: true, path: '/home/ada/.local/share/payrecon' },
      ...folders,
    }),
    cwd: '/srv/shop',
  };
}

export function settingsOf(given: Given): Settings {
  return loadSettings(sourcesOf(given));
}

export function refusalOf(given: Given): PayreconError {
  try {
    loadSettings(sourcesOf(given));
  } catch (error) {
    if (error instanceof PayreconError) return error;
    throw error;
  }
  throw new Error('the settings were accepted');
}

/** Each problem as `field: message`. */
export function problemsOf(given: Given): readonly string[] {
  return refusalOf(given).problems.map(({ field, message }) => `${field}: ${message}`);
}

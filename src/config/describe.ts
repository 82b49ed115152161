import { formatDuration } from '../domain/duration.ts';
import { withoutSecrets } from '../domain/secret-texts.ts';
import { DATABASE_URL, DECLARATIONS, type Property } from './declarations.ts';
import type { Settings } from './settings.ts';

export interface DescribedSetting {
  readonly name: string;
  /** As one would write it; `set (hidden)` for a secret, `not set` where there is nothing. */
  readonly value: string;
  /** `default`, `flag`, `environment`, `file PATH`, `secret file PATH`, `credential PATH`. */
  readonly source: string;
}

/** Every setting for a person's eyes: no secret, no password. */
export function describeSettings(settings: Settings): readonly DescribedSetting[] {
  const described = (Object.keys(DECLARATIONS) as Property[]).map((property) => {
    const { name, secret } = DECLARATIONS[property];
    const value = settings[property];
    return {
      name,
      value: secret && value !== null ? 'set (hidden)' : shown(property, value),
      source: settings.origins.get(name) ?? 'default',
    };
  });
  return [
    {
      name: DATABASE_URL,
      value: settings.database.shown,
      source: settings.origins.get(DATABASE_URL) ?? 'default',
    },
    ...described,
  ];
}

function shown(property: Property, value: string | number | boolean | null): string {
  if (value === null || value === '') return 'not set';
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'number' && property.endsWith('Ms')
    ? formatDuration(value)
    : withoutSecrets(String(value));
}

import { Option } from '@commander-js/extra-typings';
import { DECLARATIONS } from '../config/declarations.ts';
import { BugError } from '../domain/errors.ts';
import { addTo, type AnyCommand, once, type SettingFlag, settingValues } from './flags.ts';

export const stripeFlags = [
  'stripe-api-base',
  'stripe-deadline',
  'stripe-rps',
  'stripe-endpoint-rps',
] as const;
export const mailFlags = [
  'sendgrid-api-base',
  'mail-from',
  'mail-reply-to',
  'operator-email',
] as const;

export function addSettings(command: AnyCommand, names: readonly SettingFlag[]): void {
  for (const name of names)
    addTo(
      command,
      'Settings:',
      new Option(`--${name} ${settingValues[name]}`, describe(name)).argParser(once),
    );
}

/** The same words as in the README's table: both come from the declaration of the setting. */
function describe(name: SettingFlag): string {
  const declaration = Object.values(DECLARATIONS).find(({ flag }) => flag === name);
  if (declaration === undefined) throw new BugError(`--${name} belongs to no setting`);
  const { meaning, fallback, fallbackShown } = declaration;
  const standard = fallbackShown ?? fallback;
  const text = standard === null ? meaning : `${meaning} (default: ${standard})`;
  return text.replaceAll('`', '').replace(/^[A-Z](?=[a-z ])/, (letter) => letter.toLowerCase());
}

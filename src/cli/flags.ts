import { type CommandUnknownOpts, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import type { FlagValues } from './dependencies.ts';

/** For an option that has one value: a second one is an error, never silently the winner. */
export function once(value: string, previous: string | undefined): string {
  if (previous !== undefined) throw new InvalidArgumentError('It was given more than once.');
  return value;
}

/** What stands for the value in a setting's help line. */
export const settingValues = {
  'pending-after': '<duration>',
  'max-attempts': '<n>',
  'backoff-base': '<duration>',
  'backoff-cap': '<duration>',
  'stuck-after': '<duration>',
  schedule: '<cron>',
  timezone: '<zone>',
  'duplicate-window': '<duration>',
  'stripe-api-base': '<url>',
  'stripe-deadline': '<duration>',
  'stripe-rps': '<n>',
  'stripe-endpoint-rps': '<n>',
  'sendgrid-api-base': '<url>',
  'mail-from': '<address>',
  'mail-reply-to': '<address>',
  'operator-email': '<address>',
  operator: '<name>',
} as const;

/** Settings that a command may take as a flag; secrets are never among them. */
export type SettingFlag = keyof typeof settingValues;

/** What `addGlobals` and its like work on, whatever a command's own options are. */
export type AnyCommand = Pick<CommandUnknownOpts, 'addOption'>;

export function addTo(command: AnyCommand, group: string, option: Option): void {
  command.addOption(option.helpGroup(group));
}

/** Every command takes these itself, so that they may stand after it as well as before it. */
export function addGlobals(command: AnyCommand): void {
  const group = 'Everywhere:';
  addTo(command, group, new Option('--live', 'allow a live key: real money'));
  addTo(command, group, new Option('--config <file>', 'settings file').argParser(once));
  addTo(command, group, new Option('--no-color', 'no colours'));
}

/** For the commands that may make a ledger. */
export function addNewLedger(command: AnyCommand): void {
  command.addOption(
    new Option('--new-ledger', 'allow a new ledger where another one has charged on this account'),
  );
}

export function addJson(command: AnyCommand): void {
  command.addOption(new Option('--json', 'print JSON'));
}

export interface Globals {
  readonly json: boolean;
  readonly colour: boolean;
  readonly flags: FlagValues;
}

/** The flags that every command has, and the settings among its own, from the outermost command to the innermost. */
export function readGlobals(commands: readonly Pick<CommandUnknownOpts, 'opts'>[]): Globals {
  const given = Object.fromEntries(commands.flatMap((command) => definedOnly(command.opts())));
  const flags: Record<string, string | boolean> = {};
  for (const name of [...Object.keys(settingValues), 'live', 'new-ledger', 'config']) {
    const value = given[camelCase(name)];
    if (typeof value === 'string' || typeof value === 'boolean') flags[name] = value;
  }
  // Of `--no-color` every command has its own, which is on unless it was given there.
  const colour = commands.every((command) => command.opts()['color'] !== false);
  return { json: given['json'] === true, colour, flags };
}

function definedOnly(
  options: Readonly<Record<string, unknown>>,
): readonly (readonly [string, unknown])[] {
  return Object.entries(options).filter(([, value]) => value !== undefined);
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase());
}

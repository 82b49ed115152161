import type { CommandUnknownOpts, Option } from '@commander-js/extra-typings';

/** What may follow an option. */
export type Follows =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'file' }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'anything' };

export interface CompletedOption {
  readonly name: string;
  readonly description: string;
  readonly follows: Follows;
}

export interface Word {
  readonly name: string;
  readonly description: string;
}

/** One command, by the words that lead to it: `''`, `charge`, `stuck resolve`. */
export interface Place {
  readonly path: string;
  /** Subcommands, or what the argument may be. */
  readonly words: readonly Word[];
  readonly options: readonly CompletedOption[];
}

/** The whole program as the shells need it, so that a completion never offers what is not there. */
export function places(
  command: CommandUnknownOpts,
  path: readonly string[] = [],
): readonly Place[] {
  const choices = command.registeredArguments.flatMap((argument) => argument.argChoices ?? []);
  const help = command.createHelp();
  const place: Place = {
    path: path.join(' '),
    words: [
      ...help
        .visibleCommands(command)
        .map((each) => ({ name: each.name(), description: each.description() })),
      ...choices.map((name) => ({ name, description: '' })),
    ],
    options: help.visibleOptions(command).map(completed),
  };
  return [place, ...command.commands.flatMap((each) => places(each, [...path, each.name()]))];
}

function completed(option: Option): CompletedOption {
  return {
    name: option.long ?? option.flags,
    description: option.description,
    follows: follows(option),
  };
}

function follows(option: Option): Follows {
  if (!option.required && !option.optional) return { kind: 'nothing' };
  if (option.argChoices !== undefined) return { kind: 'words', words: option.argChoices };
  return { kind: /<(file|folder)>/.test(option.flags) ? 'file' : 'anything' };
}

/** How a place is reached from the one above it: `['', 'stuck']`, `['stuck', 'resolve']`. */
export function steps(all: readonly Place[]): readonly (readonly [from: string, word: string])[] {
  return all
    .filter((place) => place.path !== '')
    .map(
      ({ path }) => [path.split(' ').slice(0, -1).join(' '), path.split(' ').at(-1) ?? ''] as const,
    );
}

/** Text between single quotes, for a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

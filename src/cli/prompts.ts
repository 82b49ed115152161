import type { Output } from './streams.ts';

export interface Choice<Value> {
  readonly name: string;
  readonly value: Value;
  readonly description: string;
}

/** Questions to a person at a terminal. Ctrl-C ends the command instead of answering. */
export interface Prompts {
  select<Value>(message: string, choices: readonly Choice<Value>[]): Promise<Value>;
  /** Asks again until something other than blanks is given. */
  text(message: string): Promise<string>;
  confirm(message: string): Promise<boolean>;
}

export interface PromptStreams {
  readonly input: NodeJS.ReadableStream;
  /** Standard error: questions are talk, not data. */
  readonly output: NodeJS.WritableStream;
}

/** Prompts on a terminal; its streams and what draws on it are taken up when the first question is asked. */
export function terminalPrompts(
  streams: () => PromptStreams,
  look: Pick<Output, 'colourLevel'>,
): Prompts {
  return {
    async select(message, choices) {
      const [{ select }, theme] = await Promise.all([
        import('@inquirer/prompts'),
        promptTheme(look),
      ]);
      return select({ message, choices: [...choices], theme }, streams());
    },
    async text(message) {
      const [{ input }, theme] = await Promise.all([
        import('@inquirer/prompts'),
        promptTheme(look),
      ]);
      const validate = (text: string): string | true =>
        text.trim() !== '' || 'Please give a few words.';
      return (await input({ message, validate, theme }, streams())).trim();
    },
    async confirm(message) {
      const [{ confirm }, theme] = await Promise.all([
        import('@inquirer/prompts'),
        promptTheme(look),
      ]);
      return confirm({ message, default: false, theme }, streams());
    },
  };
}

/** The colours of everything else: those of the library are hard to read on white, and know nothing of `--no-color`. */
async function promptTheme(look: Pick<Output, 'colourLevel'>) {
  const { createTheme } = await import('./render/parts/theme.ts');
  const { strong, faint, good, bad } = createTheme(look);
  return {
    prefix: { idle: strong('?'), done: good('✓') },
    style: {
      answer: strong,
      message: (text: string) => text,
      error: (text: string) => bad(`> ${text}`),
      defaultAnswer: (text: string) => faint(`(${text})`),
      help: faint,
      highlight: strong,
      key: (text: string) => strong(`<${text}>`),
      disabled: faint,
      description: faint,
      keysHelpTip: (keys: readonly (readonly [key: string, action: string])[]) =>
        faint(keys.map(([key, action]) => `${key} ${action}`).join(' · ')),
    },
  };
}

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
export function terminalPrompts(streams: () => PromptStreams): Prompts {
  return {
    async select(message, choices) {
      const { select } = await import('@inquirer/prompts');
      return select({ message, choices: [...choices] }, streams());
    },
    async text(message) {
      const { input } = await import('@inquirer/prompts');
      const answer = await input({ message, validate: (text) => text.trim() !== '' || 'Please give a few words.' }, streams());
      return answer.trim();
    },
    async confirm(message) {
      const { confirm } = await import('@inquirer/prompts');
      return confirm({ message, default: false }, streams());
    },
  };
}

export interface Choice<Value> {
  readonly name: string;
  readonly value: Value;
  readonly description: string;
}

/** Questions to a person at a terminal. Every answer may instead be the end of the command (Ctrl-C). */
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
  readonly signal: AbortSignal;
}

/** Prompts on a terminal; what draws them is loaded when the first one is asked. */
export function terminalPrompts(streams: PromptStreams): Prompts {
  const context = { input: streams.input, output: streams.output, signal: streams.signal };
  return {
    async select(message, choices) {
      const { select } = await import('@inquirer/prompts');
      return select({ message, choices: [...choices] }, context);
    },
    async text(message) {
      const { input } = await import('@inquirer/prompts');
      const answer = await input({ message, validate: (text) => text.trim() !== '' || 'Please give a few words.' }, context);
      return answer.trim();
    },
    async confirm(message) {
      const { confirm } = await import('@inquirer/prompts');
      return confirm({ message, default: false }, context);
    },
  };
}

/** 0 none, 1 the sixteen colours of the terminal's own palette, 2 the fixed 256. */
export type ColourLevel = 0 | 1 | 2;

/** One of the two places that text goes to. */
export interface Output {
  write(text: string): void;
  /** Resolves once a slow reader has taken what was written; for those who write without end. */
  drained?(): Promise<void>;
  readonly isTerminal: boolean;
  /** Width to fit lines into; infinite when nobody looks, so that nothing is shortened in files and pipes. */
  readonly columns: number;
  readonly colourLevel: ColourLevel;
  /** Whose clock is shown: an IANA name; UTC where it is left out. */
  readonly timeZone?: string;
}

export interface Streams {
  /** Data. */
  readonly out: Output;
  /** Everything that is said to a person. */
  readonly err: Output;
  /** True when a person can be asked: they can type, and see the question. */
  readonly canAsk: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What of a `tty.WriteStream` is needed here. */
interface Writable {
  write(text: string): boolean;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
  readonly writableNeedDrain: boolean;
  readonly destroyed: boolean;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const narrowestColumns = 40;
const columnsWhenUnknown = 80;

/** How many colours a stream may be given. Only a terminal gets any; NO_COLOR with any text in it turns them off. */
export function colourLevel(isTerminal: boolean, environment: Environment): ColourLevel {
  const term = environment['TERM'] ?? '';
  const noColour = environment['NO_COLOR'] ?? '';
  if (!isTerminal || noColour !== '' || term === 'dumb') return 0;
  return term.includes('256') || (environment['COLORTERM'] ?? '') !== '' ? 2 : 1;
}

/**
 * @param failed told once when text can no longer be written. A reader that went away (EPIPE) is no failure: what
 *   is being done is finished all the same, quietly.
 */
export function outputTo(
  stream: Writable,
  environment: Environment,
  failed: (error: Error) => void,
): Output {
  const isTerminal = stream.isTTY === true;
  let broken = false;
  let waiting: (() => void)[] = [];
  const wake = (): void => {
    const woken = waiting;
    waiting = [];
    stream.off('drain', wake);
    stream.off('close', wake);
    for (const each of woken) each();
  };
  stream.on('error', (error) => {
    if (!broken && error.code !== 'EPIPE') failed(error);
    broken = true;
    wake();
  });
  return {
    isTerminal,
    colourLevel: colourLevel(isTerminal, environment),
    get columns() {
      if (!isTerminal) return Number.POSITIVE_INFINITY;
      return Math.max(narrowestColumns, stream.columns ?? columnsWhenUnknown);
    },
    write(text) {
      if (!broken) stream.write(text);
    },
    async drained() {
      if (broken || stream.destroyed || !stream.writableNeedDrain) return;
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        // A listener for each of hundreds that wait would look like a leak, to Node as well.
        if (waiting.length > 1) return;
        stream.once('drain', wake);
        stream.once('close', wake);
      });
    },
  };
}

/** The same place, for readers of that time zone, which is asked for with each text. */
export function withTimeZone(output: Output, timeZone: () => string): Output {
  return {
    isTerminal: output.isTerminal,
    colourLevel: output.colourLevel,
    get columns() {
      return output.columns;
    },
    get timeZone() {
      return timeZone();
    },
    write: (text) => output.write(text),
    drained: async () => {
      await output.drained?.();
    },
  };
}

/** The same place, without colours. */
export function withoutColour(output: Output): Output {
  return {
    isTerminal: output.isTerminal,
    colourLevel: 0,
    get columns() {
      return output.columns;
    },
    get timeZone() {
      return output.timeZone ?? 'UTC';
    },
    write: (text) => output.write(text),
    drained: async () => {
      await output.drained?.();
    },
  };
}

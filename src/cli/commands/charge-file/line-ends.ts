/*
 * To the reader of CSV a blank line is a record with the wrong number of cells, and it makes an error
 * object of each: a file of blank lines took a minute. So a run of line ends reaches it as one, and
 * what is only spaces and tabs between two of them does not reach it. No field of a charge may hold a
 * line end, so nothing is lost where the run stands in quotation marks.
 */

export interface LineEnds {
  /** The same text with each run of line ends, of whichever kind, as one line feed. */
  readonly feed: (piece: Buffer) => Buffer;
  /** How many line ends each run had, in order; the last run may still grow. */
  readonly runs: number[];
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;
/** Of blanks at the beginning of a line, as many are held back. */
const MOST_BLANKS = 1_024;

export function collapseLineEnds(): LineEnds {
  const runs: number[] = [];
  /** At the beginning of a line: what came since was blank. */
  let inRun = false;
  let afterReturn = false;
  let blanks: number[] = [];
  return {
    runs,
    feed(piece) {
      const kept = Buffer.allocUnsafe(piece.length + blanks.length);
      let size = 0;
      const keep = (byte: number): void => {
        kept[size] = byte;
        size += 1;
      };
      const keepBlanks = (): void => {
        for (const blank of blanks) keep(blank);
        blanks = [];
        inRun = false;
      };
      for (const byte of piece) {
        if (byte === LINE_FEED || byte === CARRIAGE_RETURN) {
          const isSecondHalf = byte === LINE_FEED && afterReturn;
          if (!inRun) {
            keep(LINE_FEED);
            runs.push(1);
          } else if (!isSecondHalf) runs[runs.length - 1] = (runs.at(-1) ?? 0) + 1;
          inRun = true;
          blanks = [];
        } else if (inRun && (byte === SPACE || byte === TAB)) {
          blanks.push(byte);
          if (blanks.length > MOST_BLANKS) keepBlanks();
        } else {
          keepBlanks();
          keep(byte);
        }
        afterReturn = byte === CARRIAGE_RETURN;
      }
      return kept.subarray(0, size);
    },
  };
}

/*
 * To the reader of CSV a blank line is a record with the wrong number of cells, and it makes an error
 * object of each: a file of blank lines took a minute. So a run of line ends reaches it as one. No
 * field of a charge may hold a line end, so nothing is lost where the run stands in quotation marks.
 */

export interface LineEnds {
  /** The same text with each run of line ends, of whichever kind, as one line feed. */
  readonly feed: (piece: Buffer) => Buffer;
  /** How many line ends each run had, in order; the last run may still grow. */
  readonly runs: number[];
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export function collapseLineEnds(): LineEnds {
  const runs: number[] = [];
  let inRun = false;
  let afterReturn = false;
  return {
    runs,
    feed(piece) {
      const kept = Buffer.allocUnsafe(piece.length);
      let size = 0;
      for (const byte of piece) {
        if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) {
          kept[size] = byte;
          size += 1;
          inRun = false;
        } else if (!inRun) {
          kept[size] = LINE_FEED;
          size += 1;
          runs.push(1);
          inRun = true;
        } else if (!(byte === LINE_FEED && afterReturn))
          runs[runs.length - 1] = (runs.at(-1) ?? 0) + 1;
        afterReturn = byte === CARRIAGE_RETURN;
      }
      return kept.subarray(0, size);
    },
  };
}

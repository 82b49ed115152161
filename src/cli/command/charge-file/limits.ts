/** Bytes; a charge with all that Stripe allows is smaller, and a file that is none is not read into memory. */
export const LONGEST_LINE = 256 * 1024;

export const tooLong = `it is longer than ${String(LONGEST_LINE / 1024)} KiB (a quotation mark that is never closed?)`;

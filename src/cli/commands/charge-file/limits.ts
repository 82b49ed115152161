/** Bytes; a charge with all that Stripe allows is smaller, and a file that is none is not read into memory. */
export const LONGEST_LINE = 256 * 1024;

/** A line of JSON that is too long is passed over; one that does not end within this is no line of charges. */
export const ENDLESS_LINE = 16 * 1024 * 1024;

export const tooLong = `it is longer than ${String(LONGEST_LINE / 1024)} KiB (a quotation mark that is never closed?)`;

const plain = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** A command line that can be pasted into a shell and means the same. */
export function shellCommand(words: readonly string[]): string {
  return words.map((word) => (plain.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`)).join(' ');
}

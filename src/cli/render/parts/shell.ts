const plain = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** The words of a command as a shell has to be given them, so that it means the same. */
export function shellWords(words: readonly string[]): readonly string[] {
  return words.map((word) =>
    plain.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`,
  );
}

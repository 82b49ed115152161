import { expect, it } from 'vitest';
import { runPayrecon } from '../../support/binary.ts';

/* Whatever is wrong with an address, nothing of the password in it is said. */

const PIECE = 4;

/** Every four characters in a row, as they are and as an address or JSON would write them. */
function piecesOf(password: string): readonly string[] {
  const written = [password, encodeURIComponent(password), JSON.stringify(password).slice(1, -1)];
  return written.flatMap((text) =>
    Array.from({ length: Math.max(0, text.length - PIECE + 1) }, (_, at) =>
      text.slice(at, at + PIECE),
    ),
  );
}

const PASSWORDS = [
  'Zq7p@Xk9w:Wv4j/Jd2h#Gf6b?Tr8m',
  'Zq7p%zzXk9w%4',
  'Zq7p Xk9w"\'Wv4j',
  '7391/Xk9wJd2h',
];

const ADDRESSES: readonly ((password: string) => Readonly<Record<string, string>>)[] = [
  (password) => ({ DATABASE_URL: `postgres://ann:${password}@db.invalid/x` }),
  (password) => ({ DATABASE_URL: `postgres://ann:${password}@127.0.0.1:1/x` }),
  (password) => ({ DATABASE_URL: `postgres://ann:${password}@127.0.0.1:99999/x` }),
  (password) => ({ DATABASE_URL: `mysql://ann:${password}@127.0.0.1:1/x` }),
  (password) => ({ DATABASE_URL: `postgres://ann:${password}@` }),
  (password) => ({ DATABASE_URL: `postgres://127.0.0.1:1/x?user=ann&password=${password}` }),
  (password) => ({ HTTPS_PROXY: `http://ann:${password}@127.0.0.1:1` }),
  (password) => ({ HTTPS_PROXY: `socks5://ann:${password}@127.0.0.1:1` }),
];

it.each(PASSWORDS)('nothing of the password %s is said', async (password) => {
  const pieces = piecesOf(password);
  for (const address of ADDRESSES) {
    const env = { STRIPE_SECRET_KEY: 'sk_test_abcdefgh', ...address(password) };
    const { exitCode, stdout, stderr } = await runPayrecon(['doctor'], { env });
    const said = `${stdout}${stderr}`;
    expect([2, 69], said).toContain(exitCode);
    expect(
      pieces.filter((piece) => said.includes(piece)),
      said,
    ).toEqual([]);
  }
});

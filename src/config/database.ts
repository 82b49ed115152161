import { isAbsolute, resolve } from 'node:path';
import type { Parsed } from './values.ts';

/** Which ledger. `shown` is how to name it to a person: without the password. */
export type Database =
  | { readonly kind: 'sqlite'; readonly path: string; readonly shown: string }
  | { readonly kind: 'postgres'; readonly url: string; readonly shown: string };

const FORMS = 'it must be postgres://USER@HOST:PORT/NAME or sqlite:/PATH';

/**
 * Reads DATABASE_URL. A relative SQLite path is refused: under cron it would name another file, and an
 * empty ledger there charges again. The message repeats nothing that may hold a password.
 */
export function parseDatabase(text: string, cwd: string): Parsed<Database> {
  if (text.startsWith('sqlite:')) return parseSqlite(text.slice('sqlite:'.length), cwd);
  if (!/^postgres(ql)?:\/\//.test(text)) return { ok: false, message: FORMS };
  if (!URL.canParse(text) || /[\s\p{Cc}]/u.test(text) || cutsPassword(new URL(text))) {
    return {
      ok: false,
      message: `${FORMS}; in the user name and password, characters such as : / ? # @ % must be percent-encoded`,
    };
  }
  const url = new URL(text);
  if (url.pathname.length < 2)
    return { ok: false, message: `${FORMS}; the name of the database is missing` };
  return { ok: true, value: { kind: 'postgres', url: text, shown: withoutSecrets(url) } };
}

function parseSqlite(path: string, cwd: string): Parsed<Database> {
  if (path === '' || /\p{Cc}/u.test(path))
    return {
      ok: false,
      message:
        'sqlite: must be followed by the path of a file, as in sqlite:/var/lib/payrecon/ledger.db',
    };
  // Other tools read sqlite://x as the file x, as /x or as a host; a ledger must not depend on who is right.
  if (path.startsWith('//'))
    return {
      ok: false,
      message: `write the path straight after sqlite:, as in sqlite:/${path.replace(/^\/+/, '')}`,
    };
  if (path === ':memory:')
    return { ok: false, message: 'a ledger in memory would forget who was charged: name a file' };
  // Only an unquoted word at its beginning is expanded by a shell; here it would become a folder called ~.
  if (path.startsWith('~'))
    return { ok: false, message: 'write the whole path: ~ is not expanded here' };
  if (path.trim() !== path)
    return { ok: false, message: 'the path begins or ends with a space: remove it' };
  const absolute = resolve(cwd, path);
  if (!isAbsolute(path)) {
    return {
      ok: false,
      message: `the path must be absolute, or every folder would have a ledger of its own: write sqlite:${absolute}`,
    };
  }
  return { ok: true, value: { kind: 'sqlite', path: absolute, shown: `sqlite:${absolute}` } };
}

/**
 * A / ? or # in a password ends the host, so that its beginning passes for a port and its rest for the
 * database's name, which is shown. The @ that should have come before the host is then behind them.
 */
function cutsPassword({ pathname, searchParams, hash }: URL): boolean {
  return (
    pathname.includes('@') ||
    hash !== '' ||
    [...searchParams.keys()].some((key) => key.includes('@'))
  );
}

/** Whether the text holds a password, so that it is treated as a secret. A URL that cannot be read may hold one. */
export function holdsPassword(text: string): boolean {
  if (!text.startsWith('postgres')) return false;
  if (!URL.canParse(text)) return true;
  const url = new URL(text);
  return url.password !== '' || url.searchParams.has('password') || cutsPassword(url);
}

/** Built anew from harmless parts: parameters other than the host may hold secrets of their own. */
function withoutSecrets(url: URL): string {
  const user = url.username === '' ? '' : `${url.username}@`;
  // The parameter is the one that is connected to.
  const host = url.searchParams.get('host') ?? url.host;
  return `postgres://${user}${host}${url.pathname}`;
}

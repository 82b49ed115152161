import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { PayreconError } from '../../domain/errors.ts';
import { quoted } from '../../domain/request/field-rules.ts';

/*
 * Whether the connection to PostgreSQL is encrypted, and the server proves who it is. Whoever sits
 * between could otherwise read the password, and answer "succeeded" for any payment.
 *
 *     sslmode                          this machine   another host
 *     (none)                           no TLS         verified
 *     disable                          no TLS         no TLS: the person's plain decision
 *     allow, prefer                    no TLS         verified
 *     require, verify-ca, verify-full  verified       verified
 *     no-verify                        not verified   refused
 *
 * "Verified" is libpq's verify-full: an authority that we trust, and the host's name. pg takes the modes
 * between for the same today, says so in seven lines on standard error, and will weaken them one day;
 * so it gets none of these words. A mode that is weaker than asked for is never used.
 */

export type TlsMode = 'off' | 'verified' | 'not_verified';

export interface PostgresAddress {
  /** The URL without what pg would make TLS settings of, and with the host that was judged. */
  readonly connectionString: string;
  readonly tls: TlsMode;
  /** Paths of PEM files; null where there is none. */
  readonly files: {
    readonly ca: string | null;
    readonly cert: string | null;
    readonly key: string | null;
  };
  readonly negotiation: 'postgres' | 'direct';
}

type Environment = Readonly<Record<string, string | undefined>>;

const MODES = [
  'disable',
  'allow',
  'prefer',
  'require',
  'verify-ca',
  'verify-full',
  'no-verify',
] as const;
type Mode = (typeof MODES)[number];

/** What pg would read of the URL; all of it is decided here instead. */
const TLS_PARAMETERS = [
  'sslmode',
  'ssl',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslnegotiation',
  'uselibpqcompat',
];

/**
 * Decides from the address and from the variables that pg reads (PGHOST, PGSSLMODE, PGSSLNEGOTIATION).
 * Throws PayreconError `configuration`, without the address, which may hold a password.
 */
export function tlsFor(address: string, environment: Environment): PostgresAddress {
  const url = new URL(address);
  refuseDoubles(url);
  const host = hostOf(url, environment);
  const near = isThisMachine(host);
  const mode = modeOf(url, environment);
  const negotiation = negotiationOf(url, environment);
  const files = {
    // libpq's word for the authorities that the system trusts, which is what no file means to Node.
    ca: fileOf(url, 'sslrootcert', 'system'),
    cert: fileOf(url, 'sslcert', null),
    key: fileOf(url, 'sslkey', null),
  };
  const wantsTls = negotiation === 'direct' || Object.values(files).some((path) => path !== null);
  const tls = host.startsWith('/') ? 'off' : decide(mode, { near, wantsTls });
  for (const name of TLS_PARAMETERS) url.searchParams.delete(name);
  if (url.hostname === '') url.searchParams.set('host', host);
  return {
    connectionString: url.href,
    tls,
    files,
    negotiation: tls === 'off' ? 'postgres' : negotiation,
  };
}

/** What pg is told; reads the files. */
export function tlsOptions({ tls, files }: Pick<PostgresAddress, 'tls' | 'files'>): object | false {
  if (tls === 'off') return false;
  const pem = Object.entries(files).flatMap(([name, path]) =>
    path === null ? [] : [[name, readPem(path)] as const],
  );
  return { rejectUnauthorized: tls === 'verified', ...Object.fromEntries(pem) };
}

/** Of two values pg takes the last one; which of them a person meant, nobody knows. */
function refuseDoubles(url: URL): void {
  const names = [...url.searchParams.keys()];
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw wrong(`it says ${quoted(twice)} twice: keep one of them`);
  if (names.includes('hostaddr'))
    throw wrong('hostaddr is not known here: write the address as the host');
}

/** As pg finds it: the parameter, the authority of the URL, PGHOST, localhost. */
function hostOf(url: URL, environment: Environment): string {
  const named = url.searchParams.get('host') ?? '';
  const written = decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1');
  // pg would take a socket in the authority for a part of the database's name.
  if (named !== '' && written.startsWith('/')) throw wrong('it names two hosts: keep one of them');
  const host = named || written || (environment['PGHOST'] ?? '') || 'localhost';
  if (host.includes(','))
    throw wrong('it names several hosts: name the one that is the primary server');
  return host;
}

function isThisMachine(host: string): boolean {
  return (
    host.startsWith('/') ||
    host.toLowerCase() === 'localhost' ||
    host === '::1' ||
    (isIPv4(host) && host.startsWith('127.'))
  );
}

interface Asked {
  readonly mode: Mode | null;
  /** Written into the address, and not a variable that may have been set for something else. */
  readonly inAddress: boolean;
}

function modeOf(url: URL, environment: Environment): Asked {
  const written = url.searchParams.get('sslmode') ?? oldSpelling(url.searchParams.get('ssl'));
  const text = written ?? environment['PGSSLMODE'] ?? '';
  if (text === '' && written === null) return { mode: null, inAddress: false };
  const mode = MODES.find((each) => each === text);
  if (mode !== undefined) return { mode, inAddress: written !== null };
  throw wrong(
    `${written === null ? 'PGSSLMODE' : 'sslmode'} is ${quoted(text)}: it must be one of ${MODES.join(', ')}`,
  );
}

/** `ssl=true`, as Node's programs write it. "Not" is no plain enough word for a decision of that weight. */
function oldSpelling(ssl: string | null): string | null {
  if (ssl === null) return null;
  if (ssl === 'true' || ssl === '1') return 'verify-full';
  if (ssl === 'no-verify') return ssl;
  throw wrong(`ssl is ${quoted(ssl)}: write sslmode=verify-full, or sslmode=disable`);
}

function negotiationOf(url: URL, environment: Environment): PostgresAddress['negotiation'] {
  const text = url.searchParams.get('sslnegotiation') ?? environment['PGSSLNEGOTIATION'] ?? '';
  if (text === '' || text === 'postgres') return 'postgres';
  if (text === 'direct') return 'direct';
  throw wrong(`sslnegotiation is ${quoted(text)}: it must be postgres or direct`);
}

function decide(
  { mode, inAddress }: Asked,
  { near, wantsTls }: { readonly near: boolean; readonly wantsTls: boolean },
): TlsMode {
  switch (mode) {
    case null:
      return near && !wantsTls ? 'off' : 'verified';
    case 'disable':
      if (near || inAddress) return 'off';
      throw wrong(
        'PGSSLMODE=disable would send the password in clear to another host: where that is meant, write sslmode=disable into the address',
      );
    case 'allow':
    case 'prefer':
      return near && !wantsTls ? 'off' : 'verified';
    case 'require':
    case 'verify-ca':
    case 'verify-full':
      return 'verified';
    case 'no-verify':
      if (near) return 'not_verified';
      throw wrong(
        'sslmode=no-verify takes any certificate, so it hands the password to whoever is in between: use sslmode=verify-full with sslrootcert=/PATH/ca.pem, ' +
          'or, on a network that is yours alone, sslmode=disable',
      );
  }
}

function fileOf(url: URL, name: string, none: string | null): string | null {
  const path = url.searchParams.get(name) ?? '';
  return path === '' || path === none ? null : path;
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason =
      error instanceof Error && 'code' in error ? String(error.code) : 'it cannot be read';
    throw wrong(`the file ${quoted(path)} of its TLS settings cannot be read (${reason})`);
  }
}

function wrong(message: string): PayreconError {
  return new PayreconError(
    'database_tls',
    'The address of the database cannot be used; nothing was sent.',
    {
      problems: [{ field: 'DATABASE_URL', message }],
    },
  );
}

/** What pg leaves without a code. */
export const TLS_NOT_OFFERED = 'TLS_NOT_OFFERED';

/** TLS was wanted and did not come about, so nothing but the wish for it was sent. */
export function tlsFailed(where: string, code: string): PayreconError {
  const decision =
    'On a network that is yours alone, sslmode=disable in DATABASE_URL goes without.';
  const message =
    code === TLS_NOT_OFFERED
      ? `${where} offers no TLS, and without it the password and every payment cross the network in clear. No password was sent. Turn TLS on at the server. ${decision}`
      : `${where} did not prove who it is (${code}). No password was sent. Name the authority of its certificate in DATABASE_URL (sslrootcert=/PATH/ca.pem), ` +
        `and the host as the certificate names it. ${decision}`;
  return new PayreconError('database_tls', message, {
    problems: [{ field: 'DATABASE_URL', message: `TLS failed (${code})` }],
  });
}

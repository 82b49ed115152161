import { BlockList, isIP, isIPv6 } from 'node:net';

/*
 * Which proxy the environment names for an address. The rules are curl's: `https_proxy` for https,
 * `http_proxy` for http, in small letters before capital ones, and `no_proxy` for what needs none.
 * Written here and not taken from a package, because those read the environment of the process,
 * and settings come from the one that they are given.
 */

/** A proxy that tunnels (CONNECT). Never print it whole: `shown` is for a person. */
export interface Proxy {
  /** Whether the proxy itself is spoken to over TLS. */
  readonly secure: boolean;
  /** An IPv6 address has no brackets here. */
  readonly host: string;
  readonly port: number;
  /** Value of `Proxy-Authorization`; secret. */
  readonly authorization: string | null;
  /** `host:port`. */
  readonly shown: string;
  /** The environment variable that names it. */
  readonly variable: string;
}

export type ProxyChoice =
  | { readonly kind: 'direct' }
  | { readonly kind: 'proxy'; readonly proxy: Proxy }
  | { readonly kind: 'wrong'; readonly variable: string; readonly message: string };

type Environment = Readonly<Record<string, string | undefined>>;

const WRONG =
  'it must be http://HOST:PORT or http://USER:PASSWORD@HOST:PORT (or https://..), and a password ' +
  'must have its / ? # \\ and spaces written as %2F %3F %23 %5C %20; other kinds of proxies are not supported';

const HTTP_PORT = 80;
const HTTPS_PORT = 443;

/** @param base an absolute http or https URL */
export function chooseProxy(base: string, environment: Environment): ProxyChoice {
  const url = new URL(base);
  const variable = firstSet(url.protocol === 'https:' ? 'https_proxy' : 'http_proxy', environment);
  if (variable === null) return { kind: 'direct' };
  const except = firstSet('no_proxy', environment);
  if (except !== null && isExempt(url, environment[except] ?? '')) return { kind: 'direct' };
  const proxy = readProxy(environment[variable] ?? '', variable);
  return proxy === null ? { kind: 'wrong', variable, message: WRONG } : { kind: 'proxy', proxy };
}

function firstSet(name: string, environment: Environment): string | null {
  return [name, name.toUpperCase()].find((each) => (environment[each] ?? '') !== '') ?? null;
}

/**
 * Nothing but a scheme, a login and an address: in a password that is not encoded, a `/` or `#` would
 * end the host for `URL`, and the password's beginning would pass for a port.
 */
const ADDRESS = /^(?:(https?):\/\/)?(?:([^/?#\\\s]*)@)?([^/?#\\\s@]+)\/?$/i;

function readProxy(text: string, variable: string): Proxy | null {
  const [, scheme = 'http', login, address = ''] = ADDRESS.exec(text) ?? [];
  if (address === '' || !URL.canParse(`${scheme}://${address}`)) return null;
  const { protocol, hostname, port: written } = new URL(`${scheme}://${address}`);
  const port = portOf(protocol, written);
  if (port === 0) return null;
  return {
    secure: protocol === 'https:',
    host: withoutBrackets(hostname),
    port,
    authorization: login === undefined ? null : basicOf(login),
    shown: `${hostname}:${String(port)}`,
    variable,
  };
}

function basicOf(login: string): string {
  const colon = login.indexOf(':');
  const user = colon === -1 ? login : login.slice(0, colon);
  const password = colon === -1 ? '' : login.slice(colon + 1);
  return `Basic ${Buffer.from(`${decoded(user)}:${decoded(password)}`).toString('base64')}`;
}

/** A password with a plain % in it is taken as it is written. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isExempt({ protocol, hostname, port }: URL, list: string): boolean {
  const to = { host: withoutBrackets(hostname), port: portOf(protocol, port) };
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== '' && matches(entry, to));
}

function matches(entry: string, to: { readonly host: string; readonly port: number }): boolean {
  if (entry === '*') return true;
  // An IPv6 address alone would look like a host and a port.
  const [, name = entry, port] = isIPv6(entry) ? [] : (/^(.+):(\d+)$/.exec(entry) ?? []);
  if (port !== undefined && Number(port) !== to.port) return false;
  const host = withoutBrackets(name);
  if (isIP(to.host) !== 0) return isWithin(to.host, host);
  const suffix = host.replace(/^\*?\./, '');
  return to.host === suffix || to.host.endsWith(`.${suffix}`);
}

function isWithin(address: string, entry: string): boolean {
  const [network = '', bits] = entry.split('/');
  if (isIP(network) === 0) return false;
  const family = isIPv6(network) ? 'ipv6' : 'ipv4';
  const most = family === 'ipv6' ? 128 : 32;
  const prefix = bits === undefined ? most : Number(bits);
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > most) return false;
  const block = new BlockList();
  block.addSubnet(network, prefix, family);
  return block.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

function portOf(protocol: string, written: string): number {
  if (written !== '') return Number(written);
  return protocol === 'https:' ? HTTPS_PORT : HTTP_PORT;
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

// Keeps web pages from the control paths. The sandbox listens on this machine only, but so does the browser that runs
// here: a page from anywhere may send it forms, and a name that its owner points to 127.0.0.1 may read the answers.
import type { IncomingHttpHeaders } from 'node:http';

export interface Refused {
  readonly status: 403 | 415;
  readonly message: string;
}

const HOST = /^(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::[0-9]{1,5})?$/;
const LOOPBACK = /^(?:localhost|[a-z0-9-]+\.localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/;

/** Why a request to a control path is not from this machine's programs; null when it is. */
export function refuseFromPages(headers: IncomingHttpHeaders): Refused | null {
  const host = headers.host?.toLowerCase() ?? '';
  const [, name = ''] = HOST.exec(host) ?? [];
  if (!LOOPBACK.test(name))
    return forbidden('it is asked under a name of this machine only, such as http://127.0.0.1');
  const { origin } = headers;
  if (origin !== undefined && origin.toLowerCase() !== `http://${host}`)
    return forbidden('a page from elsewhere may not use it');
  if (['cross-site', 'same-site'].includes(String(headers['sec-fetch-site'])))
    return forbidden('a page from elsewhere may not use it');
  const isForm =
    headers['content-type'] !== undefined &&
    !/^application\/json\s*(?:;|$)/i.test(headers['content-type']);
  if (origin !== undefined && isForm)
    return { status: 415, message: 'a page sends the control paths application/json' };
  return null;
}

function forbidden(why: string): Refused {
  return { status: 403, message: `The sandbox is not controlled by web pages: ${why}.` };
}

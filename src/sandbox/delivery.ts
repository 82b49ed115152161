// Puts an answer on the wire, whole or the way a fault wants it.
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultEffect } from './faults/kinds.ts';

export interface Rendered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const HTML_502 =
  '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n';

export const BAD_GATEWAY: Rendered = {
  status: 502,
  headers: { 'Content-Type': 'text/html' },
  body: HTML_502,
};

/** With the time of the sandbox, by which a client can see how its own clock stands. */
export function dated(rendered: Rendered, nowMs: number): Rendered {
  return { ...rendered, headers: { ...rendered.headers, Date: new Date(nowMs).toUTCString() } };
}

/** Ends when the answer is sent, or the client or the connection is gone. Answers the status that was sent, if one was. */
export async function deliver(
  response: ServerResponse,
  rendered: Rendered,
  effect: FaultEffect | null,
  argument: number,
): Promise<number | null> {
  if (response.destroyed) return null;
  switch (effect) {
    case 'reset':
      response.socket?.resetAndDestroy();
      return null;
    case 'drop':
      response.socket?.destroy();
      return null;
    case 'hang':
      await gone(response);
      return null;
    case 'cut':
      await sendCut(response, rendered);
      return rendered.status;
    case 'drip':
      await sendDripping(response, rendered, argument);
      return rendered.status;
    case 'html':
    case 'error':
    case 'delay':
    case null:
      await sendWhole(response, rendered);
      return rendered.status;
  }
}

/** A mistake of the sandbox itself: told to whoever runs it, and never taken for an answer of Stripe. */
export function answerBug(reply: { readonly raw: ServerResponse }, error: unknown): number | null {
  process.emitWarning(error instanceof Error ? error : String(error));
  if (reply.raw.headersSent || reply.raw.destroyed) return null;
  const message = error instanceof Error ? error.message : String(error);
  reply.raw
    .writeHead(500, { 'Content-Type': 'application/json' })
    .end(JSON.stringify({ error: { type: 'sandbox_error', message } }));
  return 500;
}

function writeHead(response: ServerResponse, rendered: Rendered): void {
  response.writeHead(rendered.status, {
    ...rendered.headers,
    'Content-Length': Buffer.byteLength(rendered.body),
  });
}

async function sendWhole(response: ServerResponse, rendered: Rendered): Promise<void> {
  const closed = gone(response);
  writeHead(response, rendered);
  response.end(rendered.body);
  await closed;
}

async function sendCut(response: ServerResponse, rendered: Rendered): Promise<void> {
  writeHead(response, rendered);
  const bytes = Buffer.from(rendered.body);
  await new Promise<void>((resolve) => {
    response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => resolve());
  });
  response.socket?.destroy();
}

async function sendDripping(
  response: ServerResponse,
  rendered: Rendered,
  betweenMs: number,
): Promise<void> {
  const left = new AbortController();
  response.once('close', () => left.abort());
  writeHead(response, rendered);
  for (const byte of Buffer.from(rendered.body)) {
    response.write(Buffer.of(byte));
    await pause(betweenMs, left.signal);
    if (left.signal.aborted) return;
  }
  response.end();
}

/** Waits, but not for a client that is gone. */
export async function pause(ms: number, gaveUp: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal: gaveUp });
  } catch (error) {
    if (!gaveUp.aborted) throw error;
  }
}

/** Resolves when the answer is out, or will never be. */
async function gone(response: ServerResponse): Promise<void> {
  if (response.destroyed || response.closed) return;
  await new Promise<void>((resolve) => {
    response.once('close', () => resolve());
  });
}

import type { Books } from '../../../sandbox/server.ts';
import type { Output } from '../../streams.ts';
import { escapeText } from '../parts/escape.ts';
import { shorten, widthOf } from '../parts/columns.ts';
import { hints } from '../parts/next-steps.ts';
import { createTheme, type Paint, type Theme } from '../parts/theme.ts';

/** No secrets: the sandbox takes any well-formed test key. */
const stripeKey = 'sk_test_sandbox0123456789abcdef';
const liveKey = stripeKey.replace('_test_', '_live_');
const mailKey = 'SG.sandbox0123456789.sandbox0123456789abcdef';
const pollMs = 200;
const endpointWidth = 24;
const statusWidth = 9;
const durationWidth = 10;
const gap = 2;

/** To be pasted into another shell. */
export function environmentLines(url: string): string {
  const values = {
    STRIPE_API_BASE: url,
    STRIPE_SECRET_KEY: stripeKey,
    SENDGRID_API_BASE: url,
    SENDGRID_API_KEY: mailKey,
    PAYRECON_MAIL_FROM: 'shop@example.com',
    PAYRECON_OPERATOR_EMAIL: 'operator@example.com',
  };
  return Object.entries(values)
    .map(([name, value]) => `export ${name}=${value}\n`)
    .join('');
}

export function sandboxHints(
  url: string,
  output: Output,
  { liveKeys }: { readonly liveKeys: boolean },
): string {
  const text = `Stripe and SendGrid are played on ${url}, for this machine only. Paste the lines above into another shell, then for example:`;
  const live = {
    text: `Live keys are taken too, such as ${liveKey}; payrecon wants --live for them. No money moves.`,
  };
  const later = {
    text: 'To let 25 hours pass at Stripe:',
    command: ['curl', '-d', '{"advance_ms":90000000}', `${url}/_sandbox/clock`],
  };
  const more = {
    text: 'Faults, errors, other accounts and late payments:',
    command: ['payrecon', 'sandbox', '--help'],
  };
  return hints(
    [
      { text, command: ['payrecon', 'doctor'] },
      ...(liveKeys ? [live] : []),
      later,
      more,
      { text: 'Ctrl-C ends it.' },
    ],
    output,
  );
}

type SeenRequest = Books['requests'][number];

/** Prints each request once it has ended; returns how to stop. */
export function followRequests(books: Pick<Books, 'requests'>, output: Output): () => void {
  const theme = createTheme(output);
  let seen = 0;
  let open: readonly SeenRequest[] = [];
  const print = (): void => {
    const watched = [...open, ...books.requests.filter((request) => request.n > seen)];
    seen = watched.at(-1)?.n ?? seen;
    open = watched.filter((request) => request.duration_ms === null);
    for (const request of watched)
      if (request.duration_ms !== null) output.write(requestLine(request, output, theme));
  };
  const timer = setInterval(print, pollMs);
  return () => {
    clearInterval(timer);
    print();
  };
}

export function requestLine(request: SeenRequest, output: Output, theme: Theme): string {
  const { endpoint, status, duration_ms: durationMs, fault, replayed, wire_at: at, path } = request;
  const fits = status !== null && status < 400;
  const words = [endpoint === 'unknown' ? path : '', fault ?? '', replayed ? 'replayed' : '']
    .filter((word) => word !== '')
    .join(' ');
  const parts: readonly { readonly text: string; readonly paint: Paint }[] = [
    { text: new Date(at).toISOString().slice(11, 23), paint: theme.faint },
    { text: endpoint.padEnd(endpointWidth), paint: String },
    {
      text: (status === null ? 'no answer' : String(status)).padEnd(statusWidth),
      paint: fits ? theme.good : theme.warn,
    },
    { text: `${String(durationMs ?? 0)} ms`.padStart(durationWidth), paint: theme.faint },
  ];
  const before = parts.reduce((sum, { text }) => sum + widthOf(text) + gap, 0);
  const painted = parts.map(({ text, paint }) => paint(text)).join(' '.repeat(gap));
  return (
    `${painted}${' '.repeat(gap)}${shorten(escapeText(words), Math.max(output.columns - before, 8))}`.trimEnd() +
    '\n'
  );
}

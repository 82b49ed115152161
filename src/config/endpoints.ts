import type { Problem } from '../domain/errors.ts';
import { isLoopback } from './values.ts';

/*
 * Where the keys go, and whether it is known who is there. A proxy on the way out is legitimate; a
 * forgotten variable is not, so it is said.
 */

export interface Endpoints {
  readonly mode: 'test' | 'live' | 'none';
  readonly stripeApiBase: string | null;
  readonly sendgridApiBase: string | null;
  readonly hasSendgridKey: boolean;
  /** Whether Node was told to take every certificate for the right one. */
  readonly unverifiedTls: boolean;
}

interface Found {
  readonly problems: Problem[];
  readonly warnings: string[];
}

const STRIPE = ['https://api.stripe.com'];
const SENDGRID = ['https://api.sendgrid.com', 'https://api.eu.sendgrid.com'];
const UNVERIFIED = 'NODE_TLS_REJECT_UNAUTHORIZED';

export function noteEndpoints(
  { mode, stripeApiBase, sendgridApiBase, hasSendgridKey, unverifiedTls }: Endpoints,
  { problems, warnings }: Found,
): void {
  if (
    stripeApiBase !== null &&
    mode !== 'none' &&
    !STRIPE.includes(stripeApiBase) &&
    (mode === 'live' || isForeign(stripeApiBase))
  ) {
    warnings.push(
      `STRIPE_API_BASE: the ${mode} key is sent to ${stripeApiBase}, not to Stripe itself`,
    );
  }
  if (
    sendgridApiBase !== null &&
    hasSendgridKey &&
    !SENDGRID.includes(sendgridApiBase) &&
    isForeign(sendgridApiBase)
  ) {
    warnings.push(
      `SENDGRID_API_BASE: the key and the e-mails are sent to ${sendgridApiBase}, not to SendGrid itself`,
    );
  }
  if (!unverifiedTls) return;
  const what = 'it is 0, so that any server could pose as Stripe and take the key';
  // With real money there is no use for it: certificates of one's own have a variable.
  if (mode === 'live')
    problems.push({
      field: UNVERIFIED,
      message: `${what}: unset it; a proxy's own certificates go into NODE_EXTRA_CA_CERTS`,
    });
  else warnings.push(`${UNVERIFIED}: ${what}; a live key is refused with it`);
}

function isForeign(base: string): boolean {
  return !isLoopback(new URL(base).hostname);
}

import { onTestFinished } from 'vitest';
import { openFromEnvironment } from '../../src/compose/services.ts';
import type { Overrides } from '../../src/compose/adapters.ts';
import type { Payrecon } from '../../src/app/service.ts';
import { startSandbox, type Sandbox, type SandboxOptions } from '../../src/sandbox/server.ts';
import type { Target, TestDatabase } from '../storage/targets.ts';
import { runPayrecon, type RunOptions, type RunResult } from './binary.ts';
import { cleanEnvironment } from './environment.ts';
import { temporaryFolder } from './temporary.ts';

/** A local Stripe and SendGrid, an empty ledger, and payrecon set up to use both. */
export interface PaymentWorld {
  readonly sandbox: Sandbox;
  readonly database: TestDatabase;
  /** The settings, as the binary gets them. */
  readonly env: Readonly<Record<string, string>>;
  /** The real binary, to its end. */
  run(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** The same services in this process, for cases by the hundred; closed when the test is over. */
  open(
    role: string,
    options?: { readonly env?: Readonly<Record<string, string>>; readonly overrides?: Overrides },
  ): Promise<Payrecon>;
}

export const TEST_KEY = 'sk_test_local0123456789abcdef';

export interface PaymentWorldOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly sandbox?: SandboxOptions;
  /** The Stripe of another world: two ledgers on one account. */
  readonly beside?: Pick<PaymentWorld, 'sandbox'>;
  /** False: the test makes the ledger itself, in another process. */
  readonly ledger?: boolean;
}

export async function aPaymentWorld(
  target: Target,
  options: PaymentWorldOptions = {},
): Promise<PaymentWorld> {
  const sandbox = options.beside?.sandbox ?? (await ownSandbox(options.sandbox));
  const database = await target.fresh();
  const home = await temporaryFolder();
  const env = {
    DATABASE_URL: database.url,
    STRIPE_SECRET_KEY: TEST_KEY,
    STRIPE_API_BASE: sandbox.url,
    SENDGRID_API_KEY: 'SG.local-0123456789abcdef.0123456789abcdef0123456789abcdef',
    SENDGRID_API_BASE: sandbox.url,
    PAYRECON_MAIL_FROM: 'payments@example.com',
    PAYRECON_OPERATOR_EMAIL: 'operator@example.com',
    PAYRECON_OPERATOR: 'tester',
    // Everything is due at once, and nothing waits longer than a test should.
    PAYRECON_PENDING_AFTER: '0s',
    PAYRECON_BACKOFF_BASE: '1ms',
    PAYRECON_BACKOFF_CAP: '1ms',
    PAYRECON_STRIPE_DEADLINE: '1s',
    PAYRECON_STRIPE_RPS: '10000',
    PAYRECON_STRIPE_ENDPOINT_RPS: '10000',
    ...options.env,
  };
  // A command that reads makes none by itself.
  if (options.ledger !== false) await (await database.open()).close();
  return {
    sandbox,
    database,
    env,
    run: async (args, { env: more = {}, ...rest } = {}) =>
      await runPayrecon(args, { home, ...rest, env: { ...env, ...more } }),
    open: async (role, { env: more = {}, overrides = {} } = {}) => {
      const payrecon = await openFromEnvironment(
        {
          environment: cleanEnvironment(home, { ...env, ...more }),
          flags: {},
          needsStripe: true,
          role,
        },
        overrides,
      );
      onTestFinished(() => payrecon.close());
      return payrecon;
    },
  };
}

async function ownSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const sandbox = await startSandbox(options);
  onTestFinished(() => sandbox.close());
  return sandbox;
}

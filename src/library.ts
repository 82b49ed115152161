import type { Payrecon } from './app/service.ts';
import type { ListFilter } from './app/ports.ts';
import {
  type ChargeInput,
  COLUMN_NAMES,
  parseChargeRequest,
} from './domain/request/charge-request.ts';
import { PayreconError } from './domain/errors.ts';
import { openFromEnvironment } from './compose/services.ts';

export type { ErrorCode, ErrorKind } from './domain/error-codes.ts';
export { PayreconError } from './domain/errors.ts';
export type { ChargeInput } from './domain/request/charge-request.ts';
export type { Transaction } from './domain/transaction.ts';
export type {
  ChargeOutcome,
  PassOutcome,
  ShownTransaction,
  TransactionPage,
} from './app/service.ts';

/** An expected failure is a value; only a bug is thrown. */
export type Result<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: PayreconError };

export interface OpenPayreconOptions {
  /** The settings, by the names of the environment variables; the process's own when left out. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export interface PayreconLibrary {
  charge(
    input: ChargeInput,
    options?: {
      readonly waitMs?: number;
      readonly allowDuplicate?: boolean;
      readonly signal?: AbortSignal;
    },
  ): Promise<Result<Awaited<ReturnType<Payrecon['charge']>>>>;
  reconcile(options?: {
    readonly limit?: number;
    readonly dryRun?: boolean;
    readonly signal?: AbortSignal;
  }): Promise<Result<Awaited<ReturnType<Payrecon['reconcile']>>>>;
  list(
    options?: Partial<ListFilter> & { readonly limit?: number; readonly cursor?: string },
  ): Promise<Result<Awaited<ReturnType<Payrecon['list']>>>>;
  show(idOrKey: string): Promise<Result<Awaited<ReturnType<Payrecon['show']>>>>;
  resolve(
    idOrKey: string,
    request: Parameters<Payrecon['resolve']>[1],
  ): Promise<Result<Awaited<ReturnType<Payrecon['resolve']>>>>;
  close(): Promise<void>;
}

const DEFAULT_WAIT_MS = 5_000;
const DEFAULT_PAGE = 20;
const EVERYTHING: ListFilter = {
  statuses: [],
  since: null,
  until: null,
  customer: null,
  reference: null,
  needsPerson: false,
};

/**
 * The same service as the command line, typed, in the caller's own process. Configuration errors are
 * thrown here; afterwards every expected failure is a value.
 */
export async function openPayrecon(options: OpenPayreconOptions = {}): Promise<PayreconLibrary> {
  const payrecon = await openFromEnvironment({
    environment: options.environment ?? process.env,
    flags: {},
    needsStripe: false,
    role: 'library',
  });
  return {
    charge: async (input, { waitMs, allowDuplicate = false, signal } = {}) =>
      await asResult(async () => {
        const parsed = parseChargeRequest(input, COLUMN_NAMES);
        if (!parsed.ok)
          throw new PayreconError(
            'invalid_request',
            'This cannot be charged as it stands; nothing was sent.',
            { problems: parsed.problems },
          );
        return await payrecon.charge(parsed.request, {
          waitMs: waitMs ?? DEFAULT_WAIT_MS,
          waitForOutcome: waitMs !== undefined,
          allowDuplicate,
          ...(signal === undefined ? {} : { signal }),
        });
      }),
    reconcile: async ({ limit, dryRun = false, signal } = {}) =>
      await asResult(
        async () =>
          await payrecon.reconcile({
            limit: limit ?? null,
            dryRun,
            ...(signal === undefined ? {} : { signal }),
          }),
      ),
    list: async ({ limit = DEFAULT_PAGE, cursor, ...filter } = {}) =>
      await asResult(
        async () => await payrecon.list({ ...EVERYTHING, ...filter }, limit, cursor ?? null),
      ),
    show: async (idOrKey) => await asResult(async () => await payrecon.show(idOrKey)),
    resolve: async (idOrKey, request) =>
      await asResult(async () => await payrecon.resolve(idOrKey, request)),
    close: async () => {
      await payrecon.close();
    },
  };
}

async function asResult<Value>(work: () => Promise<Value>): Promise<Result<Value>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    if (error instanceof PayreconError) return { ok: false, error };
    throw error;
  }
}

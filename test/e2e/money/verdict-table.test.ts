import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ChargeOutcome, Payrecon } from '../../../src/app/service.ts';
import { exitCode } from '../../../src/cli/exit-code.ts';
import {
  DECLINE_CODES,
  ERROR_CODES,
  UNDECLARED_ERROR_CODES,
  type RefusalKind,
} from '../../../src/domain/refusals/refusal-codes.ts';
import { aRequest } from '../../storage/payments.ts';
import { sqlite } from '../../storage/targets.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { AMOUNT, aFixture, type Fixture } from '../verdicts/fixture.ts';

/*
 * What becomes of a charge that Stripe refuses, for every code that the stripe package declares, every
 * documented decline code, and codes that nobody knows: its status, whose fault it was, the exit code,
 * the letters, and what the same command does afterwards.
 */

interface Refused {
  /** Names the case, and is its key. */
  readonly name: string;
  readonly call: 'create' | 'confirm';
  readonly fault: string;
  readonly kind: RefusalKind;
}

interface Verdict {
  readonly status: string;
  readonly failureKind: string | null;
  readonly exit: number;
  /** To the customer. */
  readonly letters: readonly string[];
  /** What the same command ends with, once Stripe refuses nothing any more. */
  readonly again: { readonly status: string; readonly attempt: number; readonly exit: number };
}

const PAID = { status: 'succeeded', attempt: 1, exit: 0 };
const OPEN: Verdict = { status: 'pending', failureKind: null, exit: 75, letters: [], again: PAID };

const VERDICTS: Readonly<Record<RefusalKind, Verdict>> = {
  declined: {
    status: 'failed',
    failureKind: 'declined',
    exit: 3,
    letters: ['customer_failed'],
    again: { status: 'failed', attempt: 1, exit: 3 },
  },
  authentication: {
    status: 'failed',
    failureKind: 'authentication',
    exit: 3,
    letters: ['customer_authentication'],
    again: { status: 'failed', attempt: 1, exit: 3 },
  },
  request: {
    status: 'failed',
    failureKind: 'request',
    exit: 2,
    letters: [],
    again: { status: 'succeeded', attempt: 2, exit: 0 },
  },
  passing: OPEN,
  unknown: OPEN,
};

const KINDS = [
  'declined',
  'authentication',
  'request',
  'passing',
  'unknown',
] as const satisfies readonly RefusalKind[];

type Codes = Readonly<Record<RefusalKind, readonly string[]>>;

function listed(codes: Codes): readonly { readonly kind: RefusalKind; readonly code: string }[] {
  return KINDS.flatMap((kind) => codes[kind].map((code) => ({ kind, code })));
}

/** How Stripe sends a refusal of that kind. */
const SENT_AS: Readonly<Record<RefusalKind, string>> = {
  declined: '402:card_error',
  authentication: '402:card_error',
  request: '400:invalid_request_error',
  passing: '429:invalid_request_error',
  unknown: '400:invalid_request_error',
};

function byErrorCode({
  kind,
  code,
}: {
  readonly kind: RefusalKind;
  readonly code: string;
}): readonly Refused[] {
  const fault = `error:${SENT_AS[kind]}:${code}`;
  const onConfirm: Refused = { name: `confirm ${code}`, call: 'confirm', fault, kind };
  // A create asks no bank.
  return kind === 'declined' || kind === 'authentication'
    ? [onConfirm]
    : [onConfirm, { ...onConfirm, name: `create ${code}`, call: 'create' }];
}

const NOBODY_KNOWS: readonly Refused[] = [
  // As a payment's own refusal it is a decline, whosever; with a new error code it is nobody's word.
  {
    name: 'a new decline code',
    call: 'confirm',
    fault: 'error:402:card_error:card_declined:a_code_of_next_year',
    kind: 'declined',
  },
  {
    name: 'a new code of a request',
    call: 'confirm',
    fault: 'error:400:invalid_request_error:a_code_of_next_year',
    kind: 'request',
  },
  {
    name: 'a new code of a create',
    call: 'create',
    fault: 'error:400:invalid_request_error:a_code_of_next_year',
    kind: 'request',
  },
  {
    name: 'a request without a code',
    call: 'create',
    fault: 'error:400:invalid_request_error',
    kind: 'request',
  },
  {
    name: 'a new type',
    call: 'create',
    fault: 'error:400:a_type_of_next_year:a_code',
    kind: 'unknown',
  },
];

const DECLINES = listed(DECLINE_CODES).map(({ kind, code }): Refused => ({
  name: `declined ${code}`,
  call: 'confirm',
  fault: `error:402:card_error:card_declined:${code}`,
  kind,
}));
const ERRORS = [...listed(ERROR_CODES), ...listed(UNDECLARED_ERROR_CODES)].flatMap(byErrorCode);
const ALL: readonly Refused[] = [...DECLINES, ...ERRORS, ...NOBODY_KNOWS];

async function chargeOnce(payrecon: Payrecon, name: string): Promise<ChargeOutcome> {
  const request = aRequest({
    key: name,
    amount: AMOUNT,
    paymentMethod: 'pm_card_visa',
    email: 'ada@example.com',
  });
  return await payrecon.charge(request, { waitMs: 0, waitForOutcome: false, allowDuplicate: true });
}

function exitOf(outcome: ChargeOutcome): number {
  return exitCode({ kind: 'charged', outcome }, null);
}

async function customerLetters(fixture: Fixture): Promise<ReadonlyMap<unknown, readonly string[]>> {
  const rows = await fixture.sql(
    "select transaction_id, kind from notifications where kind like 'customer%' order by created_at, id",
  );
  const letters = new Map<unknown, string[]>();
  for (const { transaction_id: id, kind } of rows)
    letters.set(id, [...(letters.get(id) ?? []), String(kind)]);
  return letters;
}

describe('every code by which Stripe may refuse', () => {
  it(
    `has its verdict, its exit code and its letters (${String(ALL.length)} cases)`,
    { timeout: 900_000 },
    async () => {
      const fixture = await aFixture(sqlite, { env: { SENDGRID_API_KEY: '' } });
      const payrecon = await fixture.open('charge');
      const seen = [];
      for (const { name, call, fault } of ALL) {
        fixture.sandbox.setFaults(`payment_intents.${call}=${fault}`);
        const outcome = await chargeOnce(payrecon, name);
        fixture.sandbox.setFaults('');
        const letters = (await customerLetters(fixture)).get(outcome.transaction.id) ?? [];
        const again = await chargeOnce(payrecon, name);
        seen.push({
          name,
          status: outcome.transaction.status,
          failureKind: outcome.transaction.failureKind,
          exit: exitOf(outcome),
          letters,
          again: {
            status: again.transaction.status,
            attempt: again.transaction.attempt,
            exit: exitOf(again),
          },
        });
      }
      expect(seen).toEqual(ALL.map(({ name, kind }) => ({ name, ...VERDICTS[kind] })));

      // No payment is alive beside the ones that are recorded, and none was taken twice.
      const { paymentIntents } = fixture.sandbox.books;
      expect(
        paymentIntents.filter(({ status }) => status !== 'succeeded' && status !== 'canceled'),
      ).toEqual([]);
      expect(fixture.sandbox.books.succeededCount()).toBe(
        ALL.filter(({ kind }) => VERDICTS[kind].again.exit === 0).length,
      );
      // The operator, once a cause: the decline code, else the code.
      const causes = new Set(
        ALL.filter(({ kind }) => kind === 'request').map(
          ({ fault }) => fault.split(':').slice(3).at(-1) ?? 'invalid_request',
        ),
      );
      const told = await fixture.sql(
        "select id from notifications where kind = 'operator_request_refused'",
      );
      expect(told).toHaveLength(causes.size);
      await fixture.verifyAudit();
    },
  );

  it(
    'is told by the real binary alike, in one file of one line a code',
    { timeout: 600_000 },
    async () => {
      const fixture = await aFixture(sqlite);
      const lines = spread(ALL.filter(({ call }) => call === 'confirm'));
      const file = join(await temporaryFolder(), 'codes.csv');
      await writeFile(
        file,
        [
          'key,amount,currency,payment_method,email',
          ...lines.map(({ name }) => `${name},49.99,usd,pm_card_visa,ada@example.com`),
        ].join('\n'),
      );
      // One at a time, so that the faults meet the lines in their order.
      fixture.sandbox.setFaults(
        `seq:payment_intents.confirm=${lines.map(({ fault }) => fault).join(',')}`,
      );
      const run = await fixture.run(
        [
          'charge',
          '--file',
          file,
          '--concurrency',
          '1',
          '--wait',
          '0s',
          '--allow-duplicate',
          '--json',
        ],
        { timeoutMs: 500_000 },
      );
      fixture.sandbox.setFaults('');
      const told = run.jsonLines() as {
        key: string;
        result: string;
        transaction: {
          status: string;
          failure_kind: string | null;
          payment_intent: string | null;
        } | null;
      }[];
      expect(
        told.map(({ key, transaction }) => ({
          key,
          status: transaction?.status,
          failure_kind: transaction?.failure_kind,
        })),
      ).toEqual(
        lines.map(({ name, kind }) => ({
          key: name,
          status: VERDICTS[kind].status,
          failure_kind: VERDICTS[kind].failureKind,
        })),
      );
      // The worst of them: some are not known yet.
      expect(run.exitCode).toBe(75);
      expect(fixture.sandbox.books.succeededCount()).toBe(0);
    },
  );
});

/** Open outcomes between settled ones: twenty in a row would stop the file, as Stripe then seems to be away. */
function spread(cases: readonly Refused[]): readonly Refused[] {
  const isOpen = ({ kind }: Refused): boolean => VERDICTS[kind].status === 'pending';
  const open = cases.filter(isOpen);
  return cases
    .filter((each) => !isOpen(each))
    .flatMap((settled, at) => [settled, ...open.slice(at, at + 1)]);
}

import { type LaneName } from '../../support/proving.ts';
import { type Patch } from './patch.ts';

/** A bug that was put in on purpose, and who has to notice it. */
export interface Mutant {
  readonly name: string;
  readonly what: string;
  readonly patches: readonly Patch[];
  readonly lane: LaneName | 'tests';
  /** The test file of that lane, and the case by which it notices. */
  readonly test: string;
  readonly env: Readonly<Record<string, string>>;
  /** What the lane says is broken. */
  readonly says: RegExp;
}

const CRASH = { lane: 'sqlite-single-crash', test: 'test/prove/crash-sqlite.test.ts' } as const;

const LATE = { lane: 'late-writers', test: 'test/prove/races/late-writer.test.ts' } as const;
/** A test that no lane contains. */
const TESTS = (test: string): Pick<Mutant, 'lane' | 'test' | 'env'> => ({ lane: 'tests', test, env: {} });
const SCRIPTS = (file: string): Pick<Mutant, 'lane' | 'test'> => ({ lane: 'fault-scripts', test: `test/faults/${file}.test.ts` });

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'no-idempotency-key',
    what: 'a payment intent is made without an idempotency key',
    patches: [{ file: 'src/stripe/gateway.ts', find: 'stripe.paymentIntents.create(params, { idempotencyKey })', replace: 'stripe.paymentIntents.create(params, idempotencyKey === null ? { idempotencyKey } : {})' }],
    ...CRASH,
    env: { PROVE_CASE: 'charge, a card | again' },
    says: /4 what is settled|7 one idempotency key/,
  },
  {
    name: 'key-per-attempt',
    what: 'each create has an idempotency key of its own',
    patches: [{ file: 'src/stripe/idempotency.ts', find: 'payrecon-create-${digestOf(transaction, namespace)}', replace: 'payrecon-create-${digestOf(transaction, `${namespace} ${Math.random()}`)}' }],
    ...CRASH,
    env: { PROVE_CASE: 'charge, a card | again' },
    says: /4 what is settled|7 one idempotency key/,
  },
  {
    name: 'confirm-before-id',
    what: 'the confirm is sent before the id is stored',
    patches: [
      {
        file: 'src/app/advance.ts',
        find: 'const result = await deps.ledger.record(transaction, lease, record, deps.actor);',
        replace: `if (move.kind === 'ask' && move.call === 'confirm') await ask(deps, { call: 'confirm', target: null, signal: options.signal }, { ...transaction, ...move.record.changes }, now);
      const result = await deps.ledger.record(transaction, lease, record, deps.actor);`,
      },
    ],
    ...CRASH,
    env: { PROVE_CASE: 'charge, a card | again' },
    says: /does not know its id/,
  },
  {
    name: 'settle-outside-transaction',
    what: 'the verdict, its audit entry and its e-mail are written one by one',
    patches: [{ file: 'src/storage/ledger-record.ts', find: 'await database.transact((sql) => writeStepwise(database, sql, recording))', replace: 'await writeStepwise(database, database.knex, recording)' }],
    ...CRASH,
    env: { PROVE_CASE: 'charge, a card | passes' },
    says: /5 the audit trail|6 every e-mail/,
  },
  {
    name: 'mail-marked-first',
    what: 'an e-mail is marked as sent before it is sent',
    patches: [
      {
        file: 'src/app/dispatch.ts',
        find: 'const outcome = await deps.mailer.send(claimed.notification);',
        replace: 'await deps.outbox.markSent(claimed, null);\n      const outcome = await deps.mailer.send(claimed.notification);',
      },
    ],
    ...CRASH,
    env: { PROVE_CASE: 'notifications send | passes' },
    says: /6 every e-mail|customer was not told/,
  },
  {
    name: 'decline-without-cancel',
    what: 'a declined payment intent is left open',
    patches: [
      {
        file: 'src/domain/plan.ts',
        find: 'return cancelMove(transaction, { ...answer, kind: failureKindOf(answer.fault) }, context);',
        replace: `return { kind: 'stop', reason: 'settled', words: 'declined', record: { action: 'settled', changes: { status: 'failed', step: 'settled', failureCode: 'declined', failureKind: 'declined', paymentIntent: answer.intent.id, stripeStatus: answer.intent.status }, stamps: { settledAt: 'now', nextAttempt: 'never' }, detail: {}, requestId: null, notifications: ['customer_failed'], release: true } };`,
      },
    ],
    ...CRASH,
    env: { PROVE_CASE: 'charge, a card that is declined | passes' },
    says: /4 what is settled/,
  },
  {
    name: 'amount-not-compared',
    what: 'a payment of another amount counts as ours',
    patches: [{ file: 'src/domain/on-intent.ts', find: 'if (receivedAsAsked(transaction, intent)) {', replace: 'if (intent.id !== transaction.id) {' }],
    lane: 'model',
    test: 'test/prove/model/regressions.test.ts',
    env: {},
    says: /rows tell the truth/,
  },
  {
    name: 'absent-once',
    what: 'one scan of the list that shows nothing counts as absence',
    patches: [{ file: 'src/domain/on-intent.ts', find: 'if (since !== null && context.now - since >= gapMs) {', replace: 'if (gapMs > 0) {' }],
    ...SCRIPTS('absence'),
    env: {},
    says: /"status": "canceled"/,
  },
  {
    name: 'search-as-absence',
    what: 'the search is asked instead of the list, and lags behind',
    patches: [
      {
        file: 'src/stripe/list-page.ts',
        find: 'stripe.paymentIntents.list(listParams(asked))',
        replace: 'stripe.paymentIntents.search({ query: `created>=${asked.fromSeconds ?? 0} AND created<=${asked.toSeconds ?? 99999999999}`, limit: LIST_PAGE_SIZE })',
      },
      { file: 'src/stripe/list-page.ts', find: 'const page = pageOf(outcome, secret);', replace: 'const page = searchPageOf(outcome, secret);' },
    ],
    ...SCRIPTS('absence'),
    env: {},
    says: /4 what is settled/,
  },
  {
    name: 'old-key-replayed',
    what: 'a create is sent again under a key that Stripe has forgotten after 24 hours',
    patches: [{ file: 'src/domain/move.ts', find: 'export const KEY_LIFETIME_MS = 23 * 3_600_000', replace: 'export const KEY_LIFETIME_MS = 2_300 * 3_600_000' }],
    ...SCRIPTS('absence'),
    env: {},
    says: /"intents": 1|expected 2 to be 1/,
  },
  {
    name: 'attempts-in-outage',
    what: 'attempts are counted while Stripe is away',
    patches: [{ file: 'src/app/block.ts', find: "const counts = advanced.reason === 'unknown' && deps.health.worked() && !deps.health.away();", replace: "const counts = advanced.reason === 'unknown';" }],
    ...SCRIPTS('outage'),
    env: {},
    says: /"attempts": 1/,
  },
  {
    name: 'no-lease-token',
    what: 'a write does not ask whose lease it is',
    patches: [{ file: 'src/storage/ledger-recording.ts', find: "'id = ? and version = ? and lease_token = ?'", replace: "'id = ? and version = ? and coalesce(lease_token, ?) is not null'" }],
    ...LATE,
    env: { PROVE_CASE: 'late | charge, a card | 14 | again | has begun' },
    says: /the late writer/,
  },
  {
    name: 'no-status-guard',
    what: 'a write asks neither whose lease it is nor what the row has become meanwhile',
    patches: [{ file: 'src/storage/ledger-recording.ts', find: "'id = ? and version = ? and lease_token = ?'", replace: "'id = ? and coalesce(version, ?) > 0 and coalesce(lease_token, ?) is not null'" }],
    ...LATE,
    env: { PROVE_CASE: 'late | charge, a card | 14 | again' },
    says: /the late writer|ended with a bug/,
  },
  {
    name: 'no-lease-token-of-many',
    what: 'the write of many rows at once does not ask whose lease they are under, nor what has become of them',
    patches: [
      {
        file: 'src/storage/ledger-input.ts',
        find: "'transactions.id = input.id and transactions.version = input.version and transactions.lease_token = input.token'",
        replace: "'transactions.id = input.id'",
      },
    ],
    ...TESTS('test/storage/conformance/record-many.test.ts'),
    says: /"?recorded"?/,
  },
  {
    name: 'mails-of-many-left-out',
    what: 'the e-mails of many rows that are recorded at once are not queued',
    patches: [{ file: 'src/storage/ledger-record-many.ts', find: 'if (mails.length > 0) await changed', replace: 'if (mails.length > 99) await changed' }],
    ...CRASH,
    test: 'test/prove/crash-sqlite-passes.test.ts',
    env: { PROVE_CASE: 'reconcile, several at a time | passes | before 6' },
    says: /6 every e-mail|customer was not told/,
  },
  {
    name: 'received-not-compared',
    what: 'what Stripe received is not compared with what was asked for',
    patches: [{ file: 'src/domain/marks.ts', find: 'return intent.amountReceived === transaction.amount && intent.amount', replace: 'return intent.amount' }],
    ...TESTS('test/app/received.test.ts'),
    says: /is succeeded, not stuck/,
  },
  {
    name: 'attempt-before-cancel',
    what: 'a new attempt begins while the intent of the last one could still be paid',
    patches: [
      {
        file: 'src/domain/on-refusal.ts',
        find: "return cancelMove(transaction, { intent: fenced, failure, kind: 'request', requestId: answer.requestId }, context);",
        replace: `return { kind: 'stop', reason: 'settled', words: 'refused', record: { action: 'settled', changes: { status: 'failed', step: 'settled', failureCode: failure.code, failureKind: 'request', paymentIntent: fenced.id, stripeStatus: fenced.status }, stamps: { settledAt: 'now', nextAttempt: 'never' }, detail: {}, requestId: null, notifications: [], release: true } };`,
      },
      { file: 'src/domain/attempts.ts', find: "return paymentIntent === null || stripeStatus === 'canceled';", replace: 'return true;' },
      // The list is read before a later attempt is confirmed, and would show it.
      { file: 'src/domain/plan.ts', find: ' || transaction.attempt > 1;', replace: ';' },
    ],
    ...SCRIPTS('regressions'),
    env: {},
    says: /could be charged|of an earlier one is|is settled, but/,
  },
  {
    name: 'executed-and-sent-anew',
    what: 'a create that Stripe may have carried out is taken for one that it refused for the moment, and sent again under a new key',
    patches: [
      { file: 'src/domain/answer.ts', find: "return answer.reason === 'rate_limited' || answer.reason === 'lock_timeout' || answer.reason === 'conflict';", replace: 'return answer.answered;' },
      {
        file: 'src/stripe/gateway.ts',
        find: 'const idempotencyKey = createIdempotencyKey(transaction, this.#namespace());',
        replace: 'const idempotencyKey = createIdempotencyKey(transaction, `${this.#namespace()} ${Math.random()}`);',
      },
    ],
    ...SCRIPTS('regressions'),
    env: {},
    says: /under two keys/,
  },
  {
    name: 'account-not-compared',
    what: 'a key of another account charges on a ledger that belongs to one',
    patches: [{ file: 'src/app/own-ledger.ts', find: 'if (identity.account === null || owner.account === null || identity.account === owner.account) return;', replace: 'if (identity !== null) return;' }],
    ...TESTS('test/app/own-ledger.test.ts'),
    says: /not an expected error: undefined/,
  },
  {
    name: 'bank-blamed',
    what: 'a request that Stripe refused counts as a decline of the bank',
    patches: [{ file: 'src/domain/refusals.ts', find: "byCode !== 'unknown' ? 'request' : 'unknown'", replace: "byCode !== 'unknown' ? 'declined' : 'unknown'" }],
    ...SCRIPTS('regressions'),
    env: {},
    says: /"payment_intents.create": 1/,
  },
  {
    name: 'synchronous-normal',
    what: 'a commit on SQLite does not wait for the disk',
    patches: [{ file: 'src/storage/sqlite-client.ts', find: 'pragma synchronous = full', replace: 'pragma synchronous = normal' }],
    lane: 'power-cut',
    test: 'test/prove/disk/power-cut.test.ts',
    env: { PROVE_CASE: 'power-cut 0.4' },
    says: /was acknowledged, and the ledger is in the state after/,
  },
];

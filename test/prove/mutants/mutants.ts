import type { LaneName } from '../../support/proving.ts';

/*
 * Each mutant's bug is bugs/NAME.ts: a setup file of the tests of its lane, which replaces exports of modules of src by
 * `vi.mock` and `replaced`. The compiler checks that the modules and their exports are there and of that type.
 */

/** A bug that was put in on purpose, and who has to notice it. */
export interface Mutant {
  readonly name: string;
  readonly what: string;
  readonly lane: LaneName | 'tests';
  /** The test file of that lane, and the case by which it notices. */
  readonly test: string;
  readonly env: Readonly<Record<string, string>>;
  /** What the lane says is broken: the name of an invariant, the code of an error, or a value that differs. */
  readonly says: RegExp;
}

const CRASH = { lane: 'sqlite-single-crash', test: 'test/prove/crash-sqlite.test.ts' } as const;

const LATE = { lane: 'late-writers', test: 'test/prove/races/late-writer.test.ts' } as const;
/** A test that no lane contains. */
const TESTS = (test: string): Pick<Mutant, 'lane' | 'test' | 'env'> => ({
  lane: 'tests',
  test,
  env: {},
});
const SCRIPTS = (file: string): Pick<Mutant, 'lane' | 'test'> => ({
  lane: 'fault-scripts',
  test: `test/faults/${file}.test.ts`,
});

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'no-idempotency-key',
    what: 'a payment intent is made without an idempotency key',
    ...CRASH,
    env: { PROVE_CASE: 'charge, a card | again' },
    says: /4 what is settled|7 one idempotency key/,
  },
  {
    name: 'key-per-attempt',
    what: 'each create has an idempotency key of its own',
    ...CRASH,
    env: { PROVE_CASE: 'charge, a card | again' },
    says: /4 what is settled|7 one idempotency key/,
  },
  {
    name: 'confirm-before-id',
    what: 'the confirm is sent before the id is stored',
    ...CRASH,
    env: { PROVE_CASE: 'charge, a card | again' },
    says: /does not know its id/,
  },
  {
    name: 'settle-outside-transaction',
    what: 'the verdict, its audit entry and its e-mail are written one by one',
    ...CRASH,
    env: { PROVE_CASE: 'charge, a card | passes' },
    says: /5 the audit trail|6 every e-mail/,
  },
  {
    name: 'mail-marked-first',
    what: 'an e-mail is marked as sent before it is sent',
    ...CRASH,
    env: { PROVE_CASE: 'notifications send | passes' },
    says: /6 every e-mail|customer was not told/,
  },
  {
    name: 'decline-without-cancel',
    what: 'a declined payment intent is left open',
    ...CRASH,
    env: { PROVE_CASE: 'charge, a card that is declined | passes' },
    says: /4 what is settled/,
  },
  {
    name: 'amount-not-compared',
    what: 'a payment of another amount counts as ours',
    lane: 'model',
    test: 'test/prove/model/regressions.test.ts',
    env: {},
    says: /rows tell the truth/,
  },
  {
    name: 'absent-once',
    what: 'one scan of the list that shows nothing counts as absence',
    ...SCRIPTS('absence'),
    env: {},
    says: /"status": "canceled"/,
  },
  {
    name: 'search-as-absence',
    what: 'the search is asked instead of the list, and lags behind',
    ...SCRIPTS('absence'),
    env: {},
    says: /4 what is settled/,
  },
  {
    name: 'old-key-replayed',
    what: 'a create is sent again under a key that Stripe has forgotten after 24 hours',
    ...SCRIPTS('absence'),
    env: {},
    says: /"intents": 1|expected 2 to be 1/,
  },
  {
    name: 'attempts-in-outage',
    what: 'attempts are counted while Stripe is away',
    ...SCRIPTS('outage'),
    env: {},
    says: /"attempts": 1/,
  },
  {
    name: 'no-lease-token',
    what: 'a write does not ask whose lease it is',
    ...LATE,
    env: { PROVE_CASE: 'late | charge, a card | stripe confirm | again | has begun' },
    says: /the late writer/,
  },
  {
    name: 'no-status-guard',
    what: 'a write asks neither whose lease it is nor what the row has become meanwhile',
    ...LATE,
    env: { PROVE_CASE: 'late | charge, a card | stripe confirm | again' },
    says: /the late writer|ended with a bug/,
  },
  {
    name: 'no-lease-token-of-many',
    what: 'the write of many rows at once does not ask whose lease they are under, nor what has become of them',
    ...TESTS('test/storage/conformance/record-many.test.ts'),
    // One of them was stale.
    says: /^\[(\s+"recorded",){4}\s+\]$/m,
  },
  {
    name: 'mails-of-many-left-out',
    what: 'the e-mails of many rows that are recorded at once are not queued',
    ...CRASH,
    test: 'test/prove/crash-sqlite-passes.test.ts',
    env: { PROVE_CASE: 'reconcile, several at a time | passes | before 1' },
    says: /6 every e-mail|customer was not told/,
  },
  {
    name: 'received-not-compared',
    what: 'what Stripe received is not compared with what was asked for',
    ...TESTS('test/app/received.test.ts'),
    says: /^not_stuck$/m,
  },
  {
    name: 'attempt-before-cancel',
    what: 'a new attempt begins while the intent of the last one could still be paid',
    ...SCRIPTS('regressions'),
    env: {},
    says: /could be charged|of an earlier one is|is settled, but/,
  },
  {
    name: 'executed-and-sent-anew',
    what: 'a create that Stripe may have carried out is taken for one that it refused for the moment, and sent again under a new key',
    ...SCRIPTS('regressions'),
    env: {},
    says: /under two keys/,
  },
  {
    name: 'account-not-compared',
    what: 'a key of another account charges on a ledger that belongs to one',
    ...TESTS('test/app/own-ledger.test.ts'),
    says: /not an expected error: undefined/,
  },
  {
    name: 'bank-blamed',
    what: 'a request that Stripe refused counts as a decline of the bank',
    ...SCRIPTS('regressions'),
    env: {},
    says: /"payment_intents.create": 1/,
  },
  {
    name: 'synchronous-normal',
    what: 'a commit on SQLite does not wait for the disk',
    lane: 'power-cut',
    test: 'test/prove/disk/power-cut.test.ts',
    env: { PROVE_CASE: 'power-cut 0' },
    says: /was acknowledged, and the ledger is in the state after/,
  },
];

/** Replaces nothing: what catches it would catch anything. */
export const CONTROL: Mutant = {
  name: 'no-bug',
  what: 'nothing is changed',
  ...TESTS('test/app/received.test.ts'),
  says: /./,
};

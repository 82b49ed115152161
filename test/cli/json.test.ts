import { describe, expect, it } from 'vitest';
import { jsonText } from '../../src/cli/render/parts/json.ts';
import { commandLine } from './support/command-line.ts';
import type { Transaction } from '../../src/domain/transaction.ts';
import {
  acceptedLongAgo,
  audit,
  canceled,
  createdAt,
  email,
  now,
  paidLess,
  paidOtherwise,
  pass,
  pending,
  requestRefused,
  shown,
  stuck,
  succeeded,
  unknown,
} from './support/fixture.ts';

/* The shapes are the contract: written out by hand, with the order of the keys. */

const succeededJson = {
  id: 'txn_01JDA0B1C2D3E4F5G6H7J8K9MN',
  key: 'order-1001',
  attempt: 1,
  reference: 'order-1001-ref',
  status: 'succeeded',
  step: 'settled',
  amount: 4999,
  currency: 'usd',
  amount_decimal: '49.99',
  amount_received: 4999,
  currency_received: 'usd',
  customer: 'cus_NffrFeUfNV2Hib',
  payment_method: 'pm_card_visa',
  email: 'ada@example.com',
  description: 'Two books',
  metadata: { cart: '17', note: 'gift' },
  payment_intent: 'pi_3MtwBwLkdIwHu7ix28a3tqPa',
  stripe_status: 'succeeded',
  failure_kind: null,
  failure_code: null,
  failure_message: null,
  canceled_by: null,
  attempts: 1,
  overdue: false,
  expected_by: null,
  next_attempt_at: null,
  created_at: '2026-11-22T06:11:05.123Z',
  updated_at: '2026-11-22T06:11:06.123Z',
  settled_at: '2026-11-22T06:11:06.123Z',
  review: null,
};

const unknownJson = {
  id: 'txn_01JDA0B1C2D3E4F5G6H7J8K9MP',
  key: 'order-1002',
  attempt: 1,
  reference: null,
  status: 'pending',
  step: 'create_sent',
  amount: 4999,
  currency: 'usd',
  amount_decimal: '49.99',
  amount_received: null,
  currency_received: null,
  customer: null,
  payment_method: 'pm_card_visa',
  email: null,
  description: null,
  metadata: {},
  payment_intent: null,
  stripe_status: null,
  failure_kind: null,
  failure_code: null,
  failure_message: null,
  canceled_by: null,
  attempts: 1,
  overdue: false,
  expected_by: null,
  next_attempt_at: '2026-11-22T06:16:05.123Z',
  created_at: '2026-11-22T06:11:05.123Z',
  updated_at: '2026-11-22T06:11:06.123Z',
  settled_at: null,
  review: null,
};

/** Equal to the letter, the order of the keys included. */
function same(text: string, expected: unknown): void {
  expect(text).toBe(`${JSON.stringify(expected)}\n`);
}

describe('list --json', () => {
  it('is one page object', async () => {
    const page = { data: [succeeded, unknown], hasMore: true, nextCursor: 'c_1' };
    const { code, stdout, stderr, calls } = await commandLine(
      [
        'list',
        '--status',
        'pending',
        'succeeded',
        '--since',
        '2026-11-01',
        '--until',
        '1h',
        '--customer',
        'cus_1',
        '--reference',
        'r',
        '--limit',
        '2',
        '--cursor',
        'c_0',
        '--json',
      ],
      { payrecon: { list: () => Promise.resolve(page) } },
    );
    same(stdout, { data: [succeededJson, unknownJson], has_more: true, next_cursor: 'c_1' });
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const filter = {
      statuses: ['pending', 'succeeded'],
      since: Date.UTC(2026, 10, 1),
      until: createdAt + 200_000 - 3_600_000,
      customer: 'cus_1',
      reference: 'r',
      needsPerson: false,
    };
    expect(calls[0]?.args).toEqual([filter, 2, 'c_0']);
  });

  it('asks for 20 rows of everything without flags', async () => {
    const { stdout, calls, opened } = await commandLine(['list', '--json'], {
      payrecon: { list: () => Promise.resolve({ data: [], hasMore: false, nextCursor: null }) },
    });
    same(stdout, { data: [], has_more: false, next_cursor: null });
    expect(calls[0]?.args).toEqual([
      {
        statuses: [],
        since: null,
        until: null,
        customer: null,
        reference: null,
        needsPerson: false,
      },
      20,
      null,
    ]);
    expect(opened[0]).toMatchObject({ needsStripe: false });
  });
});

describe('show --json', () => {
  it('is the transaction with its audit trail and its e-mails', async () => {
    const { stdout, calls } = await commandLine(['show', 'order-1001', '--json'], {
      payrecon: { show: () => Promise.resolve(shown) },
    });
    const actor = {
      role: 'charge',
      operator: 'ada',
      system_user: 'ada',
      host: 'till-1',
      pid: 4711,
    };
    same(stdout, {
      ...succeededJson,
      audit: [
        {
          seq: 1,
          at: '2026-11-22T06:11:05.123Z',
          actor,
          action: 'opened',
          from: null,
          to: { status: 'pending', step: 'create_sent' },
          detail: { asked: 'create' },
          request_id: null,
          hash: 'a'.repeat(64),
        },
        {
          seq: 2,
          at: '2026-11-22T06:11:06.123Z',
          actor,
          action: 'settled',
          from: { status: 'pending', step: 'confirm_sent' },
          to: { status: 'succeeded', step: 'settled' },
          detail: { asked: 'confirm', seen: 'succeeded', amount: 4999 },
          request_id: 'req_8dxKLKxZGVpQhB',
          hash: 'b'.repeat(64),
        },
      ],
      notifications: [
        {
          id: email.id,
          kind: 'customer_succeeded',
          to: 'ada@example.com',
          state: 'sent',
          attempts: 1,
          sent_at: '2026-11-22T06:11:07.623Z',
        },
      ],
    });
    expect(audit).toHaveLength(2);
    expect(calls[0]?.args).toEqual(['order-1001']);
  });

  it('shows what is to be reviewed, and the decision', async () => {
    const resolution = {
      as: 'succeeded',
      reason: 'seen at the bank',
      operator: 'ada',
      at: createdAt + 150_000,
    } as const;
    const review = { ...stuck.review!, resolution };
    const { stdout } = await commandLine(['show', stuck.id, '--json'], {
      payrecon: { show: () => Promise.resolve({ ...shown, transaction: { ...stuck, review } }) },
    });
    expect(JSON.parse(stdout)).toMatchObject({
      review: {
        reason: 'amount_mismatch',
        message: 'Stripe shows $50.00 where $49.99 was asked for',
        at: '2026-11-22T06:13:05.123Z',
        evidence: { expected_amount: 4999, seen_amount: 5000 },
        resolution: {
          as: 'succeeded',
          reason: 'seen at the bank',
          operator: 'ada',
          at: '2026-11-22T06:13:35.123Z',
        },
      },
    });
  });
});

describe('a transaction in JSON', () => {
  const jsonOf = async (transaction: Transaction): Promise<Record<string, unknown>> => {
    const { stdout } = await commandLine(['list', '--json'], {
      payrecon: {
        list: () => Promise.resolve({ data: [transaction], hasMore: false, nextCursor: null }),
      },
    });
    return (JSON.parse(stdout) as { data: Record<string, unknown>[] }).data[0]!;
  };

  it('has what Stripe received beside what was asked for', async () => {
    expect(await jsonOf(paidLess)).toMatchObject({
      amount: 42_000,
      currency: 'usd',
      amount_decimal: '420.00',
      amount_received: 24_000,
      currency_received: 'usd',
    });
    expect(await jsonOf(paidOtherwise)).toMatchObject({
      amount: 42_000,
      currency: 'usd',
      amount_received: 42_002,
      currency_received: 'eur',
    });
  });

  it('has it of a mismatch that was accepted before it was stored, as far as it was written down', async () => {
    expect(await jsonOf(acceptedLongAgo)).toMatchObject({
      amount: 42_000,
      amount_received: 24_000,
      currency_received: 'eur',
    });
    const byWord = {
      ...acceptedLongAgo,
      review: { ...acceptedLongAgo.review!, evidence: { asked: 'look up', seen: 'missing' } },
    };
    expect(await jsonOf(byWord)).toMatchObject({
      amount: 42_000,
      amount_received: null,
      currency_received: null,
    });
  });

  it('says whose fault a failure was, and who canceled', async () => {
    expect(await jsonOf(requestRefused)).toMatchObject({
      status: 'failed',
      failure_kind: 'request',
      failure_code: 'resource_missing',
      canceled_by: null,
    });
    expect(await jsonOf({ ...canceled, canceledBy: 'fence', attempt: 3 })).toMatchObject({
      status: 'canceled',
      canceled_by: 'fence',
      attempt: 3,
      failure_kind: null,
    });
  });

  it('is overdue when it is pending past its time', async () => {
    const by = (expectedBy: number, status: Transaction['status'] = 'pending') =>
      jsonOf({ ...pending, status, expectedBy });
    expect(await by(now - 1)).toMatchObject({
      overdue: true,
      expected_by: '2026-11-22T06:14:25.122Z',
    });
    expect(await by(now + 1)).toMatchObject({ overdue: false });
    expect(await by(now - 1, 'stuck')).toMatchObject({ overdue: false });
  });

  it('has the decimals of its currency', async () => {
    expect(await jsonOf({ ...pending, amount: 500, currency: 'jpy' })).toMatchObject({
      amount_decimal: '500',
    });
    expect(await jsonOf({ ...pending, amount: 1230, currency: 'kwd' })).toMatchObject({
      amount_decimal: '1.230',
    });
  });
});

describe('reconcile --json', () => {
  it('is the pass', async () => {
    const { code, stdout, stderr, calls, opened } = await commandLine(
      ['reconcile', '--limit', '10', '--json', '--max-attempts', '3'],
      { payrecon: { reconcile: () => Promise.resolve(pass) } },
    );
    same(stdout, {
      pass: 'pas_01JDA0B1C2D3E4F5G6H7J8K9MR',
      started_at: '2026-11-22T06:11:05.123Z',
      due: 4,
      too_young: 0,
      not_sent: 0,
      settled: { succeeded: 2, failed: 1, canceled: 0 },
      pending: 1,
      stuck: 0,
      stripe_calls: { list: 0, retrieve: 4, other: 1 },
      outage: false,
      stopped_by: null,
      duration_ms: 1234,
    });
    expect([code, stderr]).toEqual([0, '']);
    expect(opened).toEqual([
      { flags: { 'max-attempts': '3' }, needsStripe: true, role: 'reconcile' },
    ]);
    expect(calls[0]?.args[0]).toMatchObject({ limit: 10, dryRun: false });
  });

  it('says what was never sent, and why it stopped early', async () => {
    const report = {
      ...pass.report,
      notSent: 2,
      stoppedBy: 'Stripe refuses the same request each time',
    };
    const { stdout } = await commandLine(['reconcile', '--json'], {
      payrecon: { reconcile: () => Promise.resolve({ ...pass, report }) },
    });
    expect(JSON.parse(stdout)).toMatchObject({
      not_sent: 2,
      stopped_by: 'Stripe refuses the same request each time',
    });
  });

  it('has no pass on a dry run', async () => {
    const { stdout, calls } = await commandLine(['reconcile', '--dry-run', '--json'], {
      payrecon: { reconcile: () => Promise.resolve({ ...pass, passId: null }) },
    });
    expect(JSON.parse(stdout)).toMatchObject({ pass: null, due: 4 });
    expect(calls[0]?.args[0]).toMatchObject({ limit: null, dryRun: true });
  });

  it('is printed with exit 5 too', async () => {
    const { code, stdout } = await commandLine(['reconcile', '--json'], {
      payrecon: { reconcile: () => Promise.resolve({ ...pass, stuckTotal: 1 }) },
    });
    expect(code).toBe(5);
    expect(JSON.parse(stdout)).toMatchObject({ due: 4 });
  });
});

describe('other documents', () => {
  it('audit verify', async () => {
    const firstBad = {
      table: 'audit_events',
      id: succeeded.id,
      transactionId: succeeded.id,
      seq: 2,
      problem: 'the hash does not fit',
    };
    const { code, stdout, calls } = await commandLine(['audit', 'verify', '--json'], {
      payrecon: {
        verifyAudit: () => Promise.resolve({ transactions: 3, entries: 12, partly: 1, firstBad }),
      },
    });
    same(stdout, {
      transactions: 3,
      entries: 12,
      partly_covered: 1,
      first_bad: {
        table: 'audit_events',
        id: succeeded.id,
        transaction_id: succeeded.id,
        seq: 2,
        problem: 'the hash does not fit',
      },
    });
    expect(code).toBe(5);
    expect(calls[0]?.args).toEqual([null]);
  });

  it('notifications list', async () => {
    const { stdout, calls } = await commandLine(
      ['notifications', 'list', '--state', 'sent', '--limit', '5', '--json'],
      {
        payrecon: { notifications: () => Promise.resolve([email]) },
      },
    );
    same(stdout, {
      data: [
        {
          id: email.id,
          transaction_id: succeeded.id,
          kind: 'customer_succeeded',
          to: 'ada@example.com',
          state: 'sent',
          attempts: 1,
          created_at: '2026-11-22T06:11:06.123Z',
          next_attempt_at: null,
          sent_at: '2026-11-22T06:11:07.623Z',
          message_id: 'sg-1',
          last_error: null,
        },
      ],
    });
    expect(calls[0]?.args).toEqual([['sent'], 5]);
  });

  it('notifications send', async () => {
    const report = { configured: true, sent: 2, retried: 1, failed: 0, queued: 1, refused: null };
    const { code, stdout, calls } = await commandLine(['notifications', 'send', '--json'], {
      payrecon: { sendNotifications: () => Promise.resolve(report) },
    });
    same(stdout, report);
    expect(code).toBe(0);
    expect(calls[0]?.args[0]).toBeNull();
  });

  it('notifications resend', async () => {
    const { stdout, calls } = await commandLine(['notifications', 'resend', 'ntf_1', '--json'], {
      payrecon: { resendNotification: () => Promise.resolve(email) },
    });
    expect(JSON.parse(stdout)).toMatchObject({ id: email.id, state: 'sent' });
    expect(calls[0]?.args).toEqual(['ntf_1']);
  });

  it('status', async () => {
    const lastPass = {
      ...pass.report,
      id: 'pas_1',
      host: 'till-1',
      startedAt: createdAt,
      finishedAt: createdAt + 1_234,
    };
    const { code, stdout } = await commandLine(['status', '--json'], {
      payrecon: {
        status: () =>
          Promise.resolve({
            pending: 3,
            stuck: 1,
            overdue: 0,
            changed: 0,
            oldestPendingAt: createdAt,
            waiting: { tooYoung: 2, tooYoungUntil: createdAt, later: 0, laterFrom: null },
            notSent: 1,
            lastPass,
            emails: { queued: 1, sending: 0, failed: 0 },
            state: { kind: 'in_use' },
          }),
      },
    });
    expect(code).toBe(5);
    expect(JSON.parse(stdout)).toMatchObject({
      mode: 'test',
      ledger: 'sqlite:/tmp/ledger.db',
      pending: 3,
      too_young: 2,
      not_sent: 1,
      stuck: 1,
      overdue: 0,
      oldest_pending_at: '2026-11-22T06:11:05.123Z',
      ledger_state: 'in_use',
      rolled_back_at: null,
      moved_to: null,
      moved_at: null,
      last_pass: {
        pass: 'pas_1',
        due: 4,
        host: 'till-1',
        started_at: '2026-11-22T06:11:05.123Z',
        finished_at: '2026-11-22T06:11:06.357Z',
      },
      notifications: { queued: 1, sending: 0, failed: 0 },
    });
  });

  it('migrate and migrate status', async () => {
    const up = await commandLine(['migrate', '--json'], {
      payrecon: { migrate: () => Promise.resolve(['0001_ledger']) },
    });
    same(up.stdout, { direction: 'up', migrations: ['0001_ledger'] });
    expect(up.calls[0]?.args).toEqual(['up']);
    const moved = {
      from: 'sqlite:/var/ledger.db',
      to: 'postgres://u@h/d',
      transactions: 4,
      auditEntries: 12,
      notifications: 3,
    };
    const move = await commandLine(['migrate', '--from', moved.from, '--json'], {
      payrecon: {
        move: (_from, onProgress) => {
          onProgress?.({ part: 'copying', done: 1, rows: 4 });
          return Promise.resolve({ ...moved, migrations: ['0001_ledger'], alreadyThere: false });
        },
      },
    });
    same(move.stdout, {
      direction: 'up',
      migrations: ['0001_ledger'],
      moved: {
        from: moved.from,
        to: moved.to,
        transactions: 4,
        audit_entries: 12,
        notifications: 3,
      },
    });
    // Without a terminal nothing is said while it goes on.
    expect(move.stderr).toBe('');
    const status = await commandLine(['migrate', 'status', '--json'], {
      payrecon: {
        migrationStatus: () =>
          Promise.resolve({ applied: ['0001_ledger'], pending: [], unknown: [] }),
      },
    });
    same(status.stdout, { applied: ['0001_ledger'], pending: [], unknown: [] });
  });
});

describe('characters that fool a terminal', () => {
  it('are escaped in JSON, which still says the same', () => {
    const value = { note: '\u001b[31mred \u202egnp.exe\u2066 \u0085 \u009b \u200b \ufeff' };
    const text = jsonText(value, { isTerminal: false });
    expect(text).not.toMatch(/[^\x20-\x7e\n]/);
    expect(JSON.parse(text)).toEqual(value);
  });

  it('leave other letters alone', () => {
    expect(jsonText({ name: 'Zoë 李 😀' }, { isTerminal: false })).toBe('{"name":"Zoë 李 😀"}\n');
  });
});

import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ListFilter } from '../../../src/app/ports.ts';
import { openStorage, type Storage } from '../../../src/storage/open.ts';
import { actor, aRequest, aTransition, guard, opened, reconciler, succeeded } from '../payments.ts';
import { chance, clock, targets, type RawConnection, type Target } from '../targets.ts';

/*
 * What the databases would do with the very statements that payrecon sends, on a ledger with a long
 * history: every one of them has to find its rows by an index, and pages must come out of it in order.
 */

const HISTORY = 20_000;
const OPEN = 200;

/** A long settled history, a few open rows and e-mails, written past payrecon. */
async function fill(target: Target, raw: RawConnection): Promise<void> {
  const series =
    target.name === 'postgres'
      ? `generate_series(1, ${String(HISTORY)}) as series(n)`
      : `(with recursive series(n) as (select 1 union all select n + 1 from series where n < ${String(HISTORY)}) select n from series) as series`;
  const isOpen = `n <= ${String(OPEN)}`;
  await raw.run(`insert into transactions (id, key, fingerprint, reference, amount, currency, customer, payment_method, method_types, email,
      metadata, sent_params, status, step, payment_intent, next_attempt_at, expected_by, version, audit_hash, created_at, updated_at, settled_at)
    select 'txn_' || n, 'key-' || n, 'f', case when n % 3 = 0 then 'order-' || n end, 4999, 'usd', 'cus_' || (n % 500), 'pm_' || (n % 700), '[]',
      'customer-' || (n % 600) || '@example.com', '{}', '{}', case when ${isOpen} then (case when n % 10 = 0 then 'stuck' else 'pending' end) else 'succeeded' end,
      'settled', 'pi_' || n, case when ${isOpen} then 1000 + n end, case when ${isOpen} then 5 end, 1, 'h', 1000 + n, 1000, case when ${isOpen} then null else 2000 end from ${series}`);
  await raw.run(`insert into audit_events (transaction_id, seq, at, actor, action, to_status, to_step, detail, hash)
    select id, 1, 5, '{}', 'opened', 'pending', 'create_sent', '{}', 'h' from transactions`);
  await raw.run(`insert into notifications (id, transaction_id, kind, version, state, created_at, sent_at, next_attempt_at, data)
    select 'ntf_' || id, id, 'customer_succeeded', 1, case when status = 'succeeded' then 'sent' else 'queued' end, created_at,
      case when status = 'succeeded' then 5 end, case when status = 'succeeded' then null else 5 end, '{}' from transactions`);
  // SQLite decides without statistics, as it does in use; PostgreSQL gathers them by itself, sooner or later.
  if (target.name === 'postgres') await raw.run('analyze');
}

const filter: ListFilter = {
  statuses: [],
  since: null,
  until: null,
  customer: null,
  reference: null,
  needsPerson: false,
};
const after = { createdAt: 5_000, id: 'txn_4000' };
const due = { limit: 10, pendingAfterMs: 0, dueBy: 5_000 };

const filters: readonly (readonly [string, Partial<ListFilter>])[] = [
  ['everything', {}],
  ['one status', { statuses: ['pending'] }],
  ['three statuses', { statuses: ['pending', 'stuck', 'failed'] }],
  ['a customer', { customer: 'cus_1' }],
  ['a customer and a status', { customer: 'cus_1', statuses: ['failed'] }],
  ['a customer and what succeeded', { customer: 'cus_1', statuses: ['succeeded'] }],
  ['a reference and a status', { reference: 'order-3', statuses: ['succeeded'] }],
  ['a customer in a period', { customer: 'cus_1', since: 2_000, until: 9_000 }],
  ['a reference', { reference: 'order-3' }],
  ['a period', { since: 2_000, until: 9_000 }],
  ['a status and a period', { statuses: ['failed'], since: 2_000, until: 9_000 }],
  ['what needs a person', { needsPerson: true }],
];

const operations: readonly (readonly [string, (storage: Storage) => Promise<unknown>])[] = [
  ...filters.flatMap(([name, changes]) => [
    [
      `page of ${name}`,
      (storage: Storage) => storage.history.page({ ...filter, ...changes }, 20, null),
    ] as const,
    [
      `next page of ${name}`,
      (storage: Storage) => storage.history.page({ ...filter, ...changes }, 20, after),
    ] as const,
  ]),
  ['find', (storage) => storage.ledger.find('key-17')],
  ['due', (storage) => storage.ledger.due(due)],
  ['the end of the first lease', (storage) => storage.ledger.takeOverInMs(0)],
  [
    'claimDue, renew and release',
    async (storage) => {
      const leases = (await storage.ledger.claimDue(due, reconciler)).map(({ lease }) => lease);
      await storage.ledger.release(await storage.ledger.renew(leases));
    },
  ],
  ['claim', (storage) => storage.ledger.claim('txn_100', actor)],
  [
    'open with reference, customer, e-mail and payment method, then record',
    async (storage) => {
      const request = aRequest({
        reference: 'order-new',
        customer: 'cus_1',
        email: 'Customer-2@example.com',
        paymentMethod: 'pm_3',
      });
      const { transaction, lease } = opened(
        await storage.ledger.open(request, 'f', { ...guard, allow: true }, actor),
      );
      await storage.ledger.record(
        transaction,
        lease,
        { ...aTransition(succeeded), notifications: ['customer_succeeded'] },
        actor,
      );
    },
  ],
  [
    'audit and notifications',
    async (storage) => [
      await storage.history.audit('txn_1'),
      await storage.history.notifications('txn_1'),
    ],
  ],
  ['counts of open rows', (storage) => storage.history.openCounts()],
  ['counts of what waits', (storage) => storage.history.waiting(300_000)],
  ['counts of unsent e-mails', (storage) => storage.outbox.counts()],
  [
    'outages',
    async (storage) => [await storage.passes.openOutage({}), await storage.passes.closeOutage()],
  ],
  [
    'outbox claim',
    async (storage) => {
      const [claimed] = await storage.outbox.claim(10, actor);
      await storage.outbox.end([{ claimed: claimed!, end: { kind: 'sent', messageId: null } }]);
      await storage.outbox.end([
        { claimed: claimed!, end: { kind: 'again', error: 'e', inMs: 5 } },
      ]);
    },
  ],
  ['outbox list', (storage) => storage.outbox.list(['queued', 'failed'], 10)],
  ['outbox requeue', (storage) => storage.outbox.requeue('ntf_txn_5')],
  ['pass', async (storage) => [await storage.passes.begin(actor), await storage.passes.last()]],
];

/** Nearly no row is in these. */
const ENDED_BY_CONDITION: ReadonlySet<string> = new Set([
  'transactions_expected',
  'transactions_changed_truths',
]);

/** How a statement would be run: the tables that are read from end to end, and whether rows are sorted. */
interface Plan {
  readonly scanned: readonly string[];
  /** Indexes that are read without a bound: harmless only where a limit, or the index's own condition, ends it. */
  readonly walked: readonly string[];
  readonly sorts: boolean;
  readonly text: string;
}

interface PostgresNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly PostgresNode[];
}

function withParts(node: PostgresNode): PostgresNode[] {
  return [node, ...(node.Plans ?? []).flatMap(withParts)];
}

async function planOf(target: Target, raw: RawConnection, sql: string): Promise<Plan> {
  if (target.name === 'sqlite') {
    const steps = (await raw.rows(`explain query plan ${sql}`)).map(({ detail }) => String(detail));
    const scanned = steps.filter((step) =>
      /^SCAN (transactions|t|e|n|o|audit_events|notifications)$/.test(step),
    );
    const walked = steps.flatMap(
      (step) =>
        /^SCAN (?:transactions|t|e|n|o|audit_events|notifications) USING (?:COVERING )?INDEX (\w+)$/.exec(
          step,
        )?.[1] ?? [],
    );
    return {
      scanned,
      walked,
      sorts: steps.some((step) => step.includes('TEMP B-TREE FOR ORDER BY')),
      text: steps.join('; '),
    };
  }
  const rows = await raw.rows(`explain (generic_plan, format json) ${sql}`);
  const nodes = (rows[0]!['QUERY PLAN'] as { Plan: PostgresNode }[]).flatMap((plan) =>
    withParts(plan.Plan),
  );
  const tables = new Set(['transactions', 'audit_events', 'notifications']);
  return {
    scanned: nodes
      .filter((node) => node['Node Type'] === 'Seq Scan' && tables.has(node['Relation Name'] ?? ''))
      .map((node) => node['Relation Name']!),
    walked: nodes
      .filter(
        (node) =>
          node['Index Name'] !== undefined &&
          node['Index Cond'] === undefined &&
          tables.has(node['Relation Name'] ?? ''),
      )
      .map((node) => node['Index Name']!),
    sorts: nodes.some((node) => node['Node Type'].includes('Sort')),
    text: JSON.stringify(nodes[0]),
  };
}

describe.each(targets)('the plans on $name', (target) => {
  const statements = new Map<string, string[]>();
  const plans = new Map<string, Plan[]>();
  const failures: string[] = [];

  beforeAll(() => {
    statements.clear();
  });

  it('are made for every statement that payrecon sends', { timeout: 60_000 }, async () => {
    const database = await target.fresh();
    let current: string[] = [];
    const storage = await openStorage({
      url: database.url,
      clock,
      chance,
      mayCreate: true,
      autoMigrate: true,
      gate: { before: (_kind, sql) => void current.push(sql), after: () => undefined },
    });
    onTestFinished(() => storage.close());
    const raw = await database.raw();
    await fill(target, raw);
    for (const [name, run] of operations) {
      current = [];
      await run(storage);
      statements.set(
        name,
        current.filter((sql) => !/^(begin|commit|insert)/i.test(sql)),
      );
    }
    for (const [name, sent] of statements) {
      plans.set(name, []);
      for (const sql of sent) {
        const plan = await planOf(target, raw, sql);
        plans.get(name)!.push(plan);
        if (plan.scanned.length > 0) failures.push(`${name}: ${plan.scanned.join()} in ${sql}`);
      }
    }
    expect([...statements.keys()].filter((name) => statements.get(name)!.length === 0)).toEqual([]);
    expect(failures).toEqual([]);
    const walks = [...plans].filter(([, found]) =>
      found.some(({ walked }) => walked.some((index) => !ENDED_BY_CONDITION.has(index))),
    );
    expect(walks.map(([name]) => name)).toEqual(['page of everything']);
    const inOrder = [...plans].filter(
      ([name, [plan]]) =>
        /page of (everything|one status|a customer|a customer and a status|a customer and what succeeded|a reference|a period|a status and a period)$/.test(
          name,
        ) && plan?.sorts === true,
    );
    expect(inOrder.map(([name]) => name)).toEqual([]);
    const nextPages = [...plans].filter(([name]) => name.startsWith('next page'));
    expect(
      nextPages
        .filter(([, [plan]]) => !/\(created_at, ?id\)<|ROW\(created_at, id\) </.test(plan!.text))
        .map(([name]) => name),
    ).toEqual([]);
    expect(plans.get('counts of open rows')![0]!.text).toContain('transactions_expected');
    for (const name of [
      'page of a customer and a status',
      'next page of a customer and a status',
    ]) {
      expect(plans.get(name)![0]!.text).toContain('transactions_customer_not_succeeded');
    }
    const guards = plans
      .get('open with reference, customer, e-mail and payment method, then record')!
      .find(({ text }) => text.includes('transactions_reference'));
    expect(
      ['email', 'customer', 'payment_method'].filter(
        (name) => guards?.text.includes(`transactions_${name}`) !== true,
      ),
    ).toEqual([]);
  });

  it('would be seen to scan, were it not for the indexes', async () => {
    const database = await target.fresh();
    await database.open();
    const raw = await database.raw();
    const plan = await planOf(
      target,
      raw,
      target.name === 'sqlite'
        ? 'select * from transactions where amount = ? order by description'
        : 'select * from transactions where amount = $1 order by description',
    );
    expect(plan).toMatchObject({ scanned: [expect.stringContaining('transactions')], sorts: true });
  });
});

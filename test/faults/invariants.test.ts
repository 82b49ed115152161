import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { postgres, sqlite, targets } from '../storage/targets.ts';
import { expectInvariants, violations } from '../support/invariants.ts';
import { openLane, type Lane } from './lane.ts';

/** What is done to a ledger or to the books, and the rule that must notice. */
interface Tampering {
  readonly rule: string;
  readonly how: string;
  readonly tamper: (lane: Lane) => Promise<unknown>;
  readonly secrets?: readonly string[];
}

const AT_REST = { atRest: true };

/** One payment that went through, one that was declined; both told by e-mail. */
async function aSettledLane(target = sqlite): Promise<Lane> {
  const lane = await openLane(target);
  expect((await lane.patient.charge({ key: 'paid', reference: 'order-1' })).exitCode).toBe(0);
  expect(
    (await lane.patient.charge({ key: 'declined', paymentMethod: 'pm_card_chargeDeclined' }))
      .exitCode,
  ).toBe(3);
  expect(await lane.patient.pass()).toBe(0);
  return lane;
}

async function run(lane: Lane, ...statements: readonly string[]): Promise<void> {
  for (const table of ['audit_events', 'transactions'])
    for (const what of ['update', 'delete'])
      await lane.source.raw.run(`drop trigger if exists ${table}_no_${what}`);
  for (const statement of statements) await lane.source.raw.run(statement);
}

async function stripe(
  lane: Lane,
  path: string,
  form: Readonly<Record<string, string>>,
): Promise<string> {
  const response = await fetch(`${lane.world.sandbox.url}/v1/${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${lane.world.env['STRIPE_SECRET_KEY'] ?? ''}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(form),
  });
  const body = (await response.json()) as { id?: string };
  if (body.id === undefined) throw new Error(JSON.stringify(body));
  return body.id;
}

/** An intent that says it belongs to a transaction of ours, made behind payrecon's back. */
async function anotherIntent(
  lane: Lane,
  key: string,
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  const [row] = await lane.source.raw.rows(`select id from transactions where key = '${key}'`);
  const form = {
    amount: '4999',
    currency: 'usd',
    payment_method: 'pm_card_visa',
    'allowed_payment_method_types[0]': 'card',
  };
  return stripe(lane, 'payment_intents', {
    ...form,
    'metadata[payrecon_transaction]': typeof row?.['id'] === 'string' ? row['id'] : 'txn_unknown',
    ...more,
  });
}

async function anotherPayment(lane: Lane, key: string): Promise<void> {
  await stripe(lane, `payment_intents/${await anotherIntent(lane, key)}/confirm`, {});
}

/** As after a restored backup: the ledger does not know the transaction any more, and Stripe knows the key. */
async function paymentOfLostRow(lane: Lane, key: string): Promise<void> {
  const [ledger] = await lane.source.raw.rows('select id from ledger');
  const hash = createHash('sha256').update(key).digest('hex');
  await stripe(
    lane,
    `payment_intents/${await anotherIntent(lane, 'nobody', { 'metadata[payrecon_ledger]': String(ledger?.['id']), 'metadata[payrecon_key]': hash })}/confirm`,
    {},
  );
}

async function takeForeignPayment(lane: Lane): Promise<void> {
  const id = await anotherIntent(lane, 'nobody');
  await run(lane, `update transactions set payment_intent = '${id}' where key = 'paid'`);
}

async function copyOfFirstMail(lane: Lane, identity?: string): Promise<void> {
  const body = structuredClone(lane.world.sandbox.books.mails[0]?.body) as {
    custom_args: Record<string, string>;
  };
  if (identity !== undefined) body.custom_args['payrecon_notification'] = identity;
  const headers = {
    authorization: `Bearer ${lane.world.env['SENDGRID_API_KEY'] ?? ''}`,
    'content-type': 'application/json',
  };
  const response = await fetch(`${lane.world.sandbox.url}/v3/mail/send`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(202);
}

const TAMPERINGS: readonly Tampering[] = [
  {
    rule: '1',
    how: 'a second payment under one key',
    tamper: (lane) => anotherPayment(lane, 'paid'),
  },
  {
    rule: '2',
    how: 'a payment that no row is about',
    tamper: (lane) => anotherPayment(lane, 'nobody'),
  },
  {
    rule: '2',
    how: 'a row that forgot its payment',
    tamper: (lane) =>
      run(lane, `update transactions set status = 'pending', settled_at = null where key = 'paid'`),
  },
  {
    rule: '2',
    how: 'a decline recorded as canceled',
    tamper: (lane) =>
      run(lane, `update transactions set status = 'canceled' where key = 'declined'`),
  },
  {
    rule: '3',
    how: 'a decline recorded as a success',
    tamper: (lane) =>
      run(lane, `update transactions set status = 'succeeded' where key = 'declined'`),
  },
  {
    rule: '4',
    how: 'an intent that can still be confirmed',
    tamper: (lane) => anotherIntent(lane, 'declined'),
  },
  {
    rule: '4',
    how: 'a final row that changed',
    tamper: (lane) =>
      run(
        lane,
        `insert into audit_events (transaction_id, seq, at, actor, action, from_status, from_step, to_status, to_step, detail, request_id, hash)
      select transaction_id, seq + 1, at, actor, 'observed', 'succeeded', 'settled', 'canceled', 'settled', detail, null, hash
      from audit_events where action = 'settled' and to_status = 'succeeded'`,
      ),
  },
  {
    rule: '5',
    how: 'an entry with other words',
    tamper: (lane) => run(lane, `update audit_events set detail = '{}' where seq = 2`),
  },
  {
    rule: '5',
    how: 'a last entry that is gone',
    tamper: (lane) =>
      run(lane, `delete from audit_events where action = 'settled' and to_status = 'succeeded'`),
  },
  {
    rule: '5',
    how: 'a version that no entry has',
    tamper: (lane) => run(lane, `update transactions set version = version + 1 where key = 'paid'`),
  },
  {
    rule: '6',
    how: 'an e-mail that is gone',
    tamper: (lane) => run(lane, `delete from notifications where kind = 'customer_failed'`),
  },
  {
    rule: '6',
    how: 'an e-mail that waits',
    tamper: (lane) =>
      run(
        lane,
        `update notifications set state = 'queued', sent_at = null, next_attempt_at = 1 where kind = 'customer_failed'`,
      ),
  },
  {
    rule: '6',
    how: 'an e-mail of another version',
    tamper: (lane) =>
      run(lane, `update notifications set version = 99 where kind = 'customer_failed'`),
  },
  {
    rule: '6',
    how: 'an e-mail that was never sent',
    tamper: (lane) =>
      run(lane, `update notifications set id = 'ntf_other' where kind = 'customer_failed'`),
  },
  { rule: '6', how: 'a second copy', tamper: (lane) => copyOfFirstMail(lane) },
  { rule: '6', how: 'an e-mail of nobody', tamper: (lane) => copyOfFirstMail(lane, 'ntf_nobody') },
  {
    rule: '7',
    how: 'an intent about another amount',
    tamper: (lane) => anotherIntent(lane, 'paid', { amount: '5000' }),
  },
  {
    rule: '7',
    how: 'a confirm under another key',
    tamper: (lane) =>
      stripe(
        lane,
        `payment_intents/${lane.world.sandbox.books.paymentIntents[0]?.id ?? ''}/confirm`,
        {},
      ).catch((error: unknown) => error),
  },
  {
    rule: '8',
    how: 'a lease that was kept',
    tamper: (lane) =>
      run(
        lane,
        `update transactions set lease_token = 'x', lease_expires_at = 1 where key = 'paid'`,
      ),
  },
  {
    rule: '8',
    how: 'an e-mail that is still claimed',
    tamper: (lane) =>
      run(
        lane,
        `update notifications set state = 'sending', claim_token = 'x', sent_at = null, next_attempt_at = 1 where kind = 'customer_failed'`,
      ),
  },
  {
    rule: '9',
    how: 'an e-mail about no transaction',
    tamper: (lane) =>
      run(
        lane,
        'pragma foreign_keys = off',
        `update notifications set transaction_id = 'txn_gone' where kind = 'customer_failed'`,
      ),
  },
  {
    rule: '1',
    how: 'a second payment under one key, whose row is gone',
    tamper: (lane) => paymentOfLostRow(lane, 'paid'),
  },
  {
    rule: '4',
    how: 'a new attempt on a payment that went through',
    tamper: (lane) =>
      run(
        lane,
        `insert into audit_events (transaction_id, seq, at, actor, action, from_status, from_step, to_status, to_step, detail, request_id, hash)
      select transaction_id, seq + 1, at, actor, 'new_attempt', 'succeeded', 'settled', 'pending', 'create_sent', detail, null, hash from audit_events where action = 'settled' and to_status = 'succeeded'`,
      ),
  },
  {
    rule: '4',
    how: 'an earlier attempt that lives',
    tamper: (lane) =>
      run(lane, `update transactions set attempt = 2 where key = 'paid'`).then(() =>
        anotherIntent(lane, 'paid'),
      ),
  },
  {
    rule: '12',
    how: 'our own mistake recorded as a decline',
    tamper: (lane) =>
      run(
        lane,
        `update transactions set status = 'failed', failure_kind = 'declined', failure_code = 'resource_missing', amount_received = null, currency_received = null where key = 'paid'`,
      ),
  },
  {
    rule: '12',
    how: 'a decline recorded as our own mistake',
    tamper: (lane) =>
      run(lane, `update transactions set failure_kind = 'request' where key = 'declined'`),
  },
  {
    rule: '6',
    how: 'a letter about our own mistake',
    tamper: (lane) =>
      run(
        lane,
        `update audit_events set detail = '{}' where transaction_id = (select id from transactions where key = 'declined')`,
        `delete from audit_events where action = 'confirm_sent'`,
      ),
  },
  {
    rule: '13',
    how: 'another amount shown as received',
    tamper: (lane) => run(lane, `update transactions set amount_received = 1 where key = 'paid'`),
  },
  {
    rule: '14',
    how: "somebody else's payment taken for ours",
    tamper: (lane) => takeForeignPayment(lane),
  },
  {
    rule: '14',
    how: 'a second ledger on the account',
    tamper: (lane) => anotherIntent(lane, 'nobody', { 'metadata[payrecon_ledger]': 'led_other' }),
  },
  {
    rule: '14',
    how: 'a ledger of live mode with payments of test mode',
    tamper: (lane) => run(lane, 'update ledger set livemode = 1'),
  },
  {
    rule: '15',
    how: 'a letter that names another amount',
    tamper: (lane) =>
      run(
        lane,
        `update notifications set data = json_set(data, '$.amount_received', 1) where kind = 'customer_succeeded'`,
      ),
  },
  {
    rule: '15',
    how: 'a letter that says nothing was charged',
    tamper: (lane) => anotherPayment(lane, 'declined'),
  },
  {
    rule: '15',
    how: 'a letter that blames a bank',
    tamper: (lane) =>
      run(
        lane,
        `update notifications set kind = 'customer_failed' where kind = 'customer_succeeded'`,
      ),
  },
  {
    rule: '15',
    how: 'a letter that asks for a confirmation',
    tamper: (lane) =>
      run(
        lane,
        `update notifications set kind = 'customer_authentication' where kind = 'customer_failed'`,
      ),
  },
  {
    rule: '10',
    how: 'a key in an error',
    tamper: (lane) =>
      run(
        lane,
        `update notifications set last_error = 'no: sk_test_abc' where kind = 'customer_failed'`,
      ),
    secrets: ['sk_test_abc'],
  },
  {
    rule: '10',
    how: 'an address in the audit trail',
    tamper: (lane) =>
      run(lane, `update audit_events set detail = '{"to":"ada@example.com"}' where seq = 2`),
  },
];

describe('the checker notices', () => {
  test.each(TAMPERINGS)('$how (rule $rule)', async ({ rule, tamper, secrets = [] }) => {
    const lane = await aSettledLane();
    expect(await violations(lane.source, { ...AT_REST, secrets })).toEqual([]);
    await tamper(lane);
    const found = await violations(lane.source, { ...AT_REST, secrets });
    expect(found.filter((violation) => violation.startsWith(`${rule} `))).not.toEqual([]);
  });

  test('a damaged index of PostgreSQL', async () => {
    const lane = await aSettledLane(postgres);
    await expectInvariants(lane.source, AT_REST);
    const shuffled = (body: string): string =>
      `create or replace function shuffled(integer) returns integer immutable language sql as '${body}'`;
    await lane.source.raw.run(shuffled('select $1'));
    await lane.source.raw.run('create index damaged on transactions (shuffled(version))');
    await lane.source.raw.run(shuffled('select -$1'));
    expect(await violations(lane.source, AT_REST)).toEqual([
      expect.stringMatching(/^9 .*damaged: .*shuffled|^9 .*damaged: /),
    ]);
  });
});

test.each(targets)('nothing is found where all went well ($name)', async (target) => {
  const lane = await aSettledLane(target);
  await expectInvariants(lane.source, {
    atRest: true,
    secrets: [lane.world.env['STRIPE_SECRET_KEY'] ?? '', lane.world.env['SENDGRID_API_KEY'] ?? ''],
  });
});

import { createHash } from 'node:crypto';
import type { Knex } from 'knex';
import type { DuplicateGuard } from '../../app/ports.ts';
import { HOLDS_REFERENCE, MAY_HAVE_CHARGED, type Status } from '../../domain/statuses.ts';
import type { ChargeRequest, Instant } from '../../domain/transaction.ts';
import { firstRow, rowsOf, type Binding, type Row } from '../database.ts';
import { text } from '../rows.ts';

const MAY_HAVE_CHARGED_SQL = statusIn(MAY_HAVE_CHARGED);
const HOLDS_REFERENCE_SQL = statusIn(HOLDS_REFERENCE);

/** Literally as the partial indexes say it: they serve no other text. */
function statusIn(statuses: readonly Status[]): string {
  return `status in (${statuses.map((status) => `'${status}'`).join(', ')})`;
}

interface Trait {
  readonly name: string;
  readonly condition: string;
  readonly value: string;
}

/** What two payments may have in common, each with the condition that an index serves. */
function traits(request: ChargeRequest): readonly Trait[] {
  const found: Trait[] = [
    { name: 'payment_method', condition: 'payment_method = ?', value: request.paymentMethod },
  ];
  if (request.customer !== null)
    found.push({ name: 'customer', condition: 'customer = ?', value: request.customer });
  if (request.email !== null) {
    found.push({
      name: 'email',
      condition: 'email is not null and lower(email) = ?',
      value: request.email.toLowerCase(),
    });
  }
  return found;
}

/**
 * Serialises the openings that could be look-alikes of each other, until their transactions end. The
 * locks are taken in the order of their numbers, so that two openings never wait for each other in a
 * circle.
 */
export async function lockLookAlikes(sql: Knex, request: ChargeRequest): Promise<void> {
  const numbers = traits(request)
    .map((trait) => lockNumber([trait.name, trait.value, String(request.amount), request.currency]))
    .sort((a, b) => (a < b ? -1 : 1));
  await rowsOf(
    sql,
    `select ${numbers.map(() => 'pg_advisory_xact_lock(?::bigint)').join(', ')}`,
    numbers.map(String),
  );
}

function lockNumber(parts: readonly string[]): bigint {
  return createHash('sha256').update(JSON.stringify(parts)).digest().readBigInt64BE(0);
}

/** The first thing that stands against this request: its key, its reference, or a look-alike, in this order. */
export async function findConflict(
  sql: Knex,
  request: ChargeRequest,
  guard: DuplicateGuard,
  { now, except }: { readonly now: Instant; readonly except: string | null },
): Promise<{ readonly why: string; readonly row: Row } | null> {
  // A row that is charged again meets neither its own key nor itself.
  const others = except === null ? '' : ' and id <> ?';
  const not: readonly Binding[] = except === null ? [] : [except];
  const parts: string[] = [];
  const bindings: Binding[] = [];
  if (except === null) {
    parts.push(`select 1 as place, 'key' as why, t.* from transactions t where key = ?`);
    bindings.push(request.key);
  }
  if (request.reference !== null) {
    parts.push(`select * from (select 2 as place, 'reference' as why, t.* from transactions t
      where reference = ? and ${HOLDS_REFERENCE_SQL}${others} order by created_at desc, id desc limit 1) as held`);
    bindings.push(request.reference, ...not);
  }
  if (guard.windowMs > 0) {
    for (const [index, { name, condition, value }] of traits(request).entries()) {
      parts.push(`select * from (select ${String(3 + index)} as place, 'duplicate' as why, t.* from transactions t
        where ${condition} and amount = ? and currency = ? and created_at >= ? and ${MAY_HAVE_CHARGED_SQL}${others}
        order by created_at desc limit 1) as same_${name}`);
      bindings.push(value, request.amount, request.currency, now - guard.windowMs, ...not);
    }
    // A row may be old and its attempt of this minute; there are few of them, and an index of their own.
    const common = traits(request);
    parts.push(`select * from (select 9 as place, 'duplicate' as why, t.* from transactions t
      where attempt > 1 and create_sent_at >= ? and amount = ? and currency = ? and ${MAY_HAVE_CHARGED_SQL}${others}
        and (${common.map(({ condition }) => `(${condition})`).join(' or ')})
      order by create_sent_at desc limit 1) as attempted_again`);
    bindings.push(
      now - guard.windowMs,
      request.amount,
      request.currency,
      ...not,
      ...common.map(({ value }) => value),
    );
  }
  if (parts.length === 0) return null;
  const row = await firstRow(
    sql,
    `${parts.join('\n union all ')}\n order by place limit 1`,
    bindings,
  );
  return row === null ? null : { why: text(row, 'why'), row };
}

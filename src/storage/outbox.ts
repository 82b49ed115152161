import type {
  Actor,
  Addressees,
  ClaimedNotification,
  EndedSend,
  Notification,
  Outbox,
  SendEnd,
  UnsentCounts,
} from '../app/ports.ts';
import { insertCounted } from './counts.ts';
import { firstRow, rowsOf, type Binding, type Database, type Row } from './database.ts';
import { notificationId } from './identifiers.ts';
import { wellFormed } from './json-rows.ts';
import { NEW_NOTIFICATION } from './ledger/notification-insert.ts';
import {
  insertOf,
  once,
  type SealedUpdate,
  textParameter,
  updateSealed,
  withSeal,
} from './seals.ts';
import { integer, notificationOf, storable, text, textOrNull } from './rows.ts';

/*
 * While an e-mail is being sent, `next_attempt_at` is when its claim runs out: so one index and one
 * condition find what is queued and what was left behind by a process that died.
 */

/** Far longer than one call to the mail service may take. */
const CLAIM_MS = 60_000;
/** Twice the longest time after which a failed e-mail is tried again. */
const FURTHEST_AHEAD_MS = 2 * 3_600_000;
const ERROR_KEPT = 1_000;
const REQUEUE_ROUNDS = 5;

export function createOutbox(database: Database): Outbox {
  return {
    claim: (limit, actor, addressees = 'anybody') => claim(database, { limit, actor, addressees }),
    end: (sends) => end(database, sends),
    async list(states, limit) {
      const wanted = [...new Set(states)];
      if (wanted.length === 0) return [];
      const parts = wanted.map(
        (_, index) =>
          `select * from (select * from notifications where state = ? order by created_at desc, id desc limit ?) as part_${String(index)}`,
      );
      const rows = await database.read((sql) =>
        rowsOf(sql, `${parts.join(' union all ')} order by created_at desc, id desc limit ?`, [
          ...wanted.flatMap((state) => [state, limit]),
          limit,
        ]),
      );
      return rows.map(notificationOf);
    },
    requeue: (id) => requeue(database, id),
    counts: () => counts(database),
    async oldestUnsent() {
      const row = await database.read((sql) => firstRow(sql, OLDEST_UNSENT));
      return row === null ? null : notificationOf(row);
    },
  };
}

const OLDEST_UNSENT =
  'select * from notifications where next_attempt_at is not null order by created_at, id limit 1';

const DUE = 'next_attempt_at <= v.now';
/** Further ahead than any claim or backoff puts it: its time was written while the clock was wrong, so it is due now. */
const AHEAD = `next_attempt_at > v.now + ${String(FURTHEST_AHEAD_MS)}`;

/** Their kinds begin so; no other kind does. */
const TO_OPERATOR = `kind like 'operator#_%' escape '#'`;

interface Claiming {
  readonly limit: number;
  readonly actor: Actor;
  readonly addressees: Addressees;
}

async function claim(
  database: Database,
  { limit, actor, addressees }: Claiming,
): Promise<readonly ClaimedNotification[]> {
  // Before the claim is sent: the database counts from later on.
  const deadlineMs = database.clock.monotonicMs() + CLAIM_MS;
  const token = `${actor.host}:${String(actor.pid)}:${database.chance.token()}`;
  const whose = addressees === 'operator' ? ` and ${TO_OPERATOR}` : '';
  const due = await take(database, { token, when: `${DUE}${whose}`, limit });
  const ahead =
    due.length < limit
      ? await take(database, { token, when: `${AHEAD}${whose}`, limit: limit - due.length })
      : [];
  return [...due, ...ahead]
    .map((row) => ({ notification: notificationOf(row), token, deadlineMs }))
    .sort(
      (a, b) =>
        a.notification.createdAt - b.notification.createdAt ||
        (a.notification.id < b.notification.id ? -1 : 1),
    );
}

interface Taking {
  readonly token: string;
  readonly when: string;
  readonly limit: number;
}

async function take(database: Database, { token, when, limit }: Taking): Promise<readonly Row[]> {
  const due = `select id from notifications, v where next_attempt_at is not null and ${when}
    order by next_attempt_at, id limit ?`;
  const set = {
    state: `'sending'`,
    claim_token: 'v.token',
    next_attempt_at: `v.now + ${String(CLAIM_MS)}`,
  };
  const v = `v ${once(database)} (select ${database.now()} as now, ${textParameter(database)} as token)`;
  return await database.write((sql) =>
    updateSealed(
      database,
      sql,
      'notifications',
      database.dialect === 'sqlite'
        ? { with: v, set, where: `notifications.id in (${due})`, bindings: [token, limit] }
        : {
            with: `${v}, due as materialized (${due} for update of notifications skip locked)`,
            set,
            from: 'due',
            where: 'notifications.id = due.id',
            bindings: [token, limit],
          },
    ),
  );
}

async function end(database: Database, sends: readonly EndedSend[]): Promise<void> {
  await database.transact(async (sql) => {
    for (const { claimed, end: ending } of sends) {
      const { with: v, set, bindings } = writtenOf(database, ending);
      await updateSealed(database, sql, 'notifications', {
        with: `v ${once(database)} (select ${v})`,
        set: { ...set, claim_token: 'null' },
        where: 'notifications.id = ? and notifications.claim_token = ?',
        bindings: [...bindings, claimed.notification.id, claimed.token],
      });
    }
  });
}

type Written = Pick<SealedUpdate<'notifications'>, 'with' | 'set' | 'bindings'>;

const TRIED = 'notifications.attempts + 1';

function writtenOf(database: Database, ending: SendEnd): Written {
  const text = textParameter(database);
  const now = `${database.now()} as now`;
  switch (ending.kind) {
    case 'sent':
      return {
        with: `${now}, ${text} as message_id`,
        set: {
          state: `'sent'`,
          attempts: TRIED,
          sent_at: 'v.now',
          message_id: 'v.message_id',
          next_attempt_at: 'null',
          last_error: 'null',
        },
        bindings: [ending.messageId],
      };
    case 'failed':
      return {
        with: `${now}, ${text} as last_error`,
        set: {
          state: `'failed'`,
          attempts: TRIED,
          next_attempt_at: 'null',
          last_error: 'v.last_error',
        },
        bindings: [kept(ending.error)],
      };
    case 'again':
    case 'not_tried':
      return {
        with: `${now}, ${text} as last_error`,
        set: {
          state: `'queued'`,
          ...(ending.kind === 'again' ? { attempts: TRIED } : {}),
          next_attempt_at: `v.now + ${String(Math.round(ending.inMs))}`,
          last_error: 'coalesce(v.last_error, notifications.last_error)',
        },
        bindings: [ending.error === null ? null : kept(ending.error)],
      };
  }
}

function kept(error: string): string {
  return wellFormed(storable(error).slice(0, ERROR_KEPT));
}

/** A new e-mail with the next number; two who ask at once get two. */
async function requeue(database: Database, id: string): Promise<Notification | null> {
  return database.transact(async (sql) => {
    for (let round = 1; round <= REQUEUE_ROUNDS; round += 1) {
      const source = await firstRow(
        sql,
        `select n.*, ${database.now()} as now, (select max(resend) from notifications o where o.kind = n.kind
            and (o.outage_id = n.outage_id or (o.transaction_id = n.transaction_id and o.version = n.version))) as last_resend
           from notifications n where n.id = ?`,
        [id],
      );
      if (source === null) return null;
      const row = resentRow(source);
      const insert = insertOf('notifications', row);
      const count = await insertCounted(
        database,
        sql,
        { ...insert, text: `${insert.text} on conflict do nothing` },
        { notifications: 1 },
      );
      if (count > 0) return notificationOf(row);
    }
    return null;
  });
}

function resentRow(source: Row): Readonly<Record<string, Binding>> {
  const subject = textOrNull(source, 'transaction_id') ?? text(source, 'outage_id');
  const resend = integer(source, 'last_resend') + 1;
  const kind = text(source, 'kind');
  const version = integer(source, 'version');
  const now = integer(source, 'now');
  return withSeal('notifications', {
    ...NEW_NOTIFICATION,
    id: notificationId(subject, kind, version, resend),
    kind,
    version,
    resend,
    state: 'queued',
    transaction_id: textOrNull(source, 'transaction_id'),
    outage_id: textOrNull(source, 'outage_id'),
    recipient: textOrNull(source, 'recipient'),
    data: text(source, 'data'),
    created_at: now,
    next_attempt_at: now,
  });
}

/** By their part of the index, so the number of those that were sent does not matter. */
async function counts(database: Database): Promise<UnsentCounts> {
  const row = await database.read((sql) =>
    firstRow(sql, `select ${UNSENT.map(countOf).join(', ')}`),
  );
  const found = row ?? {};
  return {
    queued: integer(found, 'queued'),
    sending: integer(found, 'sending'),
    failed: integer(found, 'failed'),
  };
}

const UNSENT = ['queued', 'sending', 'failed'] as const;

function countOf(state: keyof UnsentCounts): string {
  return `(select count(*) from notifications where state = '${state}') as ${state}`;
}

import type { Knex } from 'knex';
import type { Actor, CauseKind, Passes, PassReport } from '../app/ports.ts';
import type { JsonObject } from '../domain/transaction.ts';
import type { NotificationKind } from '../domain/transition.ts';
import { canonicalJson } from './ledger/audit-chain.ts';
import { changed, firstRow, type Database } from './database.ts';
import { causeId, newId, notificationId } from './identifiers.ts';
import { insertCounted } from './counts.ts';
import { wellFormed } from './json-rows.ts';
import { NEW_NOTIFICATION } from './ledger/notification-insert.ts';
import { integer, passOf, storable } from './rows.ts';
import { insertOf, once, textParameter, updateSealed, withSeal } from './seals.ts';

export function createPasses(database: Database): Passes {
  return {
    begin: (actor) => begin(database, actor),
    look: () => look(database),
    finish: (id, report) => finish(database, id, report),
    async last() {
      const row = await database.read((sql) =>
        firstRow(sql, 'select * from passes order by id desc limit 1'),
      );
      return row === null ? null : passOf(row);
    },
    tellCause: (kind, cause, evidence) => tellCause(database, kind, { cause, evidence }),
    openOutage: (evidence) => openOutage(database, evidence),
    async closeOutage() {
      const closed = await database.write((sql) =>
        updateSealed(database, sql, 'outages', {
          with: `v ${once(database)} (select ${database.now()} as closed_at)`,
          set: { closed_at: 'v.closed_at' },
          where: 'outages.closed_at is null',
          bindings: [],
        }),
      );
      return closed.length > 0;
    },
  };
}

const DAY_MS = 86_400_000;

/** The cause's id is made of it and of the day, so that whoever meets it again, on any host, tells nobody twice. */
async function tellCause(
  database: Database,
  kind: CauseKind,
  { cause, evidence }: { readonly cause: string; readonly evidence: JsonObject },
): Promise<boolean> {
  return database.transact(async (sql) => {
    const row = await firstRow(sql, `select ${database.now()} as now`);
    const now = integer(row ?? {}, 'now');
    const id = causeId(`${kind}\n${cause}`, Math.floor(now / DAY_MS));
    const outage = {
      id,
      opened_at: now,
      closed_at: now,
      evidence: canonicalJson({ ...evidence, cause }),
    };
    return await insertOutage(database, sql, { outage, kind, data: { ...evidence, cause } });
  });
}

interface NewOutage {
  readonly outage: {
    readonly id: string;
    readonly opened_at: number;
    readonly closed_at: number | null;
    readonly evidence: string;
  };
  readonly kind: NotificationKind;
  readonly data: JsonObject;
}

/** With its one e-mail to the operator; false where there is one already. */
async function insertOutage(
  database: Database,
  sql: Knex,
  { outage, kind, data }: NewOutage,
): Promise<boolean> {
  const insert = insertOf('outages', withSeal('outages', outage));
  const inserted = await changed(sql, `${insert.text} on conflict do nothing`, insert.bindings);
  if (inserted === 0) return false;
  const { id, opened_at: now } = outage;
  const mail = withSeal('notifications', {
    ...NEW_NOTIFICATION,
    id: notificationId(id, kind, 0, 0),
    outage_id: id,
    kind,
    version: 0,
    state: 'queued',
    created_at: now,
    next_attempt_at: now,
    data: canonicalJson({ ...data, outage_id: id, opened_at: now }),
  });
  await insertCounted(database, sql, insertOf('notifications', mail), {
    outages: 1,
    notifications: 1,
  });
  return true;
}

async function look(database: Database, within?: Knex): ReturnType<Passes['look']> {
  const text = `select ${database.now()} as now, (select count(*) from outages where closed_at is null) as open_outages`;
  const row =
    within === undefined
      ? await database.read((sql) => firstRow(sql, text))
      : await firstRow(within, text);
  return {
    startedAt: integer(row ?? {}, 'now'),
    outageOpen: integer(row ?? {}, 'open_outages') > 0,
  };
}

async function begin(database: Database, actor: Actor): ReturnType<Passes['begin']> {
  return database.transact(async (sql) => {
    const { startedAt, outageOpen } = await look(database, sql);
    const id = newId('pass', startedAt);
    const pass = withSeal('passes', { ...NEW_PASS, id, host: actor.host, started_at: startedAt });
    await insertCounted(database, sql, insertOf('passes', pass), { passes: 1 });
    return { id, startedAt, outageOpen };
  });
}

/**
 * The partial unique index lets one host in; the e-mail is queued by whoever got in, in the same
 * transaction. A COMMIT whose answer was lost is recognised by the outage's id.
 */
async function openOutage(database: Database, evidence: JsonObject): Promise<boolean> {
  let mine = '';
  return database.transact(async (sql) => {
    const row = await firstRow(sql, `select ${database.now()} as now`);
    const now = integer(row ?? {}, 'now');
    if (mine === '') mine = newId('out', now);
    const outage = { id: mine, opened_at: now, closed_at: null, evidence: canonicalJson(evidence) };
    if (await insertOutage(database, sql, { outage, kind: 'operator_outage', data: evidence }))
      return true;
    return (await firstRow(sql, 'select id from outages where id = ?', [mine])) !== null;
  });
}

const NEW_PASS = {
  finished_at: null,
  due: 0,
  succeeded: 0,
  failed: 0,
  canceled: 0,
  pending: 0,
  stuck: 0,
  calls_list: 0,
  calls_retrieve: 0,
  calls_other: 0,
  outage: 0,
  not_sent: 0,
  stopped_by: null,
  duration_ms: 0,
};

async function finish(database: Database, id: string, report: PassReport): Promise<void> {
  const { settled, stripeCalls } = report;
  const numbers = {
    due: report.due,
    succeeded: settled.succeeded,
    failed: settled.failed,
    canceled: settled.canceled,
    pending: report.pending,
    stuck: report.stuck,
    not_sent: report.notSent,
    outage: report.outage ? 1 : 0,
    calls_list: stripeCalls.list,
    calls_retrieve: stripeCalls.retrieve,
    calls_other: stripeCalls.other,
    duration_ms: Math.round(report.durationMs),
  };
  await database.write((sql) =>
    updateSealed(database, sql, 'passes', {
      with: `v ${once(database)} (select ${database.now()} as finished_at, ${textParameter(database)} as stopped_by)`,
      set: {
        ...Object.fromEntries(
          Object.entries(numbers).map(([column, value]) => [column, String(value)]),
        ),
        finished_at: 'v.finished_at',
        stopped_by: 'v.stopped_by',
      },
      where: 'passes.id = ?',
      bindings: [report.stoppedBy === null ? null : wellFormed(storable(report.stoppedBy)), id],
    }),
  );
}

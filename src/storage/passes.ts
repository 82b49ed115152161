import type { Actor, CauseKind, Passes } from '../app/ports.ts';
import type { JsonObject } from '../domain/transaction.ts';
import { canonicalJson } from './audit-chain.ts';
import { changed, firstRow, type Database } from './database.ts';
import { causeId, newId, notificationId } from './identifiers.ts';
import { integer, passOf } from './rows.ts';

export function createPasses(database: Database): Passes {
  return {
    begin: (actor) => begin(database, actor),
    async finish(id, report) {
      await database.write((sql) =>
        changed(
          sql,
          `update passes set finished_at = ${database.now()}, due = ?, succeeded = ?, failed = ?, canceled = ?, pending = ?, stuck = ?,
             calls_list = ?, calls_retrieve = ?, calls_other = ?, outage = ?, not_sent = ?, stopped_by = ?, duration_ms = ? where id = ?`,
          [
            ...[report.due, report.settled.succeeded, report.settled.failed, report.settled.canceled, report.pending, report.stuck],
            ...[report.stripeCalls.list, report.stripeCalls.retrieve, report.stripeCalls.other],
            ...[report.outage ? 1 : 0, report.notSent, report.stoppedBy, Math.round(report.durationMs), id],
          ],
        ),
      );
    },
    async last() {
      const row = await database.read((sql) => firstRow(sql, 'select * from passes order by id desc limit 1'));
      return row === null ? null : passOf(row);
    },
    tellCause: (kind, cause, evidence) => tellCause(database, kind, { cause, evidence }),
    openOutage: (evidence) => openOutage(database, evidence),
    async closeOutage() {
      const closed = await database.write((sql) => changed(sql, `update outages set closed_at = ${database.now()} where closed_at is null`));
      return closed > 0;
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
    const inserted = await changed(
      sql,
      'insert into outages (id, opened_at, closed_at, evidence) values (?, ?, ?, ?) on conflict do nothing',
      [id, now, now, canonicalJson({ ...evidence, cause })],
    );
    if (inserted === 0) return false;
    await changed(
      sql,
      `insert into notifications (id, outage_id, kind, version, state, created_at, next_attempt_at, data)
        values (?, ?, ?, 0, 'queued', ?, ?, ?)`,
      [notificationId(id, kind, 0, 0), id, kind, now, now, canonicalJson({ ...evidence, cause, outage_id: id, opened_at: now })],
    );
    return true;
  });
}

async function begin(database: Database, actor: Actor): ReturnType<Passes['begin']> {
  return database.transact(async (sql) => {
    const row = await firstRow(
      sql,
      `select ${database.now()} as now, (select count(*) from outages where closed_at is null) as open_outages`,
    );
    const startedAt = integer(row ?? {}, 'now');
    const id = newId('pass', startedAt);
    await changed(sql, 'insert into passes (id, host, started_at) values (?, ?, ?)', [id, actor.host, startedAt]);
    return { id, startedAt, outageOpen: integer(row ?? {}, 'open_outages') > 0 };
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
    const inserted = await changed(sql, 'insert into outages (id, opened_at, evidence) values (?, ?, ?) on conflict do nothing', [mine, now, canonicalJson(evidence)]);
    if (inserted === 0) {
      const own = await firstRow(sql, 'select id from outages where id = ?', [mine]);
      return own !== null;
    }
    await changed(
      sql,
      `insert into notifications (id, outage_id, kind, version, state, created_at, next_attempt_at, data) values (?, ?, 'operator_outage', 0, 'queued', ?, ?, ?)`,
      [notificationId(mine, 'operator_outage', 0, 0), mine, now, now, canonicalJson({ ...evidence, outage_id: mine, opened_at: now })],
    );
    return true;
  });
}

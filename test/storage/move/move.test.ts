import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Gate } from '../../../src/storage/statement-hook.ts';
import { moveLedger, type MoveInput } from '../../../src/storage/move/move.ts';
import { pastTriggers } from '../../support/reseal.ts';
import { statement } from '../../support/statement.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { errorOf } from '../errors-of.ts';
import { aRequest, failed, openOne, recordOne, stuck, succeeded } from '../payments.ts';
import { chance, clock, postgres, sqlite, type RawConnection } from '../targets.ts';

/*
 * A move that dies at any of its steps. Whoever may charge is told by the two ledgers alone: the old one
 * unless it is marked, the new one as soon as it holds the ledger.
 */

const NOWHERE = 'postgres://payrecon@db.internal/payments';
const TABLES = [
  'notifications',
  'audit_events',
  'transactions',
  'outages',
  'passes',
  'stripe_keys',
  'ledger',
  'ledger_counts',
];

/** As it is while nobody works on it, whole in its one file. */
async function aLedger(): Promise<string> {
  const database = await sqlite.fresh();
  const storage = await database.open();
  await storage.identity.create('');
  await storage.identity.bind({ account: 'acct_1', livemode: false });
  await storage.identity.rememberKey('a'.repeat(64), { account: 'acct_1', livemode: false });
  for (const transition of [succeeded, failed, stuck])
    await recordOne(storage, await openOne(storage, aRequest()), transition);
  await storage.passes.tellCause('operator_rolled_back', 'a test', { seen: 1 });
  await storage.close();
  return database.url.slice('sqlite:'.length);
}

interface Place {
  readonly url: string;
  readonly raw: RawConnection;
}

/** Migrated before, so that a case is about the ledger and not about its tables. */
async function aPlace(): Promise<Place> {
  const database = await postgres.fresh();
  await (await database.open()).close();
  return { url: database.url, raw: await database.raw() };
}

async function emptied({ raw }: Place): Promise<void> {
  await pastTriggers(
    raw,
    'postgres',
    TABLES.map((table) => `delete from ${table}`),
  );
}

interface Step {
  readonly kind: string;
  readonly on: 'old' | 'new';
}

class Died extends Error {}

/** Dies before the step with that number, counted from 0, or after it; from then on nothing gets done any more. */
function dying(
  at: number,
  when: 'before' | 'after' = 'before',
): { readonly gate: Gate; readonly steps: Step[] } {
  const steps: Step[] = [];
  let dead = false;
  const check = (now: boolean): void => {
    dead ||= now;
    if (dead) throw new Died();
  };
  return {
    steps,
    gate: {
      before(kind, _sql, connection) {
        check(when === 'before' && steps.length === at);
        steps.push({ kind, on: 'exec' in connection ? 'old' : 'new' });
      },
      after() {
        check(when === 'after' && steps.length > at);
      },
    },
  };
}

const READING = ['select', 'with'];

function inputOf(path: string, { url }: Place, gate?: Gate): MoveInput {
  return {
    from: `sqlite:${path}`,
    url,
    to: NOWHERE,
    namespace: '',
    options: { clock, chance, ...(gate === undefined ? {} : { gate }) },
  };
}

async function whoMayCharge(path: string, { raw }: Place): Promise<readonly string[]> {
  const [old] = await statement(`sqlite:${path}`, 'select moved_to from ledger');
  const there = await raw.rows('select id from ledger');
  return [...(old?.['moved_to'] === null ? ['old'] : []), ...(there.length > 0 ? ['new'] : [])];
}

describe('a move', () => {
  it(
    'that dies anywhere never leaves two ledgers that charge, and is ended by the same command',
    { timeout: 600_000 },
    async () => {
      const ledger = await aLedger();
      const place = await aPlace();
      const folder = await temporaryFolder();
      await copyFile(ledger, join(folder, 'whole.db'));
      const whole = dying(Infinity);
      await moveLedger(inputOf(join(folder, 'whole.db'), place, whole.gate));
      expect(await whoMayCharge(join(folder, 'whole.db'), place)).toEqual(['new']);
      const moved = await contentOf(place);
      // Between two reads nothing happens: dying there is dying at the first of them.
      const points = whole.steps.flatMap(({ kind }, at) =>
        READING.includes(kind) && READING.includes(whole.steps[at - 1]?.kind ?? '') ? [] : [at],
      );
      const commits = whole.steps.flatMap(({ kind }, at) => (kind === 'commit' ? [at] : []));
      expect(commits.map((at) => whole.steps[at]?.on)).toEqual(['old', 'new', 'old']);
      const seen = new Set<string>();
      for (const { at, when } of [
        ...points.map((at) => ({ at, when: 'before' as const })),
        ...commits.map((at) => ({ at, when: 'after' as const })),
      ]) {
        const path = join(folder, `${when}-${String(at)}.db`);
        await copyFile(ledger, path);
        await emptied(place);
        await expect(
          moveLedger(inputOf(path, place, dying(at, when).gate)),
          `${when} ${String(at)}`,
        ).rejects.toThrow();
        const left = (await whoMayCharge(path, place)).join();
        expect(
          ['old', '', 'new'],
          `${when} ${String(at)}: ${whole.steps[at]?.kind ?? ''}`,
        ).toContain(left);
        seen.add(left);
        await moveLedger(inputOf(path, place));
        expect(await whoMayCharge(path, place), `${when} ${String(at)}, again`).toEqual(['new']);
        expect(await contentOf(place), `${when} ${String(at)}, again`).toEqual(moved);
      }
      expect([...seen].sort()).toEqual(['', 'new', 'old']);
    },
  );

  it('whose COMMIT was not answered stays marked, whatever comes after it', async () => {
    const path = await aLedger();
    const place = await aPlace();
    let sent = false;
    const gate: Gate = {
      before(kind, _sql, connection) {
        if (sent && kind !== 'rollback' && !('exec' in connection))
          throw new Error('the server refuses the user now');
      },
      after(kind, _sql, connection) {
        if (kind !== 'commit' || 'exec' in connection) return;
        sent = true;
        throw new Error('the answer is lost');
      },
    };
    await expect(moveLedger(inputOf(path, place, gate))).rejects.toThrow();
    expect(sent).toBe(true);
    expect(await whoMayCharge(path, place)).toEqual(['new']);
    expect(await moveLedger(inputOf(path, place))).toMatchObject({
      transactions: 3,
      alreadyThere: true,
    });
    expect(await whoMayCharge(path, place)).toEqual(['new']);
  });

  it('goes on at a place where the ledger is already, and is refused where both were used', async () => {
    const path = await aLedger();
    const place = await aPlace();
    const folder = await temporaryFolder();
    await copyFile(path, join(folder, 'backup.db'));
    expect(await moveLedger(inputOf(path, place))).toMatchObject({
      transactions: 3,
      alreadyThere: false,
    });
    expect(await moveLedger(inputOf(path, place))).toMatchObject({
      transactions: 3,
      alreadyThere: true,
    });
    const error = await errorOf(moveLedger(inputOf(join(folder, 'backup.db'), place)));
    expect(error).toMatchObject({ kind: 'configuration', code: 'target_not_empty' });
  });

  it('gives a ledger of an older version, which has no identity yet, its own', async () => {
    const database = await sqlite.fresh();
    const storage = await database.open();
    await recordOne(storage, await openOne(storage, aRequest()), succeeded);
    await storage.close();
    const place = await aPlace();
    const path = database.url.slice('sqlite:'.length);
    expect(await statement(database.url, 'select id from ledger')).toEqual([]);
    await moveLedger({ ...inputOf(path, place), namespace: 'shop' });
    const [row] = await place.raw.rows('select id, namespace from ledger');
    expect(row).toEqual({
      id: (await statement(database.url, 'select id from ledger'))[0]?.['id'],
      namespace: 'shop',
    });
  });
});

async function contentOf({ raw }: Place): Promise<unknown> {
  const content: unknown[] = [];
  for (const table of TABLES) content.push(await raw.rows(`select * from ${table} order by 1, 2`));
  return content;
}

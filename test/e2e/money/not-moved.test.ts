import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { postgres, sqlite } from '../../storage/targets.ts';
import { pastTriggers, reseal } from '../../support/reseal.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { refusalOf, type Refusal } from '../exit-codes/refusals.ts';
import { aRemoval, contentOf, type Removal } from './moving.ts';
import { chargeOrder } from './shop.ts';

/* What a move refuses before anything is changed: the old ledger goes on, and nothing is made at the new place. */

vi.setConfig({ testTimeout: 240_000 });

async function expectNotMoved(
  removal: Removal,
  run: Refusal,
  expected: Partial<Refusal>,
): Promise<void> {
  expect(run).toMatchObject({ transaction: null, ...expected });
  expect(run.message).toMatch(/[Nn]othing was (copied|taken along)/);
  const { old, there } = removal;
  expect(await old.sql('select moved_to, moved_at from ledger')).toEqual([
    { moved_to: null, moved_at: null },
  ]);
  expect(
    await there.sql(
      `select table_name from information_schema.tables where table_schema = 'public'`,
    ),
  ).toEqual([]);
}

async function paid(): Promise<Removal> {
  const removal = await aRemoval();
  expect((await chargeOrder(removal.old)).exitCode).toBe(0);
  return removal;
}

async function expectGoesOn({ old }: Removal): Promise<void> {
  expect((await old.charge('the-next')).exitCode).toBe(0);
}

describe('an address', () => {
  it.each([
    { what: 'a relative path', from: 'sqlite:ledger.db' },
    { what: 'a PostgreSQL', from: 'postgres://u@h/d' },
    { what: 'no address', from: '/var/lib/ledger.db' },
    { what: 'nothing', from: '' },
  ])('that is $what is refused', async ({ from }) => {
    const removal = await aRemoval();
    await expectNotMoved(removal, refusalOf(await removal.move(from)), {
      exitCode: 2,
      code: 'bad_from',
      fields: ['from'],
    });
  });

  it('is for going up only', async () => {
    const { old, there } = await aRemoval();
    for (const direction of ['down', 'status']) {
      expect(
        refusalOf(await there.run(['migrate', direction, '--from', old.database.url, '--json'])),
      ).toMatchObject({ exitCode: 2, code: 'bad_from' });
    }
  });

  it('at which there is no ledger is refused, and none is made', async () => {
    const removal = await aRemoval();
    const folder = await temporaryFolder();
    const missing = join(folder, 'none.db');
    await expectNotMoved(removal, refusalOf(await removal.move(`sqlite:${missing}`)), {
      exitCode: 2,
      code: 'no_ledger',
      fields: ['from'],
    });
    const text = join(folder, 'text.db');
    await writeFile(text, 'a text that is no database '.repeat(100));
    expect(refusalOf(await removal.move(`sqlite:${text}`))).toMatchObject({
      exitCode: 2,
      code: 'database_not_a_database',
    });
    const foreign = await (await sqlite.fresh()).open({ anySchema: true, autoMigrate: false });
    await foreign.close();
    const path = foreign.describe().replace('SQLite file ', '');
    await expectNotMoved(removal, refusalOf(await removal.move(`sqlite:${path}`)), {
      exitCode: 2,
      code: 'no_ledger',
      fields: ['from'],
    });
  });
});

describe('a new place', () => {
  it('that is another file is refused', async () => {
    const removal = await paid();
    const { url } = await sqlite.fresh();
    await expectNotMoved(
      removal,
      refusalOf(await removal.move(removal.old.database.url, { DATABASE_URL: url })),
      {
        exitCode: 2,
        code: 'target_not_postgres',
        fields: ['DATABASE_URL'],
      },
    );
    await expectGoesOn(removal);
  });

  it('that holds payments of another ledger is refused, and keeps them', async () => {
    const removal = await paid();
    const { there, old, move } = removal;
    expect((await there.run(['migrate'])).exitCode).toBe(0);
    expect(
      (await there.charge('of-the-other', { env: { PAYRECON_NEW_LEDGER: '1' } })).exitCode,
    ).toBe(0);
    const held = await contentOf(there);
    const refused = refusalOf(await move());
    expect(refused).toMatchObject({
      exitCode: 2,
      code: 'target_not_empty',
      fields: ['DATABASE_URL'],
    });
    expect(await contentOf(there)).toEqual(held);
    expect(await old.sql('select moved_to from ledger')).toEqual([{ moved_to: null }]);
    await expectGoesOn(removal);
  });

  it('that cannot be reached is said, and the old ledger goes on', async () => {
    const removal = await paid();
    const url = new URL((await postgres.fresh()).url);
    url.pathname = '/not_there';
    expect(
      refusalOf(await removal.move(removal.old.database.url, { DATABASE_URL: url.href })),
    ).toMatchObject({ exitCode: 2, code: 'database_missing' });
    expect(await removal.old.sql('select moved_to from ledger')).toEqual([{ moved_to: null }]);
    await expectGoesOn(removal);
  });

  it('whose schema is newer is refused', async () => {
    const removal = await paid();
    const { there, old, move } = removal;
    expect((await there.run(['migrate'])).exitCode).toBe(0);
    await there.sql(
      `insert into payrecon_migrations (name, batch, migration_time) values ('9999_later', 9, now())`,
    );
    expect(refusalOf(await move())).toMatchObject({ exitCode: 2, code: 'schema_ahead' });
    expect(await old.sql('select moved_to from ledger')).toEqual([{ moved_to: null }]);
  });
});

describe('an old ledger', () => {
  it('that is of an older version is refused, and is not migrated by the way', async () => {
    const removal = await aRemoval();
    const { old, move } = removal;
    expect((await old.run(['migrate', 'down', '--yes'])).exitCode).toBe(0);
    const refused = refusalOf(await move());
    expect(refused).toMatchObject({ exitCode: 2, code: 'schema_behind', fields: ['from'] });
    expect(refused.message).toContain(`DATABASE_URL=${old.database.url} payrecon migrate up`);
    expect(
      await old.sql(`select name from payrecon_migrations where name = '0005_changed_truths'`),
    ).toEqual([]);
  });

  it('on which a process works is refused, with the name of the process', async () => {
    const removal = await paid();
    const { old, move } = removal;
    const held = `lease_token = 'a', lease_holder = 'charge@shop-1:77', lease_expires_at = cast(unixepoch('subsec') * 1000 as integer) + 600000`;
    await old.sql(`update transactions set ${held}`);
    const refused = refusalOf(await move());
    await expectNotMoved(removal, refused, { exitCode: 69, code: 'ledger_busy' });
    expect(refused.message).toContain('charge@shop-1:77');
    await old.sql('update transactions set lease_expires_at = 1');
    expect((await move()).exitCode).toBe(0);
  });

  it('whose e-mail is being sent is refused, so that it is not sent from both', async () => {
    const removal = await paid();
    const raw = await removal.old.database.raw();
    const inAMinute = `cast(unixepoch('subsec') * 1000 as integer) + 60000`;
    await pastTriggers(raw, 'sqlite', [
      `update notifications set state = 'sending', claim_token = 'h:1:t', next_attempt_at = ${inAMinute}, sent_at = null`,
    ]);
    await reseal(raw, 'sqlite');
    await expectNotMoved(removal, refusalOf(await removal.move()), {
      exitCode: 69,
      code: 'ledger_busy',
    });
  });

  it('that another program writes to at the moment is refused', async () => {
    const removal = await paid();
    const raw = await removal.old.database.raw();
    await raw.run('begin immediate');
    expect(refusalOf(await removal.move())).toMatchObject({
      exitCode: 69,
      code: 'database_locked',
    });
    await raw.run('rollback');
    await expectGoesOn(removal);
  });

  it.each([
    { what: 'an amount', change: 'update transactions set amount = amount + 1' },
    { what: 'an audit entry', change: `update audit_events set detail = '{}' where seq = 1` },
    {
      what: 'a row of the counts',
      change: 'update ledger_counts set transactions = transactions + 1 where shard = 0',
    },
  ])(
    'in which somebody has changed $what is refused, as `audit verify` does',
    async ({ change }) => {
      const removal = await paid();
      await pastTriggers(await removal.old.database.raw(), 'sqlite', [change]);
      await expectNotMoved(removal, refusalOf(await removal.move()), {
        exitCode: 5,
        code: 'audit_broken',
      });
      expect((await removal.old.run(['audit', 'verify', '--json'])).exitCode).toBe(5);
    },
  );

  it.each([
    { what: 'text with a zero byte', value: `cast(x'61006263' as text)` },
    { what: 'text that is not UTF-8', value: `cast(x'61f09f98' as text)` },
    { what: 'half of a character', value: `cast(x'61eda080' as text)` },
  ])('that holds $what is refused', async ({ value }) => {
    const removal = await paid();
    const raw = await removal.old.database.raw();
    await pastTriggers(raw, 'sqlite', [
      `update passes set host = ${value}`,
      `update transactions set description = ${value}`,
    ]);
    await expectNotMoved(removal, refusalOf(await removal.move()), {
      exitCode: 2,
      code: 'move_unfit',
      fields: ['from'],
    });
  });

  it.each([
    { number: '9007199254740993', which: 'is past what is copied exactly' },
    { number: '3000000000', which: 'its column at the new place does not hold' },
  ])('that holds a number which $which is refused, and goes on', async ({ number }) => {
    const removal = await paid();
    const { old, move } = removal;
    expect((await old.pass()).exitCode).toBe(0);
    const raw = await old.database.raw();
    await raw.run(`update passes set due = ${number}`);
    await reseal(raw, 'sqlite');
    const refused = refusalOf(await move());
    await expectNotMoved(removal, refused, { exitCode: 2, code: 'move_unfit', fields: ['from'] });
    expect(refused.message).toContain('passes');
    await expectGoesOn(removal);
  });
});

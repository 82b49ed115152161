import { expect, it } from 'vitest';
import { SEALED_AT_0004, sealOf as sealAt0004 } from '../../migrations/0004_seals.ts';
import { SEALED_COLUMNS, sealOf } from '../../src/storage/seals.ts';

/*
 * Migration 0004 seals the rows that were there before seals, and has a copy of the columns and of the
 * hash, because a migration does what it did when it was released. A ledger that is made today is sealed
 * by the migration first and by src/storage/seals.ts afterwards, so the two have to agree as long as no
 * later migration seals anew.
 */

const RULE =
  'migrations/0004_seals.ts must not be changed: it has run on ledgers in use. Where src/storage/seals.ts ' +
  'is to seal other columns, or in another way, a NEW migration has to seal the rows anew, and this test ' +
  'has to compare the source with that one.';

type Table = keyof typeof SEALED_AT_0004;
const tables = Object.keys(SEALED_AT_0004) as Table[];

it.each(tables)('the columns of %s are sealed as migration 0004 sealed them', (table) => {
  expect([...SEALED_COLUMNS[table]], RULE).toEqual([...SEALED_AT_0004[table]]);
});

it.each(tables)('a row of %s has the seal that migration 0004 gives it', (table) => {
  const values = [null, 0, 17, '', 'größe', '1:2', '\n'];
  const row = Object.fromEntries(
    SEALED_AT_0004[table].map((column, at) => [column, values[at % values.length] ?? null]),
  );
  expect(sealOf(table, row as Parameters<typeof sealOf<Table>>[1]), RULE).toBe(
    sealAt0004(table, row),
  );
});

it('only tables that migration 0004 makes itself, empty, are not sealed by it', () => {
  const others = Object.keys(SEALED_COLUMNS).filter((table) => !tables.includes(table as Table));
  expect(others.toSorted(), RULE).toEqual(['ledger', 'stripe_keys']);
});

import { SEALED_COLUMNS, sealOf } from '../../src/storage/seals.ts';
import type { RawConnection } from '../storage/targets.ts';
import { pastTriggers, recount } from './reseal.ts';

const TABLES = [
  'audit_events',
  'notifications',
  'passes',
  'outages',
  'transactions',
  'stripe_budgets',
];

/** What was found of a case that is over. */
const FOUND = {
  rolled_back_at: null,
  rolled_back_evidence: null,
  whole_checked_at: null,
  whole_witness: null,
} as const;

/**
 * Takes everything out of a ledger whose processes go on, past the triggers that let nobody do that: making a new
 * one, and opening it, takes longer than most cases. It stays who it is, with nothing known of its wholeness.
 */
export async function emptyLedger(
  raw: RawConnection,
  dialect: 'sqlite' | 'postgres',
): Promise<void> {
  await pastTriggers(raw, dialect, [
    ...TABLES.map((table) => `delete from ${table}`),
    ...(await forgetting(raw)),
  ]);
  await recount(raw);
}

/** Sealed anew, as the product would. */
async function forgetting(raw: RawConnection): Promise<readonly string[]> {
  const [ledger] = await raw.rows('select * from ledger');
  if (ledger === undefined) return [];
  const kept = Object.fromEntries(
    SEALED_COLUMNS.ledger.map((column) => [column, ledger[column] ?? null]),
  );
  const seal = sealOf('ledger', { ...kept, ...FOUND } as Parameters<typeof sealOf<'ledger'>>[1]);
  return [
    `update ledger set ${Object.keys(FOUND)
      .map((column) => `${column} = null`)
      .join(', ')}, seal = '${seal}'`,
  ];
}

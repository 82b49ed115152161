import { Buffer } from 'node:buffer';
import { sha256 } from './audit-chain.ts';
import type { Binding } from './database.ts';

/*
 * The seal of a row: sha256 over its table's name and its own columns, each as its length in bytes
 * and its text, `-` for null. Every write of ours computes it anew, so a row that somebody else has
 * changed does not fit its seal. PostgreSQL computes it in the statement that writes the row.
 */

/** The sealed columns of each table, in the order in which they are sealed. */
export const SEALED_COLUMNS = {
  ledger: [
    'id', 'account', 'livemode', 'namespace', 'created_at', 'bound_at', 'moved_to', 'moved_at', 'rolled_back_at',
    'rolled_back_evidence', 'whole_checked_at', 'whole_witness',
  ],
  stripe_keys: ['key_hash', 'account', 'livemode', 'seen_at'],
} as const;

export type SealedTable = keyof typeof SEALED_COLUMNS;

export function sealOf<Table extends SealedTable>(
  table: Table,
  row: Readonly<Record<(typeof SEALED_COLUMNS)[Table][number], Binding>>,
): string {
  const columns: readonly (typeof SEALED_COLUMNS)[Table][number][] = SEALED_COLUMNS[table];
  return sha256([table, ...columns.map((column) => sealedText(row[column]))].join('\n'));
}

function sealedText(value: Binding): string {
  if (value === null) return '-';
  const text = String(value);
  return `${String(Buffer.byteLength(text))}:${text}`;
}

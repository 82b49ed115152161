/** A range of transactions by their ids: `after` does not belong to it, `upTo` does; null has no bound. */
export interface IdRange {
  readonly after: string | null;
  readonly upTo: string | null;
}

/** On the column `transaction_id`. */
export function rangeCondition(
  id: string | null,
  { after, upTo }: IdRange,
): { readonly condition: string; readonly bindings: readonly string[] } {
  if (id !== null) return { condition: 'transaction_id = ?', bindings: [id] };
  const conditions = [
    after === null ? 'transaction_id is not null' : 'transaction_id > ?',
    ...(upTo === null ? [] : ['transaction_id <= ?']),
  ];
  return {
    condition: conditions.join(' and '),
    bindings: [after, upTo].filter((bound) => bound !== null),
  };
}

/** Thrown by a migration's way down where it would take payments away. */
export class LedgerInUse extends Error {
  override readonly name = 'LedgerInUse';

  constructor() {
    super(
      'The ledger holds transactions. Taking its tables away would lose payments; nothing was changed.',
    );
  }
}

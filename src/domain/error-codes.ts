/**
 * What kind of end an expected error is; the command line turns it into the exit code of the contract
 * (usage and configuration 2, refused 4, findings 5, not_found 6, unreachable 69, unknown_outcome 75).
 */
export type ErrorKind =
  | 'usage'
  | 'configuration'
  | 'refused'
  | 'findings'
  | 'not_found'
  | 'unreachable'
  | 'unknown_outcome';

interface Described {
  /** Which ends it can be. With more than one, whoever makes the error says which. */
  readonly kinds: readonly [ErrorKind, ...ErrorKind[]];
  /** For programmers: what payrecon has found. */
  readonly meaning: string;
  /** What can be done now without charging twice or losing a payment. */
  readonly safe: string;
}

/**
 * Every code of an expected error, for programs: closed, and stable once released. docs/errors.md is made from it
 * (`npm run generate`), and test/domain/error-codes.test.ts wants each to be in use.
 */
export const ERROR_CODES = {
  // ---- what was typed --------------------------------------------------------------------------
  unknown_command: {
    kinds: ['usage'],
    meaning: 'There is no command of this name.',
    safe: 'Correct the name; nothing was done.',
  },
  unknown_option: {
    kinds: ['usage'],
    meaning: 'The command has no flag of this name.',
    safe: 'Correct the flag; nothing was done.',
  },
  conflicting_option: {
    kinds: ['usage'],
    meaning: 'Two flags that exclude each other were given.',
    safe: 'Leave one of them out; nothing was done.',
  },
  missing_argument: {
    kinds: ['usage'],
    meaning: 'An argument that the command needs was not given.',
    safe: 'Add it; nothing was done.',
  },
  option_missing_argument: {
    kinds: ['usage'],
    meaning: 'A flag was given without its value.',
    safe: 'Add the value; nothing was done.',
  },
  flag_as_value: {
    kinds: ['usage'],
    meaning: 'What follows a flag as its value looks like a flag itself.',
    safe: 'Add the value, or write --flag=VALUE where it is meant; nothing was done.',
  },
  missing_mandatory_option_value: {
    kinds: ['usage'],
    meaning: 'A flag that the command needs was not given.',
    safe: 'Add it; nothing was done.',
  },
  excess_arguments: {
    kinds: ['usage'],
    meaning: 'More arguments were given than the command takes.',
    safe: 'Quote values with spaces, or leave the others out; nothing was done.',
  },
  invalid_argument: {
    kinds: ['usage'],
    meaning: 'A flag has a value that it does not take, or was given twice.',
    safe: 'Correct it; nothing was done.',
  },
  empty_argument: {
    kinds: ['usage'],
    meaning: 'An argument is empty, as from a variable that is not set.',
    safe: 'Give it a value; nothing was done.',
  },
  help: {
    kinds: ['usage'],
    meaning: 'A command was named without its subcommand, and its help was shown.',
    safe: 'Add the subcommand; nothing was done.',
  },
  not_utf8: {
    kinds: ['usage'],
    meaning: 'An argument holds bytes that are no UTF-8.',
    safe: 'Write it in UTF-8; nothing was done.',
  },
  invalid_flag: {
    kinds: ['usage'],
    meaning: 'The values of one or several flags cannot be used; `fields` names them.',
    safe: 'Correct them; nothing was sent or changed.',
  },
  not_confirmed: {
    kinds: ['usage'],
    meaning: 'The confirmation was refused, or nobody could be asked and --yes was not given.',
    safe: 'Run it again with --yes where it is meant; nothing was changed.',
  },
  bad_cursor: {
    kinds: ['usage'],
    meaning: 'The cursor of a page was not made by payrecon.',
    safe: 'Use the `next_cursor` of the page before, or begin with the first page.',
  },
  bad_limit: {
    kinds: ['usage'],
    meaning: 'The size of a page is out of bounds.',
    safe: 'Ask for a smaller page.',
  },
  bad_from: {
    kinds: ['usage'],
    meaning: 'The ledger that --from names cannot be taken along.',
    safe: 'Correct --from; nothing was copied or changed.',
  },
  reason_missing: {
    kinds: ['usage'],
    meaning: 'A decision about a stuck payment was given without a reason.',
    safe: 'Add --reason; nothing was changed.',
  },
  invalid_faults: {
    kinds: ['usage'],
    meaning: 'The faults that the sandbox is to make cannot be read.',
    safe: 'Correct --faults; nothing was started.',
  },

  // ---- what is to be charged -------------------------------------------------------------------
  invalid_call: {
    kinds: ['usage'],
    meaning:
      'What a program gave to the library is not what the call takes; `fields` names what is wrong.',
    safe: 'Correct the call; nothing was sent or changed.',
  },
  closed: {
    kinds: ['usage'],
    meaning: 'The library was closed before this call.',
    safe: 'Open it again; nothing was sent or changed.',
  },
  invalid_request: {
    kinds: ['usage'],
    meaning: 'The charge cannot be sent as it stands; `fields` names what is wrong.',
    safe: 'Correct the fields; nothing was sent, and the key is not used up.',
  },
  invalid_line: {
    kinds: ['usage'],
    meaning: 'A line of a file cannot be charged as it stands; `fields` names what is wrong.',
    safe: 'Correct the line and run the same file again: no line is charged twice.',
  },
  invalid_header: {
    kinds: ['usage'],
    meaning: 'The first line of a CSV file does not name the columns of charges.',
    safe: 'Correct the header; nothing was sent.',
  },
  empty_file: {
    kinds: ['usage'],
    meaning: 'The file of charges is empty.',
    safe: 'Give the file that was meant; nothing was sent.',
  },
  unreadable_file: {
    kinds: ['usage'],
    meaning: 'The file cannot be opened, or cannot be read from a line on.',
    safe: 'Correct the file and run the same command again: no line is charged twice.',
  },
  key_reused: {
    kinds: ['refused'],
    meaning: 'The key belongs to a charge with other parameters.',
    safe: 'Ask with the same parameters, or use a new key for another payment; nothing was sent.',
  },
  reference_taken: {
    kinds: ['refused'],
    meaning: 'Another transaction that is open or paid has this reference.',
    safe: 'Look at that transaction first; nothing was sent.',
  },
  duplicate_suspected: {
    kinds: ['refused'],
    meaning: 'A moment ago the same amount was charged to the same customer under another key.',
    safe: 'Look at that transaction; repeat with --allow-duplicate where both are meant.',
  },
  requests_refused: {
    kinds: ['configuration'],
    meaning: 'Stripe refused several lines in a row for the same reason, so the file was stopped.',
    safe: 'Correct the cause and run the same file again; no bank was asked.',
  },

  // ---- one transaction -------------------------------------------------------------------------
  no_such_transaction: {
    kinds: ['not_found'],
    meaning: 'No transaction has this id or key.',
    safe: 'Correct it; `payrecon list` shows what is there.',
  },
  no_such_notification: {
    kinds: ['not_found'],
    meaning: 'No e-mail has this id.',
    safe: 'Correct it; `payrecon notifications list` shows them.',
  },
  not_stuck: {
    kinds: ['refused'],
    meaning: 'The transaction is not stuck, so there is nothing to decide.',
    safe: 'Look at it with `payrecon show`; nothing was changed.',
  },
  illegal_resolution: {
    kinds: ['refused'],
    meaning: 'What Stripe shows does not allow this decision.',
    safe: 'Choose one of the decisions that the message names; nothing was changed.',
  },
  cancel_needed: {
    kinds: ['usage', 'refused'],
    meaning: 'The payment could still succeed at Stripe, so it cannot be recorded as ended.',
    safe: 'Repeat with --cancel-at-stripe; nothing was changed.',
  },
  cancel_failed: {
    kinds: ['refused', 'unknown_outcome'],
    meaning: 'Stripe refused to cancel the payment, or did not say that it did.',
    safe: 'Look at it again; no decision was recorded.',
  },
  already_succeeded: {
    kinds: ['refused'],
    meaning: 'What was to be canceled has succeeded: the customer was charged.',
    safe: 'Refund it at Stripe where the money is to go back; nothing was canceled.',
  },
  in_progress: {
    kinds: ['unknown_outcome'],
    meaning: 'Another process is working on the transaction.',
    safe: 'Run the same command again in a moment; nothing was changed.',
  },
  lease_lost: {
    kinds: ['unknown_outcome'],
    meaning: 'Another process took the transaction over while this one worked on it.',
    safe: 'Look at it again; the decision was not recorded.',
  },

  // ---- Stripe ----------------------------------------------------------------------------------
  stripe_key_missing: {
    kinds: ['configuration'],
    meaning: 'The command needs a secret key of Stripe, and none is set.',
    safe: 'Set STRIPE_SECRET_KEY; nothing was sent.',
  },
  live_key_refused: {
    kinds: ['configuration'],
    meaning: 'The key moves real money, and --live or PAYRECON_LIVE=1 was not given.',
    safe: 'Allow it where real money is meant; nothing was sent.',
  },
  stripe_unauthorized: {
    kinds: ['configuration'],
    meaning: 'Stripe refused the secret key, or a right that the call needs.',
    safe: 'Correct the key and run the same command again: what is recorded goes on.',
  },
  stripe_unreachable: {
    kinds: ['unreachable'],
    meaning: 'Stripe did not answer a question that had to be settled first.',
    safe: 'Run the same command again; nothing was sent or changed.',
  },
  stripe_away: {
    kinds: ['unknown_outcome'],
    meaning: 'Many lines in a row got no answer of Stripe, so the file was stopped.',
    safe: 'Run the same file again when Stripe answers: no line is charged twice.',
  },

  // ---- settings --------------------------------------------------------------------------------
  bad_settings: {
    kinds: ['configuration'],
    meaning: 'Settings have values that cannot be used; `fields` names all of them.',
    safe: 'Correct them; nothing was sent.',
  },
  bad_schedule: {
    kinds: ['configuration'],
    meaning: 'The schedule of the daemon is not a cron expression.',
    safe: 'Correct it; the daemon did not start.',
  },
  sandbox_not_started: {
    kinds: ['configuration'],
    meaning: 'The sandbox cannot listen at its address or write into its folder.',
    safe: 'Choose another port or folder.',
  },

  no_temporary_folder: {
    kinds: ['configuration'],
    meaning: 'The demo cannot make a folder for its files.',
    safe: 'Make the folder for temporary files writable; nothing was started.',
  },

  // ---- whose ledger it is, and whether it is whole ---------------------------------------------
  no_ledger: {
    kinds: ['configuration'],
    meaning: 'There is no ledger at the place that DATABASE_URL names.',
    safe: 'Correct DATABASE_URL where payments were made before; nothing was sent.',
  },
  another_ledger: {
    kinds: ['configuration'],
    meaning: 'This ledger is new, and another one has made payments on the same account.',
    safe: 'Point DATABASE_URL at that ledger; --new-ledger only where a second one is meant.',
  },
  other_account: {
    kinds: ['configuration'],
    meaning: 'The key is of another Stripe account than the ledger.',
    safe: 'Use a key of that account, or another ledger; nothing was sent.',
  },
  other_mode: {
    kinds: ['configuration'],
    meaning: 'The key is a test key and the ledger holds live payments, or the reverse.',
    safe: 'Use a key of that mode, or another ledger; nothing was sent.',
  },
  other_namespace: {
    kinds: ['configuration'],
    meaning: 'The ledger was made for another namespace than the one that is set.',
    safe: 'Set the namespace that the ledger was made for; nothing was sent.',
  },
  ledger_rolled_back: {
    kinds: ['configuration'],
    meaning: 'Stripe shows payments of this ledger that the ledger does not have.',
    safe: 'Do not charge: restore the newest copy of the database first.',
  },
  ledger_moved: {
    kinds: ['configuration'],
    meaning: 'The ledger was taken to another database, or is on its way there.',
    safe: 'Point DATABASE_URL at the new place; nothing is charged on the old one.',
  },
  ledger_busy: {
    kinds: ['unreachable'],
    meaning: 'A ledger that is to be moved is in use by another program.',
    safe: 'Stop what uses it and run the same command again; nothing was copied.',
  },
  ledger_in_use: {
    kinds: ['refused'],
    meaning: 'A step of the schema cannot be taken back while the ledger holds what needs it.',
    safe: 'Stay with this version; nothing was changed.',
  },
  move_unfit: {
    kinds: ['configuration'],
    meaning: 'The ledger holds a value that the other database cannot hold.',
    safe: 'Go on using the ledger where it is; nothing was taken along.',
  },
  move_differs: {
    kinds: ['findings'],
    meaning: 'The copy of a ledger is not what the ledger holds, and was taken back.',
    safe: 'Go on using the ledger where it is; nothing was changed.',
  },
  target_not_empty: {
    kinds: ['configuration'],
    meaning: 'The database that a ledger is to be moved to holds payments already.',
    safe: 'Point DATABASE_URL at a database without payments; nothing was copied.',
  },
  target_not_postgres: {
    kinds: ['configuration'],
    meaning: 'A ledger is moved to PostgreSQL only, and DATABASE_URL names another database.',
    safe: 'Correct DATABASE_URL; nothing was copied.',
  },
  audit_broken: {
    kinds: ['findings'],
    meaning: 'The audit trail of the ledger does not hold, so the ledger is not moved.',
    safe: 'Look at it with `payrecon audit verify`; nothing was changed.',
  },

  // ---- the database ----------------------------------------------------------------------------
  schema_behind: {
    kinds: ['configuration'],
    meaning: 'The schema of the database is older than this version of payrecon.',
    safe: 'Run `payrecon migrate`.',
  },
  schema_ahead: {
    kinds: ['configuration'],
    meaning: 'The schema of the database was made by a newer version of payrecon.',
    safe: 'Update payrecon.',
  },
  database_url: {
    kinds: ['configuration'],
    meaning: 'DATABASE_URL is no address of a database that payrecon can use.',
    safe: 'Correct it; nothing was sent.',
  },
  database_tls: {
    kinds: ['configuration'],
    meaning: 'The encrypted connection to the database cannot be made as its address asks.',
    safe: 'Correct the address or the certificates; nothing was sent.',
  },
  database_sign_in: {
    kinds: ['configuration'],
    meaning: 'The database refused the user or the password.',
    safe: 'Correct DATABASE_URL or the access rules of the server.',
  },
  database_encoding: {
    kinds: ['configuration'],
    meaning: 'The PostgreSQL database does not store texts as UTF-8.',
    safe: 'Create a database with ENCODING UTF8 and point DATABASE_URL at it.',
  },
  database_missing: {
    kinds: ['configuration'],
    meaning: 'The server has no database of this name.',
    safe: 'Correct DATABASE_URL, or create the database.',
  },
  database_not_permitted: {
    kinds: ['configuration'],
    meaning: 'The user lacks a right on the database or its file.',
    safe: 'Grant the right, or run payrecon as the owner.',
  },
  database_read_only: {
    kinds: ['configuration'],
    meaning: 'The database can be read only: a replica, a read-only user or file.',
    safe: 'Point DATABASE_URL at the primary server, or make the file writable.',
  },
  database_cannot_open: {
    kinds: ['configuration'],
    meaning: 'The file of the ledger cannot be opened or made.',
    safe: 'Correct its owner or mode, or DATABASE_URL; nothing was changed.',
  },
  database_not_a_database: {
    kinds: ['configuration'],
    meaning: 'The file that DATABASE_URL names is no SQLite database.',
    safe: 'Point DATABASE_URL at the right file; this one was left as it is.',
  },
  database_corrupt: {
    kinds: ['configuration'],
    meaning: 'The database reports damaged data.',
    safe: 'Stop every payrecon that uses it, keep a copy, and restore a backup.',
  },
  database_unreachable: {
    kinds: ['unreachable'],
    meaning: 'The database server cannot be reached, or takes no connections now.',
    safe: 'Run the same command again.',
  },
  database_connection_lost: {
    kinds: ['unreachable'],
    meaning: 'The connection to the database ended during the command.',
    safe: 'Run the same command again; it goes on from what is recorded.',
  },
  database_busy: {
    kinds: ['unreachable'],
    meaning: 'The database had no connection free, or other transactions were always first.',
    safe: 'Run the same command again.',
  },
  database_locked: {
    kinds: ['unreachable'],
    meaning: 'Another program holds a lock on the database for too long.',
    safe: 'Run the same command again, and look for a program that keeps it locked.',
  },
  database_slow: {
    kinds: ['unreachable'],
    meaning: 'The database did not finish a statement within its time limit.',
    safe: 'Run the same command again.',
  },
  database_full: {
    kinds: ['unreachable'],
    meaning: 'The database is out of disk space or memory.',
    safe: 'Make room and run the same command again.',
  },
  database_io: {
    kinds: ['unreachable'],
    meaning: 'The database could not read or write its disk.',
    safe: 'Look at the disk, then run the same command again.',
  },
  database_write_unknown: {
    kinds: ['unknown_outcome'],
    meaning: 'A step was written, and the database did not say whether it is committed.',
    safe: 'Run the same command again; it goes on from what is recorded.',
  },
} as const satisfies Record<string, Described>;

export type ErrorCode = keyof typeof ERROR_CODES;

type Listed<Code extends ErrorCode> = (typeof ERROR_CODES)[Code]['kinds'];

/** What strikes before anything is sent can also strike after it: then the outcome is not known. */
type LateKind = 'configuration' | 'unreachable';

/** The codes that are one kind of end, unless the error comes after something was sent. */
export type PlainCode = {
  [Code in ErrorCode]: Listed<Code> extends readonly [ErrorKind] ? Code : never;
}[ErrorCode];

export type LateCode = {
  [Code in ErrorCode]: Listed<Code>[number] & LateKind extends never ? never : Code;
}[ErrorCode];

/** A code with the end that it is this time. */
export type CodeAndKind =
  | { [Code in ErrorCode]: { readonly code: Code; readonly kind: Listed<Code>[number] } }[ErrorCode]
  | { readonly code: LateCode; readonly kind: 'unknown_outcome' };

export function kindOf(code: PlainCode): ErrorKind {
  return ERROR_CODES[code].kinds[0];
}

/** Whether an error of this code can also come after something was sent. */
export function canComeLate(code: ErrorCode): code is LateCode {
  const kinds: readonly ErrorKind[] = ERROR_CODES[code].kinds;
  return kinds.includes('configuration') || kinds.includes('unreachable');
}

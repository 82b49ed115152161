import type { Settings } from '../config/settings.ts';
import { parseDatabase } from '../config/database.ts';
import { currentFolder } from '../config/system.ts';
import type { LedgerMove, MoveProgress } from '../app/ports.ts';
import { PayreconError } from '../domain/errors.ts';
import { openStorage, type Storage, type StorageOptions } from '../storage/open.ts';

/*
 * Only a charge and `migrate` make a ledger. All else answers that there is none, since an empty
 * ledger in the wrong place looks like one in which nothing is due and nothing was charged.
 */

export interface LedgerStorage {
  readonly storage: () => Promise<Storage>;
  /** The same one; made where there is none. */
  readonly storageToCharge: () => Promise<Storage>;
  /** Whatever its schema is, for `migrate`. */
  readonly anyStorage: (making: Pick<StorageOptions, 'mayCreate'>) => Promise<Storage>;
  /** Gives a ledger that was just made its identity, and says where it is. */
  readonly greetNew: (storage: Storage) => Promise<void>;
  /** Takes the ledger at that address here. */
  readonly move: (
    from: string,
    onProgress?: (progress: MoveProgress) => void,
  ) => Promise<LedgerMove>;
}

export interface LedgerStorageInput {
  readonly settings: Settings;
  readonly options: Omit<StorageOptions, 'url' | 'mayCreate'>;
  readonly onClose: (close: () => Promise<void>) => void;
  /** Of a second ledger, made by a wrong address, this is the only sign at the time. */
  readonly say: (sentence: string) => void;
}

export function ledgerStorage({
  settings,
  options,
  onClose,
  say,
}: LedgerStorageInput): LedgerStorage {
  const { database, namespace } = settings;
  const url = database.kind === 'sqlite' ? `sqlite:${database.path}` : database.url;
  const open = async (
    how: Pick<StorageOptions, 'mayCreate' | 'anySchema' | 'autoMigrate'>,
  ): Promise<Storage> => {
    const opened = await openStorage({ ...options, ...how, url });
    onClose(async () => {
      await opened.close();
    });
    for (const warning of opened.warnings()) say(warning);
    return opened;
  };
  const greetNew = async (storage: Storage): Promise<void> => {
    if (!storage.created()) return;
    await storage.identity.create(namespace);
    say(`made a new ledger at ${database.shown}`);
  };
  const make = async (): Promise<Storage> => {
    const made = await open({ mayCreate: true });
    await greetNew(made);
    return made;
  };
  const found = once(async () => await open({ mayCreate: false }));
  const charging = once(
    async () =>
      await found().catch(async (error: unknown) => {
        if (error instanceof PayreconError && error.code === 'no_ledger') return await make();
        throw error;
      }),
  );
  let charged = false;
  return {
    storage: async () => await (charged ? charging() : found()),
    storageToCharge: async () => {
      charged = true;
      return await charging();
    },
    anyStorage: async (making) => await open({ ...making, anySchema: true, autoMigrate: false }),
    greetNew,
    move: async (from, onProgress) =>
      await moveTo({ database, namespace }, { from, options, onProgress }),
  };
}

interface Moving {
  readonly from: string;
  readonly options: LedgerStorageInput['options'];
  readonly onProgress: Parameters<LedgerStorage['move']>[1];
}

async function moveTo(
  { database, namespace }: Pick<Settings, 'database' | 'namespace'>,
  { from, options, onProgress }: Moving,
): Promise<LedgerMove> {
  const source = sourceOf(from);
  if (database.kind !== 'postgres') throw notPostgres(database.shown);
  const { moveLedger } = await import('../storage/move/move.ts');
  return await moveLedger({
    from: source,
    url: database.url,
    to: database.shown,
    namespace,
    options,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
}

function sourceOf(from: string): string {
  const parsed = parseDatabase(from, currentFolder());
  if (parsed.ok && parsed.value.kind === 'sqlite') return parsed.value.shown;
  const message = parsed.ok
    ? 'only an SQLite ledger is taken along: it must be sqlite:/PATH'
    : parsed.message;
  throw new PayreconError(
    'bad_from',
    'The ledger to take along cannot be read as an address. Nothing was copied or changed.',
    {
      problems: [{ field: '--from', message }],
    },
  );
}

function notPostgres(shown: string): PayreconError {
  return new PayreconError(
    'target_not_postgres',
    `A ledger is taken along to PostgreSQL only, and DATABASE_URL names ${shown}. Nothing was copied or changed. ` +
      'To go on with an SQLite ledger at another place, stop what uses it and move its file.',
    { problems: [{ field: 'DATABASE_URL', message: 'set it to postgres://USER@HOST/NAME' }] },
  );
}

/** Opens at the first use; what failed to open is tried again at the next. */
export function once<Value>(open: () => Promise<Value>): () => Promise<Value> {
  let opened: Promise<Value> | null = null;
  return async () => {
    opened ??= open().catch((error: unknown) => {
      opened = null;
      throw error;
    });
    return await opened;
  };
}

import type { Knex } from 'knex';

export interface Migration {
  /** Recorded in the database; carries no file extension, so built and unbuilt code agree. */
  readonly name: string;
  /** What `knex migrate:list` prints for a migration that is still to run. */
  readonly file: string;
  load(): Promise<{ up(knex: Knex): Promise<void>; down(knex: Knex): Promise<void> }>;
}

/** The knex command line and payrecon write to the same table. */
export const MIGRATIONS_TABLE = 'payrecon_migrations';

/**
 * Every migration in the order they run. Append only: a migration that has been released is never
 * edited, because databases that have run it will not run it again.
 */
export const MIGRATIONS: readonly Migration[] = [
  { name: '0001_ledger', file: '0001_ledger', load: () => import('./0001_ledger.ts') },
  { name: '0002_budgets', file: '0002_budgets', load: () => import('./0002_budgets.ts') },
  { name: '0003_history', file: '0003_history', load: () => import('./0003_history.ts') },
  { name: '0004_attempts', file: '0004_attempts', load: () => import('./0004_attempts.ts') },
  {
    name: '0005_changed_truths',
    file: '0005_changed_truths',
    load: () => import('./0005_changed_truths.ts'),
  },
];

/** For knex, which otherwise lists a folder relative to the current directory and records file names. */
export const migrationSource: Knex.MigrationSource<Migration> = {
  getMigrations: () => Promise.resolve([...MIGRATIONS]),
  getMigrationName: (migration) => migration.name,
  getMigration: (migration) => migration.load(),
};

import { execa } from 'execa';
import { vi } from 'vitest';
import { postgres, sqlite } from '../../storage/targets.ts';
import { binary, type RunResult } from '../../support/binary.ts';
import { cleanEnvironment } from '../../support/environment.ts';
import { statement } from '../../support/statement.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { aFixture, type Fixture } from '../verdicts/fixture.ts';

/** One Stripe account, a ledger in a file, and an empty PostgreSQL to which it is to go. */
export interface Removal {
  readonly old: Fixture;
  readonly there: Fixture;
  /** `migrate --from --json`. */
  readonly move: (from?: string, env?: Readonly<Record<string, string>>) => Promise<RunResult>;
}

export async function aRemoval(): Promise<Removal> {
  const old = await aFixture(sqlite);
  const there = await aFixture(postgres, { beside: old, ledger: false, isNew: true });
  return {
    old,
    there,
    move: (from = old.database.url, env = {}) =>
      there.run(['migrate', '--from', from, '--json'], { env, timeoutMs: 60_000 }),
  };
}

/** How the new place is shown: without its password. */
export function shown({ database }: Fixture): string {
  const url = new URL(database.url);
  return `postgres://${url.username}@${url.host}${url.pathname}`;
}

/** One number for everybody who migrates a ledger (src/storage/schema.ts). */
const MIGRATION_LOCK = '7290418533';

/** The move is killed when the old ledger is marked and nothing was copied: another session holds what the copy begins with. */
export async function killedBetween({ old, there }: Removal): Promise<void> {
  const holder = await there.database.raw();
  await holder.run(`select pg_advisory_lock(${MIGRATION_LOCK})`);
  const home = await temporaryFolder();
  const moving = execa(process.execPath, [binary, 'migrate', '--from', old.database.url], {
    env: cleanEnvironment(home, there.env),
    extendEnv: false,
    reject: false,
  });
  await vi.waitFor(
    async () => {
      const [row] = await statement(old.database.url, 'select moved_to from ledger');
      if (row?.['moved_to'] === null) throw new Error('not marked yet');
    },
    { timeout: 60_000, interval: 20 },
  );
  moving.kill('SIGKILL');
  await moving;
  await holder.run(`select pg_advisory_unlock(${MIGRATION_LOCK})`);
}

const TABLES: Readonly<Record<string, string>> = {
  transactions: 'id',
  audit_events: 'transaction_id, seq',
  notifications: 'id',
  outages: 'id',
  passes: 'id',
  stripe_keys: 'key_hash',
  ledger_counts: 'shard',
};

/** Everything that a ledger holds but its own row, as text: 64-bit numbers are texts to one of the drivers. */
export async function contentOf(
  fixture: Fixture,
): Promise<Readonly<Record<string, readonly string[]>>> {
  const content: Record<string, readonly string[]> = {};
  for (const [table, key] of Object.entries(TABLES)) {
    content[table] = (await fixture.sql(`select * from ${table} order by ${key}`)).map(textOf);
  }
  return content;
}

function textOf(row: Readonly<Record<string, unknown>>): string {
  const columns = Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(
    columns.map(([name, value]) => [name, typeof value === 'number' ? String(value) : value]),
  );
}

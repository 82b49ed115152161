import { randomBytes } from 'node:crypto';
import { startPostgresServer } from '../test/support/postgres-server.ts';
import { askLedger, changeLedger } from './ledger-facts.ts';

export const DATABASES = ['sqlite', 'postgres'] as const;
export type DatabaseName = (typeof DATABASES)[number];

export const SHOWN: Readonly<Record<DatabaseName, string>> = {
  sqlite: 'SQLite',
  postgres: 'PostgreSQL',
};

/** A new, empty database each time; null for an SQLite file, which a run makes in its own folder. */
export type MakeDatabase = (() => Promise<string>) | null;

/** The PostgreSQL is one of its own that writes to the disk as a real one does, and is gone afterwards. */
export async function withDatabase<T>(
  name: DatabaseName,
  work: (make: MakeDatabase) => Promise<T>,
): Promise<T> {
  if (name === 'sqlite') return await work(null);
  const server = await startPostgresServer({ durable: true });
  try {
    return await work(async () => {
      const database = `bench_${randomBytes(6).toString('hex')}`;
      await changeLedger(server.url, `create database ${database}`);
      return Object.assign(new URL(server.url), { pathname: `/${database}` }).href;
    });
  } finally {
    await server.stop();
  }
}

/** Of PostgreSQL, as `18.4`. */
export async function postgresVersion(): Promise<string> {
  const server = await startPostgresServer();
  try {
    const { version = Number.NaN } = await askLedger(
      server.url,
      `select current_setting('server_version_num')::int as version`,
    );
    return `${String(Math.floor(version / 10_000))}.${String(version % 10_000)}`;
  } finally {
    await server.stop();
  }
}

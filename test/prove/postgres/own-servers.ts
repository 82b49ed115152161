import { setTimeout as wait } from 'node:timers/promises';
import { Client } from 'pg';
import { onTestFinished } from 'vitest';
import { postgres, type RawConnection, type Target } from '../../storage/targets.ts';
import { startPostgresServer, type PostgresServer } from '../../support/postgres-server.ts';
import { virtualAddress } from './virtual-address.ts';

/** PostgreSQL that a test takes down and brings back, behind an address that stays. Acknowledged is what is on the disk. */
export interface OwnServers {
  readonly target: Target;
  /** Takes the server that is written to away. */
  down(): Promise<void>;
  /** Answers when a server that has all that was acknowledged takes connections at the address. */
  up(): Promise<void>;
  /** Whatever has to be done before it can be taken away again. */
  ready(): Promise<void>;
  query(sql: string): Promise<Record<string, unknown>[]>;
}

const DATABASE = 'ledger';

/** One statement on a connection of its own: servers come and go. */
export async function queryAt(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  // A server that goes says so on connections that nobody uses, too.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Enough of the log is kept for a standby to fetch what was written while it was made. */
const SETTINGS = { wal_keep_size: '64MB', max_wal_size: '512MB' };

async function ownServer(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
  const server = await startPostgresServer({
    durable: true,
    settings: { ...SETTINGS, ...settings },
  });
  onTestFinished(() => server.stop());
  return server;
}

/** A ledger at an address that leads to the server whose maintenance database `url` names. */
async function behindAddress(
  first: string,
  url: () => string,
): Promise<{
  readonly target: Target;
  readonly pointTo: (url: string) => void;
  readonly query: OwnServers['query'];
}> {
  const address = await virtualAddress(first);
  const here = (): string => Object.assign(new URL(url()), { pathname: `/${DATABASE}` }).href;
  const ledgerUrl = Object.assign(new URL(address.at(first)), { pathname: `/${DATABASE}` }).href;
  const query = (sql: string): ReturnType<typeof queryAt> => queryAt(here(), sql);
  const raw: RawConnection = { rows: query, run: (sql) => query(sql).then(() => undefined) };
  const target: Target = {
    name: 'postgres',
    async fresh() {
      await queryAt(url(), `create database ${DATABASE}`);
      return {
        url: ledgerUrl,
        open: () => postgres.openUrl(ledgerUrl),
        raw: () => Promise.resolve(raw),
      };
    },
  };
  return {
    target,
    pointTo: (to) => {
      address.pointTo(to);
    },
    query,
  };
}

/** One server, stopped at once and started again; every other time not a process of it gets the time for anything. */
export async function restartedServer(): Promise<OwnServers> {
  const server = await ownServer();
  let { url } = server;
  let stops = 0;
  const { target, pointTo, query } = await behindAddress(url, () => url);
  return {
    target,
    query,
    async down() {
      stops += 1;
      await server.tell({ do: 'stop', node: 'first', how: stops % 2 === 1 ? 'immediate' : 'kill' });
    },
    async up() {
      url = await server.tell({ do: 'start', node: 'first' });
      pointTo(url);
    },
    ready: () => Promise.resolve(),
  };
}

/** Two servers: every commit waits for the standby, unless `asynchronous`; every other time until it shows there, too. */
export interface Pair extends OwnServers {
  /** From now on the standby hears of nothing any more. */
  cutStandbyOff(): Promise<void>;
}

export async function serverPair(mode: 'synchronous' | 'asynchronous'): Promise<Pair> {
  // What a process gave to the system outlives it, and here nothing but processes ends: the standby's disk need not be waited for.
  const server = await ownServer({ fsync: 'off' });
  let { url } = server;
  let primary = 'first';
  let standby = 'second';
  let standbyUrl = '';
  let pairs = 0;
  const { target, pointTo, query } = await behindAddress(url, () => url);
  return {
    target,
    query,
    async ready() {
      if (standbyUrl !== '') return;
      pairs += 1;
      standbyUrl = await addStandby(server, { url, primary, standby });
      const level = pairs % 2 === 1 ? 'on' : 'remote_apply';
      await replicating(url, mode === 'asynchronous' ? null : level);
    },
    async cutStandbyOff() {
      await queryAt(standbyUrl, `alter system set primary_conninfo = 'host=127.0.0.1 port=1'`);
      await queryAt(standbyUrl, 'select pg_reload_conf()');
      await eventually(
        'the standby is cut off',
        async () => (await queryAt(url, 'select 1 from pg_stat_replication')).length === 0,
      );
    },
    down: () => server.tell({ do: 'stop', node: primary, how: 'kill' }).then(() => undefined),
    async up() {
      const [row] = await queryAt(standbyUrl, 'select pg_promote(true, 30) as promoted');
      if (row?.['promoted'] !== true) throw new Error('the standby was not promoted');
      pointTo(standbyUrl);
      url = standbyUrl;
      standbyUrl = '';
      [primary, standby] = [standby, primary];
    },
  };
}

/** A base copy of a server that runs, by PostgreSQL's own protocol for it, and the server that follows from there. */
async function addStandby(
  server: PostgresServer,
  { url, primary, standby }: { url: string; primary: string; standby: string },
): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`select pg_backup_start('standby', true)`);
    await server.tell({ do: 'copy', from: primary, to: standby });
    const { rows } = await client.query<{ labelfile: string }>(
      'select labelfile from pg_backup_stop(false)',
    );
    // Its own settings are none: promoted, it commits alone until it has a standby.
    const files = {
      backup_label: rows[0]?.labelfile ?? '',
      'standby.signal': '',
      'postgresql.auto.conf': `primary_conninfo = 'host=127.0.0.1 port=${new URL(url).port} user=postgres'\n`,
    };
    await server.tell({ do: 'write', node: standby, files });
  } finally {
    await client.end();
  }
  return server.tell({ do: 'start', node: standby });
}

async function replicating(url: string, commits: 'on' | 'remote_apply' | null): Promise<void> {
  if (commits !== null) {
    await queryAt(url, `alter system set synchronous_standby_names = '*'`);
    await queryAt(url, `alter system set synchronous_commit = '${commits}'`);
    await queryAt(url, 'select pg_reload_conf()');
  }
  const state = commits === null ? 'async' : 'sync';
  await eventually(
    `the standby follows (${state})`,
    async () =>
      (
        await queryAt(
          url,
          `select 1 from pg_stat_replication where state = 'streaming' and sync_state = '${state}'`,
        )
      ).length === 1,
  );
}

const WITHIN_MS = 30_000;

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const startedMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startedMs > WITHIN_MS) throw new Error(`in vain: ${what}`);
    await wait(20);
  }
}

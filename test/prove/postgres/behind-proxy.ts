import { postgresProxy, type Proxy } from '../../storage/postgres-proxy.ts';
import { postgres, type Target } from '../../storage/targets.ts';

/** PostgreSQL as payrecon sees it through a proxy; what looks past payrecon goes straight to the server. */
export function behindProxy(): { readonly target: Target; readonly proxy: () => Proxy } {
  let latest: Proxy | null = null;
  return {
    target: {
      name: 'postgres',
      async fresh() {
        const database = await postgres.fresh();
        latest = await postgresProxy(database.url);
        return { ...database, url: latest.url };
      },
    },
    proxy() {
      if (latest === null) throw new Error('nothing stands before a database yet');
      return latest;
    },
  };
}

// Before and after a whole run of the tests: the build that the end-to-end tests start, and the PostgreSQL that is
// started when the first test asks for it.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { buildIfStale } from '../../.ci/build.js';
import { startPostgresServer, type PostgresServer } from './postgres-server.ts';
import { isForeignSetting } from './environment.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Answers every request with the address of the run's PostgreSQL server, which the first one starts. */
    postgresBroker: string;
    /** Everything that tests write to the disk lies in here. */
    runFolder: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // A developer's own database and keys must never be what the tests work on.
  for (const name of Object.keys(process.env).filter(isForeignSetting))
    Reflect.deleteProperty(process.env, name);
  await buildIfStale();
  const runFolder = await mkdtemp(join(tmpdir(), 'payrecon-run-'));
  // Some tests work as another user in a folder that they open to that user.
  await chmod(runFolder, 0o711);
  project.provide('runFolder', runFolder);

  let server: Promise<PostgresServer> | undefined;
  const broker = createServer((_request, response) => {
    server ??= startPostgresServer();
    server.then(
      ({ url }) => response.end(url),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => broker.listen(0, '127.0.0.1', resolve));
  project.provide(
    'postgresBroker',
    `http://127.0.0.1:${String((broker.address() as AddressInfo).port)}`,
  );

  return async () => {
    broker.closeAllConnections();
    broker.close();
    await server?.then((started) => started.stop());
    await rm(runFolder, { recursive: true, force: true, maxRetries: 3 });
  };
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface PostgresServer {
  /** Address of the maintenance database, as its superuser. */
  readonly url: string
  readonly startedInMs: number
  stop(): Promise<void>
}

export interface PostgresServerOptions {
  /** Write to the disk as a real server does; off by default, as the data is thrown away. */
  readonly durable?: boolean
  /** Further server settings, such as `{ synchronous_standby_names: 's1' }`. */
  readonly settings?: Readonly<Record<string, string>>
}

/** Starts a PostgreSQL of its own, which ends with this process at the latest. Most tests want `freshPostgresDatabase`. */
export async function startPostgresServer(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const script = fileURLToPath(new URL('./postgres-supervisor.js', import.meta.url))
  const supervisor = spawn(process.execPath, [script, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'pipe'] })
  let complaint = ''
  supervisor.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaint += chunk
  })
  const exited = once(supervisor, 'exit')
  const lines = createInterface({ input: supervisor.stdout })
  const first = await Promise.race([once(lines, 'line'), exited.then(() => undefined)])
  if (first === undefined) throw new Error(`PostgreSQL for the tests did not start:\n${complaint}`)
  const { host, port, startedInMs } = JSON.parse(String(first[0])) as { host: string; port: number; startedInMs: number }
  return {
    url: `postgres://postgres@${host}:${String(port)}/postgres`,
    startedInMs,
    async stop() {
      supervisor.stdin.end()
      await exited
    },
  }
}

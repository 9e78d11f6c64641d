import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection, createConnection } from 'mysql2/promise'
import { freePort } from './free-port.ts'

/** A real MariaDB (Debian's mariadb-server) on a loopback port and in a directory of its own. */
export type MariaDb = {
  port: number
  /** as root, who may do all */
  connect: (database?: string) => Promise<Connection>
  close: () => Promise<void>
}

const patienceMs = 120_000

/** `more`: options besides, each as one word. */
export async function startMariaDb(more: readonly string[] = []): Promise<MariaDb> {
  const dir = mkdtempSync(join(tmpdir(), 'mariadb-'))
  const data = join(dir, 'data')
  const account = process.getuid?.() === 0 ? ['--user=root'] : []
  execFileSync(
    'mariadb-install-db',
    ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db', ...account],
    { stdio: 'ignore' },
  )
  const port = await freePort()
  const server = spawn(
    'mariadbd',
    [
      ...['--no-defaults', `--datadir=${data}`, `--port=${port}`, '--bind-address=127.0.0.1', ...account],
      ...[`--socket=${join(dir, 's')}`, `--pid-file=${join(dir, 'pid')}`, '--skip-log-bin', '--skip-name-resolve'],
      ...['--innodb-buffer-pool-size=32M', '--innodb-flush-log-at-trx-commit=0', '--performance-schema=off', ...more],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let told = ''
  server.stderr.on('data', (part: Buffer) => {
    told = `${told}${part}`.slice(-4000)
  })
  const connect = (database?: string) =>
    createConnection({
      ...{ host: '127.0.0.1', port, user: 'root', password: '', multipleStatements: true, charset: 'utf8mb4' },
      ...(database ? { database } : {}),
    })
  await answering(server, connect, () => told)
  return {
    port,
    connect,
    async close() {
      await stopped(server)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function answering(server: ChildProcess, connect: () => Promise<Connection>, told: () => string): Promise<void> {
  const until = Date.now() + patienceMs
  let last: unknown = null
  while (Date.now() < until && server.exitCode === null) {
    try {
      const connection = await connect()
      await connection.end()
      return
    } catch (error) {
      last = error
      await sleep(100)
    }
  }
  await stopped(server)
  throw new Error(`MariaDB does not answer: ${told()}`, { cause: last })
}

async function stopped(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const gone = once(server, 'exit')
  server.kill('SIGKILL') // nothing of it is kept
  await gone
}

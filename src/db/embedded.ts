/**
 * in: a data directory. out: a PostgreSQL of our own on a loopback port, with its address.
 * guarantees: one server a directory, also after a SIGKILL of the service (a server left running is taken over); data and
 * password readable by its owner alone; a directory that cannot serve is an EmbeddedError that says why.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, openSync, readFileSync, readlinkSync, realpathSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readOrMake } from '../read-or-make.ts'
import { initCluster } from './init-cluster.ts'
import { connect, type Sql } from './postgres.ts'
import { dataArgument, postgresBinaries, type Runner, runnerFor } from './postgres-user.ts'
import { withStartLock } from './start-lock.ts'

export class EmbeddedError extends Error {
  override name = 'EmbeddedError'
  readonly code = 'embedded-postgres'
  readonly retryable = false
}

export type Embedded = { url: string; stop(): Promise<void> }

/** Any number, the same in every process: held, shared, by each process that uses the server. */
const presenceLock = 7_233_005

type Cluster = { folder: string; password: string; runner: Runner }

/** Starts, or takes over, the server of this data directory. `durable: false` gives up crash safety, for tests. */
export async function startEmbedded(
  dataDir: string,
  { durable = true }: { durable?: boolean } = {},
): Promise<Embedded> {
  const folder = join(resolve(dataDir), 'postgres')
  return withStartLock(folder, async () => {
    const cluster = await prepare(resolve(dataDir), folder)
    const url = (await adopt(cluster)) ?? (await launch(cluster, durable))
    // a session that holds the lock is kept, so that another process that ends leaves the server to us
    const presence = connect(url, { max: 1 })
    await presence`select pg_advisory_lock_shared(${presenceLock})`
    return { url, stop: () => withStartLock(folder, () => stop(cluster, url, presence)) }
  })
}

/** The folder with a cluster in it, made where there is none. */
async function prepare(dataDir: string, folder: string): Promise<Cluster> {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    const runner = runnerFor()
    const password = readOrMake(join(dataDir, 'postgres-password'), () => randomBytes(24).toString('base64url'))
    if (!existsSync(join(folder, 'PG_VERSION'))) await initCluster(folder, password.value, runner)
    else if (runner.uid !== undefined && statSync(folder).uid !== runner.uid)
      throw new Error(`${folder} belongs to another user than PostgreSQL runs as here (${runner.uid})`)
    return { folder, runner, password: password.value }
  } catch (cause) {
    throw new EmbeddedError(`the data directory ${dataDir} cannot be used: ${(cause as Error).message}`, { cause })
  }
}

const urlOf = (cluster: Cluster, port: number, database = 'postgres') =>
  `postgres://drydock:${cluster.password}@127.0.0.1:${port}/${database}`

/** A server that outlived the process that started it: its address, or null where there is none. */
async function adopt(cluster: Cluster): Promise<string | null> {
  const file = join(cluster.folder, 'postmaster.pid')
  if (!existsSync(file)) return null
  const [pid, , , port] = readFileSync(file, 'utf8').split('\n')
  if (!isServerOf(cluster.folder, Number(pid))) {
    rmSync(file, { force: true }) // PostgreSQL would take any process of that number for itself
    return null
  }
  const url = urlOf(cluster, Number(port))
  if (await answers(url, 30)) return url
  throw new EmbeddedError(`a PostgreSQL (process ${pid}) holds ${cluster.folder} but does not answer`)
}

/**
 * A server's working directory is its data folder. Where that may not be seen (another user's process, and no right to trace), any
 * process called postgres is taken for it: to start a second server on one folder would be worse than not to start.
 */
function isServerOf(folder: string, pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  if (!existsSync('/proc/self/cwd')) return true
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres'
  }
}

/** The port is free when it is chosen; where another program has taken it before PostgreSQL could, another is chosen. */
async function launch(cluster: Cluster, durable: boolean, tries = 5): Promise<string> {
  const port = await freePort()
  const logFile = join(cluster.folder, '..', 'postgres.log')
  const log = openSync(logFile, 'a', 0o600)
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'jit=off',
    ...(durable ? [] : ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off']),
  ]
  const args = [
    '-D',
    dataArgument(cluster.folder, cluster.runner),
    '-p',
    String(port),
    ...settings.flatMap((setting) => ['-c', setting]),
  ]
  // detached: a Ctrl-C or a kill of our process group must not end the database under our feet
  const child = spawn(join(postgresBinaries(cluster.runner), 'bin/postgres'), args, {
    cwd: cluster.folder,
    stdio: ['ignore', log, log],
    detached: true,
    ...cluster.runner,
  })
  let ended: string | null = null
  child.on('error', (error) => (ended = error.message))
  child.on('exit', (code) => (ended = `exit code ${code}`))
  child.unref()
  const url = urlOf(cluster, port)
  if (await answers(url, 60, () => ended !== null)) return url
  child.kill('SIGINT')
  const tail = readFileSync(logFile, 'utf8').trim().split('\n').slice(-3).join(' ')
  if (ended !== null && tries > 1 && tail.includes('could not create any TCP/IP sockets'))
    return launch(cluster, durable, tries - 1)
  throw new EmbeddedError(`PostgreSQL did not start in ${cluster.folder} (${ended ?? 'no answer'}): ${tail}`)
}

/** Asks until it answers, at most `seconds`, or until `over`. Recovery after a crash takes its time. */
async function answers(url: string, seconds: number, over: () => boolean = () => false): Promise<boolean> {
  const sql = connect(url, { max: 1 })
  try {
    for (const end = Date.now() + seconds * 1000; Date.now() < end && !over(); await sleep(50)) {
      const ok = await sql`select 1`.then(
        () => true,
        () => false,
      )
      if (ok) return true
    }
    return false
  } finally {
    await sql.end()
  }
}

/**
 * Ends the server unless another process of ours still works on it. Asked of the lock, not of the sessions there are: our own, just
 * closed, may still be among those.
 */
async function stop(cluster: Cluster, url: string, presence: Sql): Promise<void> {
  const file = join(cluster.folder, 'postmaster.pid')
  if (!existsSync(file)) return
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  const last = await isLast(presence).catch(async () => {
    // its connection was lost, and our lock with it
    const session = connect(url, { max: 1 })
    return isLast(session).finally(() => session.end())
  })
  await presence.end({ timeout: 1 })
  if (!last) return
  process.kill(pid, 'SIGINT')
  // the file goes shortly before the process does
  for (let i = 0; i < 400 && (existsSync(file) || isServerOf(cluster.folder, pid)); i++) await sleep(25)
}

async function isLast(session: Sql): Promise<boolean> {
  await session`select pg_advisory_unlock_shared(${presenceLock})`
  const [row] = await session<{ alone: boolean }[]>`select pg_try_advisory_lock(${presenceLock}) as alone`
  return row!.alone
}

const freePort = () =>
  new Promise<number>((done, fail) => {
    const server = createServer().on('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => done(port))
    })
  })

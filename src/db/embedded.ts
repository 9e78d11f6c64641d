/**
 * in: a data directory. out: a PostgreSQL of our own on a loopback port, with its address.
 * guarantees: one server a directory, also after a SIGKILL of the service (a server left running is taken over); data and
 * password readable by its owner alone; a directory that cannot serve is an EmbeddedError that says why.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from './postgres.ts'
import { postgresBinaries, type Runner, runnerFor } from './postgres-user.ts'

export class EmbeddedError extends Error {
  override name = 'EmbeddedError'
  readonly code = 'embedded-postgres'
  readonly retryable = false
}

export type Embedded = { url: string; stop(): Promise<void> }

type Cluster = { folder: string; password: string; runner: Runner }

/** Starts, or takes over, the server of this data directory. `durable: false` gives up crash safety, for tests. */
export async function startEmbedded(
  dataDir: string,
  { durable = true }: { durable?: boolean } = {},
): Promise<Embedded> {
  const cluster = prepare(resolve(dataDir))
  if (!existsSync(join(cluster.folder, 'PG_VERSION'))) await initialise(cluster)
  const running = await adopt(cluster)
  const url = running ?? (await launch(cluster, durable))
  return { url, stop: () => stop(cluster, url) }
}

function prepare(dataDir: string): Cluster {
  const folder = join(dataDir, 'postgres')
  const passwordFile = join(dataDir, 'postgres-password')
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    const runner = runnerFor()
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (runner.uid !== undefined) chownSync(folder, runner.uid, runner.gid!)
    if (!existsSync(passwordFile)) writeFileSync(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 })
    return { folder, runner, password: readFileSync(passwordFile, 'utf8').trim() }
  } catch (cause) {
    throw new EmbeddedError(`the data directory ${dataDir} cannot be used: ${(cause as Error).message}`, { cause })
  }
}

const urlOf = (cluster: Cluster, port: number, database = 'postgres') =>
  `postgres://drydock:${cluster.password}@127.0.0.1:${port}/${database}`

/** As root the server runs as another user, who may not reach the folder by its path: it is named by the working directory. */
const dataArgument = (cluster: Cluster) => (cluster.runner.uid === undefined ? cluster.folder : '/proc/self/cwd')

async function initialise(cluster: Cluster): Promise<void> {
  const secret = mkdtempSync(join(tmpdir(), 'drydock-initdb-'))
  const pwfile = join(secret, 'password')
  writeFileSync(pwfile, cluster.password, { mode: 0o600 })
  if (cluster.runner.uid !== undefined)
    for (const path of [secret, pwfile]) chownSync(path, cluster.runner.uid, cluster.runner.gid!)
  const args = [
    '-D',
    dataArgument(cluster),
    '-U',
    'drydock',
    '-A',
    'scram-sha-256',
    `--pwfile=${pwfile}`,
    '-E',
    'UTF8',
    '--locale=C',
  ]
  const child = spawn(join(postgresBinaries(cluster.runner), 'bin/initdb'), args, {
    cwd: cluster.folder,
    ...cluster.runner,
  })
  let said = ''
  child.stdout.on('data', (text) => (said += text))
  child.stderr.on('data', (text) => (said += text))
  try {
    const code = await new Promise<number | null>((done, fail) => child.on('error', fail).on('close', done))
    if (code !== 0)
      throw new EmbeddedError(`initdb failed in ${cluster.folder}: ${said.trim().split('\n').slice(-3).join(' ')}`)
  } finally {
    rmSync(secret, { recursive: true, force: true })
  }
}

/** A server that outlived the process that started it: its address, or null where there is none. */
async function adopt(cluster: Cluster): Promise<string | null> {
  const file = join(cluster.folder, 'postmaster.pid')
  if (!existsSync(file)) return null
  const [pid, , , port] = readFileSync(file, 'utf8').split('\n')
  if (!isPostgres(Number(pid))) return null
  const url = urlOf(cluster, Number(port))
  if (await answers(url, 30)) return url
  throw new EmbeddedError(`a PostgreSQL (process ${pid}) holds ${cluster.folder} but does not answer`)
}

const isPostgres = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return !existsSync(`/proc/${pid}/comm`) || readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres'
}

async function launch(cluster: Cluster, durable: boolean): Promise<string> {
  const port = await freePort()
  const logFile = join(cluster.folder, '..', 'postgres.log')
  const log = openSync(logFile, 'a', 0o600)
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'jit=off',
    ...(durable ? [] : ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off']),
  ]
  const args = ['-D', dataArgument(cluster), '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])]
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
  const tail = readFileSync(logFile, 'utf8').trim().split('\n').slice(-3).join(' ')
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

/** Ends the server unless another process of ours still works on it. */
async function stop(cluster: Cluster, url: string): Promise<void> {
  const sql = connect(url, { max: 1 })
  const [row] = await sql<{ others: bigint }[]>`
    select count(*) as others from pg_stat_activity
    where pid <> pg_backend_pid() and backend_type = 'client backend' and application_name = 'drydock'`
  await sql.end()
  if (row!.others > 0n) return
  const file = join(cluster.folder, 'postmaster.pid')
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
  process.kill(pid, 'SIGINT')
  for (let i = 0; i < 400 && existsSync(file); i++) await sleep(25)
}

const freePort = () =>
  new Promise<number>((done, fail) => {
    const server = createServer().on('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => done(port))
    })
  })

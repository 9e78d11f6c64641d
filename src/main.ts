/**
 * The composition root: config → log → database → adapters → jobs and HTTP; released in reverse.
 * in: the environment and the roles of this process. out: the running service.
 * guarantees: nothing else reads the environment, makes a client or starts a timer.
 */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { Logger } from 'pino'
import { sweepSessions } from './access/sessions.ts'
import { apiApp } from './api/app.ts'
import { isBuildService } from './api/builder-service.ts'
import { defaultBuilder } from './build/builders/builders.ts'
import { keeperFor } from './build/machines/keeper-for.ts'
import { reapDocker } from './build/reap-docker.ts'
import { keyInForce } from './build/vault-key.ts'
import { sweepBuilds } from './build/wake-builders.ts'
import { removeAbandoned } from './build/work-dir.ts'
import { type Config, loadSettings } from './config.ts'
import { startEmbedded } from './db/embedded.ts'
import { migrate } from './db/migrate.ts'
import { connect } from './db/postgres.ts'
import { makePrisma } from './db/prisma.ts'
import { waitForDatabase } from './db/wait.ts'
import type { Deps } from './deps.ts'
import { makeJobs } from './jobs/jobs.ts'
import { type Roles, runWorkers } from './jobs/run-workers.ts'
import { makeLog } from './log.ts'
import { enqueueOutbox } from './notify/enqueue-mail.ts'
import { makeMailer } from './notify/mailer.ts'
import { enqueueSync, introduceSources } from './people/people-sources.ts'
import { pipeline } from './pipeline.ts'
import { makeRegistries } from './registry/registries.ts'
import { forgetScans } from './scanner/scanned-image.ts'
import { openVault } from './secret-key.ts'
import { loadSecrets } from './secrets.ts'
import { gitHookRoute } from './triggers/route.ts'
import { makeSchedules } from './triggers/schedules.ts'
import { introduceRegistries } from './watch/introduce-registries.ts'
import { sweepWatches } from './watch/sweep.ts'
import { webhookRoute } from './webhook/route.ts'

export type Role = 'web' | 'worker' | 'builder'
export type Service = { url: string; close(): Promise<void> }

const sweepMs = 2000
const machinesMs = 1000
/** directories of builds and readings whose process was killed */
const abandonedMs = 60_000
const schedulesMs = 10_000
/** what Portus has not asked its scanner about for long */
const scansMs = 3_600_000
/** what no event told: a pause's end, a lost job */
const planMs = 120_000
/** reminders, mails that are made at an hour, what a clock that jumped or a lost job left */
const outboxMs = 300_000
const sessionsMs = 3_600_000
const keyMs = 2000
const keyPatience = 10_000

/** Settings, secrets and a log, or a ConfigError. Newly made tokens are printed, this once. */
export async function configure(env: NodeJS.ProcessEnv): Promise<{ config: Config; log: Logger }> {
  const settings = loadSettings(env, (path) => readFileSync(path, 'utf8'), process.getuid?.())
  const { fresh, ...secrets } = loadSecrets(settings)
  for (const { name, value } of fresh)
    console.error(`${name}=${value}   (made now, kept in ${settings.dataDir}, shown this once)`)
  const config = Object.freeze({ ...settings, ...secrets, builder: settings.builder ?? (await defaultBuilder()) })
  const log = makeLog(config.logLevel)
  for (const warning of config.warnings) log.warn({ warning }, 'a setting is not as it should be')
  return { config, log }
}

/** The database, waited for, and how to let go of it. */
export async function openDatabase(config: Config, log: Logger): Promise<{ url: string; close(): Promise<void> }> {
  if (config.databaseUrl === null) {
    const embedded = await startEmbedded(config.dataDir)
    return { url: embedded.url, close: embedded.stop }
  }
  await waitForDatabase(config.databaseUrl, log)
  return { url: config.databaseUrl, close: async () => {} }
}

export async function serve(env: NodeJS.ProcessEnv, roles: readonly Role[]): Promise<Service> {
  const { config, log } = await configure(env)
  const closers: (() => Promise<void> | void)[] = []
  const close = async () => {
    for (const release of closers.splice(0).reverse()) await release()
    log.info('stopped')
  }
  try {
    const database = await openDatabase(config, log)
    closers.push(database.close)
    const applied = await migrate(database.url)
    if (applied.length > 0) log.info({ applied }, 'migrated')
    const d = await assemble(config, log, database.url, closers)
    await introduceRegistries(d)
    if (roles.includes('worker') || roles.includes('builder')) {
      const sweep = async () => {
        const removed = await removeAbandoned()
        if (removed.length > 0) log.info({ removed }, 'removed what killed processes left')
      }
      await sweep().catch((err: unknown) => log.warn({ err }, 'could not remove what killed processes left'))
      closers.push(every(abandonedMs, sweep, log))
    }
    if (roles.includes('builder')) {
      const ending = new AbortController()
      closers.push(() => ending.abort())
      const reap = async () => {
        const builds = await reapDocker(d, ending.signal)
        if (builds.length > 0) log.info({ builds }, 'removed what ended builds left on the docker daemon')
      }
      closers.push(every(abandonedMs, reap, log, 'now'))
    }
    if (roles.includes('worker')) {
      await enqueueReconcile(d)
      await introduceSources(d)
      await enqueueSync(d)
    }
    const workerRoles: Roles = { worker: roles.includes('worker'), builder: roles.includes('builder') }
    const workers = await runWorkers({
      url: database.url,
      sql: d.sql,
      log,
      tasks: pipeline(d),
      roles: workerRoles,
      buildWorkers: config.buildWorkers,
      elsewhere: config.builder === 'remote',
    })
    closers.push(workers.stop)
    closers.push(every(sweepMs, workers.sweep, log))
    const elsewhere = config.builder === 'remote' && (workerRoles.worker || workerRoles.builder)
    if (workerRoles.builder || elsewhere) closers.push(every(sweepMs, () => sweepBuilds(d, 'any'), log))
    if (elsewhere || (workerRoles.worker && !workerRoles.builder))
      closers.push(every(sweepMs, () => sweepBuilds(d, 'light'), log))
    if (workerRoles.worker && config.reconcileInterval > 0)
      closers.push(
        every(config.reconcileInterval * 1000, () => enqueueReconcile(d, laterBy(config.reconcileInterval)), log),
      )
    if (workerRoles.worker && config.peopleInterval > 0)
      closers.push(every(config.peopleInterval * 1000, () => enqueueSync(d), log))
    if (workerRoles.worker) closers.push(every(schedulesMs, makeSchedules(d).turn, log))
    if (workerRoles.worker) {
      const planAnew = () => d.jobs.enqueue(d.sql, 'plan', {}, { key: 'plan', queue: 'plan' })
      await planAnew()
      closers.push(every(planMs, planAnew, log))
    }
    if (workerRoles.worker) closers.push(every(outboxMs, () => enqueueOutbox(d), log))
    if (workerRoles.worker) closers.push(every(config.watchInterval * 1000, () => sweepWatches(d), log))
    if (workerRoles.worker && config.scanner) closers.push(every(scansMs, () => forgetScans(d), log))
    if (workerRoles.worker) closers.push(every(sessionsMs, () => sweepSessions(d), log, 'now'))
    const keeper = workerRoles.builder ? await keeperFor(d) : null
    if (keeper) closers.push(keeper.close, every(machinesMs, keeper.turn, log))
    closers.push(every(keyMs, () => endWithoutKey(d, close), log))
    const buildService = workerRoles.builder && isBuildService(config)
    const { server, url } = await listen(d, { web: roles.includes('web'), builder: buildService })
    closers.push(() => endServer(server))
    const { builder } = config
    log.info({ url, roles, registries: config.registries.map((r) => r.name), builder, buildService }, 'ready')
    return { url, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function assemble(
  config: Config,
  log: Logger,
  url: string,
  closers: (() => Promise<void> | void)[],
): Promise<Deps> {
  const sql = connect(url, { max: 20 })
  const db = makePrisma(url)
  const registries = makeRegistries(config.registries, log, config)
  const mailer = makeMailer(config)
  closers.push(
    () => sql.end({ timeout: 5 }),
    () => db.$disconnect(),
    () => registries.close(),
    () => mailer?.close(),
  )
  return {
    config,
    log,
    sql,
    db,
    registries,
    jobs: makeJobs(),
    vault: await openVault(sql, config),
    mailer,
    clock: () => new Date(),
  }
}

/** A process whose key was rotated away can open nothing any more: it ends, so that whatever keeps it running starts it with the new one. */
async function endWithoutKey(d: Deps, close: () => Promise<void>): Promise<void> {
  const known = await keyInForce(d.sql)
  if (known === null || known === d.vault.keyId) return
  d.log.error('DRYDOCK_SECRET_KEY was rotated: this process ends, and is to be started with the new key')
  setTimeout(() => process.exit(1), keyPatience).unref()
  await close()
  process.exit(1)
}

/** `runAt`: a comparison from the beginning then; else now, and one that was interrupted goes on. */
const enqueueReconcile = async (d: Pick<Deps, 'sql' | 'jobs' | 'config'>, runAt?: Date): Promise<void> => {
  for (const { name } of d.config.registries)
    await d.jobs.enqueue(d.sql, 'reconcile', runAt ? { registry: name, fresh: true } : { registry: name }, {
      key: `reconcile:${name}`,
      queue: `reconcile:${name}`,
      ...(runAt ? { runAt } : {}),
    })
}

/** Up to a tenth of an interval from now, so that several installations do not ask one registry at the same moment. */
const laterBy = (seconds: number): Date => new Date(Date.now() + Math.random() * seconds * 100)

/** Calls `work` every `ms`, never twice at once; a failure is told and the next turn tries again. `first`: now, or after `ms`. Returns how to end it. */
function every(ms: number, work: () => Promise<void>, log: Logger, first: 'now' | 'later' = 'later'): () => void {
  let busy = false
  const turn = async () => {
    if (busy) return
    busy = true
    await work().catch((error: unknown) => log.warn({ err: error }, 'a periodic task failed'))
    busy = false
  }
  if (first === 'now') void turn()
  // a timer holds 31 bits; a longer one would run all the time
  const timer = setInterval(turn, Math.min(ms, 2 ** 31 - 1))
  return () => clearInterval(timer)
}

/** The webhook ahead of Express; a process without the role web answers for its health and metrics alone. */
async function listen(
  d: Deps,
  { web, builder }: { web: boolean; builder: boolean },
): Promise<{ server: Server; url: string }> {
  const webhook = web ? webhookRoute(d) : () => false
  const gitHook = web ? gitHookRoute(d) : () => false
  const app = apiApp(d, { web, builder })
  const server = createServer((request, response) => {
    if (!webhook(request, response) && !gitHook(request, response)) app(request, response)
  })
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(d.config.port, d.config.host, resolve),
  )
  return { server, url: d.config.publicUrl }
}

const endServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
    setTimeout(() => server.closeAllConnections(), 1000).unref()
  })

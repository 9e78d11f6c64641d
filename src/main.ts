/**
 * The composition root: config → log → database → adapters → jobs and HTTP; released in reverse.
 * in: the environment and the roles of this process. out: the running service.
 * guarantees: nothing else reads the environment, makes a client or starts a timer.
 */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { Logger } from 'pino'
import { answerAside } from './api/answer-aside.ts'
import { apiApp } from './api/app.ts'
import { isBuildService } from './api/builder-service.ts'
import { defaultBuilder } from './build/builders/builders.ts'
import { keyInForce } from './build/vault-key.ts'
import { type Config, loadSettings } from './config.ts'
import { startEmbedded } from './db/embedded.ts'
import { migrate } from './db/migrate.ts'
import { connect } from './db/postgres.ts'
import { makePrisma } from './db/prisma.ts'
import { waitForDatabase } from './db/wait.ts'
import type { Deps } from './deps.ts'
import { enqueueReconcile } from './inbox/enqueue-reconcile.ts'
import { makeJobs } from './jobs/jobs.ts'
import { type Roles, runWorkers } from './jobs/run-workers.ts'
import { makeLog } from './log.ts'
import { makeMailer } from './notify/mailer.ts'
import { moveKeys } from './people/move-keys.ts'
import { enqueueSync, introduceSources } from './people/people-sources.ts'
import { every, startPeriodic } from './periodic.ts'
import { pipeline } from './pipeline.ts'
import { makeRegistries } from './registry/registries.ts'
import { forgetAnswers } from './scanner/note-answers.ts'
import { openVault } from './secret-key.ts'
import { loadSecrets } from './secrets.ts'
import { makeAside, withTheirRegistries } from './stand-aside.ts'
import { gitHookRoute } from './triggers/route.ts'
import { introduceRegistries } from './watch/introduce-registries.ts'
import { webhookRoute } from './webhook/route.ts'

export type Role = 'web' | 'worker' | 'builder'
export type Service = { url: string; close(): Promise<void> }

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
  const working: typeof closers = []
  const close = async () => {
    await releaseAll(closers)
    log.info('stopped')
  }
  try {
    const database = await openDatabase(config, log)
    closers.push(database.close)
    const applied = await migrate(database.url)
    if (applied.length > 0) log.info({ applied }, 'migrated')
    const d = await assemble(config, log, database.url, closers)
    await moveKeys(d)
    await introduceRegistries(d)
    if (roles.includes('worker')) {
      await enqueueReconcile(d)
      await introduceSources(d)
      await enqueueSync(d)
    }
    // while nobody answered here, Portus took that for nothing wrong
    if (roles.includes('web') && config.scanner) await forgetAnswers(d)
    const workerRoles: Roles = { worker: roles.includes('worker'), builder: roles.includes('builder') }
    const workers = await runWorkers({
      url: database.url,
      sql: d.sql,
      log,
      tasks: withTheirRegistries(d, pipeline(d)),
      roles: workerRoles,
      buildWorkers: config.buildWorkers,
      elsewhere: config.builder === 'remote',
    })
    const endWork = () => releaseAll(working)
    const aside = makeAside(d, endWork)
    closers.push(endWork, aside.ended)
    working.push(workers.stop)
    working.push(await startPeriodic(d, workerRoles, workers))
    closers.push(every({ work: aside.turn, ms: keyMs }, log))
    closers.push(every({ work: () => endWithoutKey(d, close), ms: keyMs }, log))
    const buildService = workerRoles.builder && isBuildService(config)
    const { server, url } = await listen(d, {
      web: roles.includes('web'),
      builder: buildService,
      isAside: aside.isAside,
    })
    closers.push(() => endServer(server))
    const { builder } = config
    log.info({ url, roles, registries: config.registries.map((r) => r.name), builder, buildService }, 'ready')
    return { url, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** The last first. */
async function releaseAll(closers: (() => Promise<void> | void)[]): Promise<void> {
  for (const release of closers.splice(0).reverse()) await release()
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

/** The webhook ahead of Express; a process without the role web answers for its health and metrics alone. */
async function listen(
  d: Deps,
  { web, builder, isAside }: { web: boolean; builder: boolean; isAside: () => boolean },
): Promise<{ server: Server; url: string }> {
  const webhook = web ? webhookRoute(d) : () => false
  const gitHook = web ? gitHookRoute(d) : () => false
  const app = apiApp(d, { web, builder })
  const server = createServer((request, response) => {
    if (webhook(request, response)) return
    if (isAside() && !/^\/(healthz|metrics)$/.test(request.url ?? '')) return answerAside(response)
    if (!gitHook(request, response)) app(request, response)
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

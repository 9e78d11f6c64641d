import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { openInbox, type Received } from './inbox.ts'
import { startSmallRegistry } from './registry/small-registry.ts'
import { startService } from './service.ts'
import { type Tracker, tracker } from './tracker.ts'
import type { Say } from './watch.ts'

/** The parts of the demo, all on loopback. `host` is the registry's name in references, `registry` its address. */
export type Stage = {
  host: string
  registry: string
  url: string
  /** Drydock's API token, and the one the registry's notifications carry */
  token: string
  hook: string
  dir: string
  tracker: Tracker
  received: readonly Received[]
  logFile: string
}

/** What must be ended, last first, whenever the demo ends. */
export type Closers = (() => void | Promise<void>)[]

/**
 * Starts registry, inbox and service (which starts its embedded PostgreSQL) on free ports, 5000 and 8080 where nobody
 * has them. Data goes to a new temporary directory. Each part puts its end into `closers` as soon as it is there, so that
 * the caller can end a half set stage.
 * @param bin the script of `drydock`
 * @param roles what the service does, of web, worker and builder
 * @param env the caller's environment; settings of Drydock in it are left out
 */
export async function setStage(
  bin: string,
  roles: string,
  env: NodeJS.ProcessEnv,
  closers: Closers,
  say: Say,
): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'drydock-demo-'))
  closers.push(() => rmSync(dir, { recursive: true, force: true }))
  // PostgreSQL refuses to be root and then runs as another user, who must be able to reach its directory below.
  chmodSync(dir, 0o711)
  const [token, hook] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')]
  const port = await freePort(8080)
  const inbox = await openInbox()
  closers.push(inbox.close)
  const registry = await startSmallRegistry({
    port: await freePort(5000),
    endpoints: [{ url: `http://127.0.0.1:${port}/v2/webhooks/events`, token: hook }],
  })
  closers.push(registry.close)
  const host = `localhost:${new URL(registry.url).port}`
  say(`start  registry at ${host} (a small one, in memory; it notifies like a big one)`)
  say(`start  inbox at ${inbox.url}`)
  const settings = {
    DRYDOCK_PORT: String(port),
    DRYDOCK_DATA_DIR: join(dir, 'data'),
    DRYDOCK_ADMIN_TOKEN: token,
    DRYDOCK_WEBHOOK_TOKEN: hook,
    DRYDOCK_REGISTRY_URL: registry.url,
    DRYDOCK_REGISTRY_NAME: host,
    DRYDOCK_BUILDER: 'rebase',
    DRYDOCK_SETTLE: '1',
    DRYDOCK_NOTIFY_WINDOW: '1',
    SMTP_URL: inbox.url,
    MAIL_FROM: 'drydock@example.org',
  }
  const service = startService(bin, roles, { ...outside(env), ...settings }, dir)
  closers.push(service.close)
  await service.ready()
  const { url, logFile } = service
  say(`start  drydock at ${url}, with a PostgreSQL of its own in ${dir}`)
  return {
    host,
    registry: registry.url,
    url,
    token,
    hook,
    dir,
    tracker: tracker(url, token),
    received: inbox.received,
    logFile,
  }
}

/** The environment without anything that would point the demo's service at real parts. */
const outside = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(DRYDOCK_|PORTUS_|DATABASE_URL|SMTP_URL|MAIL_FROM)/.test(name)),
  )

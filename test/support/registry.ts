import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { startSmallRegistry } from '../../src/demo/registry/small-registry.ts'
import { makeClient, type RegistryClient } from '../../src/registry/client.ts'
import { freePort } from './free-port.ts'
import type { TokenAuth } from './token-server.ts'

export { pushImage, pushIndex, pushManifest } from './push.ts'

/** Where notifications go; `token` comes as `Authorization: Bearer …`. */
export type TestEndpoint = { url: string; token: string }

/** A registry on a free loopback port. `url`: `http://127.0.0.1:PORT`; `host`: `localhost:PORT`, its name in references. */
export type TestRegistry = {
  kind: 'debian' | 'small'
  url: string
  host: string
  port: number
  /** a client without a login, closed with the registry */
  client: RegistryClient
  close: () => Promise<void>
}
/** `restart`: ends it and starts it again on the same port; what it holds stays, notifications it had not delivered are lost. */
export type DebianRegistry = TestRegistry & { kind: 'debian'; restart: () => Promise<void>; log: () => string }

export type TestRegistryOptions = { endpoints?: readonly TestEndpoint[]; port?: number }
export type DebianOptions = TestRegistryOptions & { auth?: 'htpasswd' | TokenAuth }

/** The one who may log in where `auth` is `htpasswd`. */
export const registryUser = { username: 'drydock', password: 'drydock' }
/** bcrypt of that password, as `htpasswd -B` writes it. */
const htpasswd = 'drydock:$2y$05$abcdefghijklmnopqrstuutXjyqh94A1vN8ejczLg7cCkjkynZ5ei\n'

/** Our own small registry, in this process. */
export async function startSmall(options: TestRegistryOptions & { referrers?: boolean } = {}): Promise<TestRegistry> {
  const { port = 0, endpoints = [], referrers = false } = options
  const registry = await startSmallRegistry({ port, endpoints, referrers })
  const client = makeClient({ url: new URL(registry.url) })
  const close = async () => {
    client.close()
    await registry.close()
  }
  return { kind: 'small', url: registry.url, host: registry.host, port: registry.port, client, close }
}

/** Debian's `docker-registry`, with files in a temporary directory; deleting is allowed. Needs part `docker-registry`. */
export async function startDebianRegistry(options: DebianOptions = {}): Promise<DebianRegistry> {
  const dir = mkdtempSync(join(tmpdir(), 'registry-'))
  const port = options.port ?? (await freePort())
  const url = `http://127.0.0.1:${port}`
  writeFileSync(join(dir, 'htpasswd'), htpasswd)
  writeFileSync(join(dir, 'config.yml'), stringify(configOf(dir, port, options)))
  let child = await start(dir, url)
  const client = makeClient({ url: new URL(url) })
  return {
    kind: 'debian',
    url,
    host: `localhost:${port}`,
    port,
    client,
    async restart() {
      await end(child)
      child = await start(dir, url)
    },
    log: () => readFileSync(join(dir, 'log'), 'utf8'),
    async close() {
      client.close()
      await end(child)
      rmSync(dir, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

function configOf(dir: string, port: number, { endpoints = [], auth }: DebianOptions): object {
  const login =
    auth === 'htpasswd' ? { htpasswd: { realm: 'test', path: join(dir, 'htpasswd') } } : auth && { token: auth }
  return {
    version: 0.1,
    log: { level: 'warn' },
    storage: { filesystem: { rootdirectory: join(dir, 'data') }, delete: { enabled: true } },
    http: { addr: `127.0.0.1:${port}` },
    ...(login ? { auth: login } : {}),
    notifications: {
      endpoints: endpoints.map(({ url, token }, i) => ({
        name: `endpoint-${i}`,
        url,
        headers: { Authorization: [`Bearer ${token}`] },
        timeout: '20s',
        threshold: 5,
        backoff: '200ms',
      })),
    },
  }
}

const startSeconds = 90

async function start(dir: string, url: string): Promise<ChildProcess> {
  const log = openSync(join(dir, 'log'), 'a')
  const child = spawn('docker-registry', ['serve', join(dir, 'config.yml')], { stdio: ['ignore', log, log] })
  closeSync(log)
  const failed = new Promise<never>((_, reject) => child.once('error', reject))
  failed.catch(() => undefined) // it is told by the race below
  const deadline = Date.now() + startSeconds * 1000
  while (!(await Promise.race([answers(url), failed]))) {
    if (child.exitCode === null && Date.now() < deadline) continue
    child.kill('SIGKILL')
    throw new Error(`docker-registry did not start: ${readFileSync(join(dir, 'log'), 'utf8').slice(-2000)}`)
  }
  return child
}

/** Asks once; waits 50 ms where nobody answers, so that a caller may ask again at once. */
async function answers(url: string): Promise<boolean> {
  const answered = await fetch(`${url}/v2/`).then(
    () => true,
    () => false,
  )
  if (!answered) await new Promise((resolve) => setTimeout(resolve, 50))
  return answered
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

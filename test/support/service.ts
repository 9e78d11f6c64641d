import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from '../../src/demo/watch.ts'
import { freePort } from './free-port.ts'

const bin = fileURLToPath(new URL('../../bin/drydock.mjs', import.meta.url))
const readySeconds = 120

/** The whole service as a process of its own, on a port that is its own from the beginning, so that a registry can be told. */
export type TestService = {
  url: string
  /** where a registry sends its notifications, and the token that these carry */
  hook: { url: string; token: string }
  /** Starts it (again) and waits until it is ready. */
  start: (settings: Record<string, string>, roles?: string) => Promise<void>
  /** SIGKILL to the service alone: what it has started lives on. */
  kill: () => Promise<void>
  /** SIGTERM, and waits for its end. */
  stop: () => Promise<void>
  /** A call of the API as its admin; any status of 400 and above is an error that holds the answer. */
  api: <T>(method: string, path: string, body?: unknown) => Promise<T>
  log: () => string
  close: () => Promise<void>
}

export async function makeService(databaseUrl: string): Promise<TestService> {
  const dir = mkdtempSync(join(tmpdir(), 'drydock-service-'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const [token, hookToken] = ['an-admin-token-for-tests', 'a-webhook-token-for-tests']
  const own = {
    DRYDOCK_PORT: String(port),
    DRYDOCK_DATA_DIR: dir,
    DRYDOCK_ADMIN_TOKEN: token,
    DRYDOCK_WEBHOOK_TOKEN: hookToken,
    DRYDOCK_SECRET_KEY: 'a-secret-key-for-tests',
    DRYDOCK_RECONCILE_INTERVAL: '0',
    DRYDOCK_WATCH: '',
    DATABASE_URL: databaseUrl,
  }
  const log = () => readFileSync(join(dir, 'log'), 'utf8')
  let child: ChildProcess | null = null

  async function start(settings: Record<string, string>, roles?: string): Promise<void> {
    const out = openSync(join(dir, 'log'), 'a')
    const { PATH, HOME } = process.env
    const started = spawn(process.execPath, [bin, 'serve', ...(roles ? ['--roles', roles] : [])], {
      env: { PATH, HOME, ...own, ...settings },
      stdio: ['ignore', out, out],
    })
    closeSync(out)
    child = started
    let said = 'nothing'
    const ready = eventually('the service is ready', readySeconds, async () => {
      if (started.exitCode !== null) throw new Error('the service ended at its start')
      const answer = await fetch(`${url}/readyz`).catch(() => null)
      if (answer) said = await answer.text()
      return answer?.ok ? true : null
    })
    await ready.catch((error: Error) => {
      throw new Error(`${error.message}; it said ${said}\n${log().slice(-3000)}`)
    })
  }

  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const ending = child
    child = null
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
    const ended = new Promise((resolve) => ending.once('exit', resolve))
    ending.kill(signal)
    const hard = setTimeout(() => ending.kill('SIGKILL'), 60_000)
    await ended
    clearTimeout(hard)
  }

  return {
    url,
    hook: { url: `${url}/v2/webhooks/events`, token: hookToken },
    start,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    log,
    async api<T>(method: string, path: string, body?: unknown): Promise<T> {
      const answer = await fetch(`${url}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await answer.text()
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 500)}`)
      return (text === '' ? null : JSON.parse(text)) as T
    },
    async close() {
      await end('SIGTERM')
      rmSync(dir, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The service as a user runs it: `drydock serve`, a process of its own, its log in a file. */
export type Service = { url: string; logFile: string; ready: () => Promise<void>; close: () => Promise<void> }

/**
 * Starts `drydock serve`; `ready` waits until `GET /readyz` answers 200 (at most 60 s).
 * @param bin the `drydock` executable's script
 * @param roles what it does, of web, worker and builder
 * @param env the whole environment of the service
 * @param dir where its log goes: `service.log`
 */
export function startService(bin: string, roles: string, env: NodeJS.ProcessEnv, dir: string): Service {
  const logFile = join(dir, 'service.log')
  const log = openSync(logFile, 'a')
  // A process group of its own: Ctrl-C reaches the demo alone, which then ends the service in good order.
  const child = spawn(process.execPath, [bin, 'serve', '--roles', roles], {
    env,
    detached: true,
    stdio: ['ignore', log, log],
  })
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  })
  const [url, token] = [`http://127.0.0.1:${env.DRYDOCK_PORT}`, env.DRYDOCK_ADMIN_TOKEN ?? '']
  async function ready(): Promise<void> {
    const deadline = Date.now() + 60_000
    while (!(await isReady(url, token))) {
      if (!isRunning(child)) throw new Error(`the service ended at its start\n${tail(logFile)}`)
      if (Date.now() > deadline) throw new Error(`the service was not ready after 60 s\n${tail(logFile)}`)
    }
  }
  return { url, logFile, ready, close: () => stop(child, ended, logFile) }
}

/** The last lines of a log, indented. */
export const tail = (file: string): string =>
  readFileSync(file, 'utf8').trimEnd().split('\n').slice(-15).join('\n').replace(/^/gm, '       | ')

const isRunning = (child: ChildProcess) =>
  child.exitCode === null && child.signalCode === null && child.pid !== undefined

/** Asks once, with our token: another service may be at that port. Waits 100 ms where the answer is no, so that a caller may ask again. */
async function isReady(url: string, token: string): Promise<boolean> {
  const ok = (path: string) =>
    fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } }).then(
      (response) => response.ok,
      () => false,
    )
  const ready = (await ok('/readyz')) && (await ok('/api/v1/tags'))
  if (!ready) await new Promise((resolve) => setTimeout(resolve, 100))
  return ready
}

/** SIGTERM and, where 30 s are not enough for a clean end, SIGKILL. An end that was not clean is an error. */
async function stop(child: ChildProcess, ended: Promise<void>, logFile: string): Promise<void> {
  if (!isRunning(child)) return
  child.kill('SIGTERM')
  const hard = setTimeout(() => child.kill('SIGKILL'), 30_000)
  await ended
  clearTimeout(hard)
  if (child.exitCode !== 0)
    throw new Error(`the service ended with ${child.exitCode ?? child.signalCode}\n${tail(logFile)}`)
}

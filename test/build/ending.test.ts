import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { readLog } from '../../src/build/logs.ts'
import { eventually } from '../../src/demo/watch.ts'
import { type DockerEstate, dockerEstate } from '../support/docker-estate.ts'
import { freePort } from '../support/free-port.ts'
import { startDebianRegistry, type TestRegistry } from '../support/registry.ts'
import { requires } from '../support/requires.ts'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts'
import { workDirs } from '../support/work-dirs.ts'
import { secretKey } from './world.ts'

const bin = join(import.meta.dirname, '..', '..', 'bin', 'drydock.mjs')

/** It ends by itself or, where it cannot in 9 s, says so and ends with 1: never later than Docker's SIGKILL after ten. */
requires(
  'docker',
  'docker-registry',
  'git',
  'klibc',
)('SIGTERM while builds run', () => {
  let registry: TestRegistry
  let estate: DockerEstate
  let database: TcpProxy
  let dir: string
  let running: { child: ChildProcess; said: Promise<string>; url: string } | null = null
  beforeAll(async () => {
    registry = await startDebianRegistry()
    estate = await dockerEstate(registry)
    database = await tcpProxy(Number(new URL(estate.pg.url).port))
    dir = mkdtempSync(join(tmpdir(), 'ending-'))
    const login = { kind: 'git', urlPrefix: `${estate.git.origin}/`, username: 'ci', password: 's3cret' }
    await putCredential(estate.d, 'app', 'ci', CredentialInput.parse(login))
    await estate.pushBase('lib/base:1', 'one')
  }, 120_000)
  afterEach(() => {
    running?.child.kill('SIGKILL')
  })
  afterAll(async () => {
    await estate.close()
    await database.close()
    await registry.close()
    rmSync(dir, { recursive: true, force: true })
  }, 60_000)

  async function start(): Promise<void> {
    const behind = new URL(estate.pg.url)
    behind.hostname = '127.0.0.1'
    behind.port = String(database.port)
    const port = await freePort()
    const child = spawn(process.execPath, [bin, 'serve'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...{ PATH: process.env.PATH, HOME: process.env.HOME, DOCKER_HOST: estate.daemon.host },
        ...{ DATABASE_URL: behind.href, DRYDOCK_PORT: String(port), DRYDOCK_DATA_DIR: dir },
        ...{
          DRYDOCK_ADMIN_TOKEN: 'a-token-for-tests',
          DRYDOCK_WEBHOOK_TOKEN: 'a-hook-for-tests',
          DRYDOCK_SECRET_KEY: secretKey,
        },
        ...{
          DRYDOCK_REGISTRY_URL: registry.url,
          DRYDOCK_REGISTRY_NAME: registry.host,
          DRYDOCK_RECONCILE_INTERVAL: '0',
        },
        ...{ DRYDOCK_BUILDER: 'docker', DRYDOCK_GIT_PROTOCOLS: 'http', DRYDOCK_WATCH: '' },
      },
    })
    const url = `http://127.0.0.1:${port}`
    running = { child, said: text(child.stderr!), url }
    await eventually('it is ready', 60, async () =>
      (await fetch(`${url}/readyz`).catch(() => null))?.ok ? true : null,
    )
  }
  /** Gives the exit code and what it said on its way. */
  async function terminate(): Promise<{ code: number | null; said: string }> {
    const { child, said } = running!
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    const [code] = await gone
    running = null
    return { code, said: await said }
  }
  const sleeping = (id: string, times: number) =>
    eventually(
      'it builds',
      60,
      async () => (await readLog(estate.d, id)).split('\nnow sleeping').length > times || null,
    )
  const rows = (ids: readonly string[]) => estate.d.db.build.findMany({ where: { id: { in: [...ids] } } })
  const nothingRuns = () =>
    eventually('no container is left', 30, async () => (await estate.daemon.docker('ps', '--quiet')) === '' || null)
  const follow = (id: string) =>
    fetch(`${running!.url}/api/v1/builds/${id}/logs?follow=1`, {
      headers: { accept: 'text/event-stream', authorization: 'Bearer a-token-for-tests' },
    })
  const files = (name: string) => ({
    Dockerfile: `FROM ${estate.ref('lib/base:1')}\nRUN trap "" TERM INT; echo now sleeping; sleep 300; echo ${name}\n`,
  })

  it('ends the service in good order: builds are given back, those who follow them are let go', async () => {
    const ids = [await estate.queue('app/one:1', files('one')), await estate.queue('app/two:1', files('two'))]
    const waiting = await estate.queue('app/three:1', files('three'))
    await start()
    for (const id of ids) await sleeping(id, 1)
    const followed = await Promise.all(ids.map(follow))
    const heard = Promise.allSettled(followed.map((answer) => answer.text()))
    const { code, said } = await terminate()
    expect([code, said]).toEqual([0, ''])
    await heard
    for (const row of await rows(ids))
      expect(row).toMatchObject({ state: 'running', leaseUntil: null, error: null, deaths: 0 })
    expect(await rows([waiting])).toMatchObject([{ state: 'queued' }])
    for (const id of ids) expect(workDirs(id)).toEqual([])
    await nothingRuns()

    await start()
    for (const id of ids) await sleeping(id, 2)
    const api = (id: string) =>
      fetch(`${running!.url}/api/v1/builds/${id}/cancel`, {
        method: 'POST',
        headers: { authorization: 'Bearer a-token-for-tests' },
      })
    for (const id of [waiting, ...ids]) expect((await api(id)).ok).toBe(true)
    await eventually(
      'all are cancelled',
      30,
      async () => (await rows([waiting, ...ids])).every(({ state }) => state === 'cancelled') || null,
    )
    await nothingRuns()
    expect(await terminate()).toEqual({ code: 0, said: '' })
  }, 240_000)

  it('ends it without its database too; the next one goes on, and removes what was left', async () => {
    const id = await estate.queue('app/away:1', files('away'))
    await start()
    await sleeping(id, 1)
    const followed = await follow(id)
    const heard = followed.text().catch(() => 'cut')
    database.cut()
    const { code, said } = await terminate()
    expect(code === 0 ? '' : 'drydock: not ended in good order within 9 s\n').toBe(said)
    await heard
    database.mend()
    expect(await rows([id])).toMatchObject([{ state: 'running', error: null }])
    await start()
    await sleeping(id, 2)
    await eventually(
      'one container',
      30,
      async () => (await estate.daemon.docker('ps', '--quiet')).trim().split('\n').length === 1 || null,
    )
    await estate.pg.sql`update build set cancel_asked = true where id = ${id}`
    await eventually('it is cancelled', 30, async () => (await rows([id]))[0]!.state === 'cancelled' || null)
    await nothingRuns()
    expect(workDirs(id)).toEqual([])
    expect((await terminate()).code).toBe(0)
  }, 240_000)
})

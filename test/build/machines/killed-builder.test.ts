import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import { eventually } from '../../../src/demo/watch.ts'
import { type Dockerd, startDockerd } from '../../support/docker.ts'
import { type GitServer, startGitServer } from '../../support/git-server.ts'
import { writeKlibcBase } from '../../support/klibc.ts'
import { standIn, type TestMachines, testMachines } from '../../support/machines.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'
import { startSmall, type TestRegistry } from '../../support/registry.ts'
import { requires } from '../../support/requires.ts'
import { makeService, type TestService } from '../../support/service.ts'

/** The whole service is killed; whatever it was at, one build comes of it, and no machine stays that nobody wants. */
requires(
  'docker',
  'git',
  'klibc',
)('a builder that is killed', () => {
  let pg: TestDatabase
  let registry: TestRegistry
  let git: GitServer
  let machines: TestMachines
  let service: TestService

  beforeAll(async () => {
    registry = await startSmall()
    git = await startGitServer(null)
    git.commit('quick', { Dockerfile: `FROM ${registry.host}/lib/base:1\nRUN echo quick > /q\n` })
    git.commit('long', { Dockerfile: `FROM ${registry.host}/lib/base:1\nRUN sleep 30\n` })
    git.commit('slow', { Dockerfile: `FROM ${registry.host}/lib/base:1\nRUN sleep 300\nRUN echo slow > /s\n` })
    await pushBase(registry.host)
  })
  beforeEach(async () => {
    pg = await testDatabase()
    machines = testMachines()
    service = await makeService(pg.url)
  })
  afterEach(async () => {
    await service.close()
    await machines.close()
    await pg.close()
  })
  afterAll(async () => {
    await git.close()
    await registry.close()
  })

  const start = (pool = 0, more: Record<string, string> = {}) =>
    service.start({
      ...machines.env,
      DRYDOCK_REGISTRY_URL: registry.url,
      DRYDOCK_REGISTRY_NAME: registry.host,
      DRYDOCK_BUILDER: 'docker-machine',
      DRYDOCK_MACHINE_COMMAND: standIn,
      DRYDOCK_MACHINE_DRIVER: 'none',
      DRYDOCK_MACHINE_POOL: String(pool),
      DRYDOCK_GIT_PROTOCOLS: 'http',
      DRYDOCK_SETTLE: '0',
      ...more,
    })
  const request = async (name: string): Promise<string> => {
    const ref = `${registry.host}/app/${name}:1`
    const recipe = { git: { url: `${git.origin}/${name}.git`, ref: 'main' } }
    await service.api('PUT', `/recipes/${encodeURIComponent(ref)}`, recipe)
    return (await service.api<{ id: string }>('POST', '/builds', { ref })).id
  }
  const rows = () => pg.db.machine.findMany({ orderBy: { createdAt: 'asc' } })
  const build = (id: string) => pg.db.build.findUniqueOrThrow({ where: { id } })
  const succeeded = (id: string) =>
    eventually('the build succeeds', 90, async () => {
      const { state, error } = await build(id)
      if (state === 'failed' || state === 'cancelled') throw new Error(JSON.stringify(error))
      return state === 'succeeded' || null
    })
  const noneLeft = async () => {
    await eventually('no machine is left', 90, async () => (await rows()).length === 0 || null)
    const left = [await machines.names(), machines.daemons(), creations(machines.env.MACHINE_STORAGE_PATH)]
    expect([...left, machines.instances()]).toEqual([[], [], [], []])
  }

  it('while its machine is made: half of it is removed, and the command that made it ended', async () => {
    machines.fault({ hang: 'after' })
    await start()
    const id = await request('quick')
    const half = await eventually('a daemon', 90, async () =>
      machines.daemons().length > 0 ? (await rows())[0]! : null,
    )
    expect(half).toMatchObject({ state: 'creating', buildId: id })
    await service.kill()
    expect(creations(machines.env.MACHINE_STORAGE_PATH)).toHaveLength(1)
    machines.fault({})
    await start()
    await succeeded(id)
    expect((await build(id)).host).toMatchObject({ driver: 'none', name: expect.not.stringContaining(half.name) })
    await noneLeft()
  })

  it('while the cloud makes its machine: the creation goes on until docker-machine can name what it made, and is undone', async () => {
    machines.fault({ delay: 15_000 })
    await start()
    const id = await request('quick')
    const half = await eventually('the cloud makes it', 90, async () =>
      machines.instances().length > 0 ? (await rows())[0]! : null,
    )
    await service.kill()
    expect(creations(machines.env.MACHINE_STORAGE_PATH)).toHaveLength(1)
    machines.fault({})
    await start()
    await succeeded(id)
    expect((await build(id)).host).toMatchObject({ driver: 'none', name: expect.not.stringContaining(half.name) })
    await noneLeft()
  })

  it('with machines, and started again with another builder: they are removed all the same', async () => {
    await start(1)
    await eventually('one is ready', 90, async () => (await rows()).find((row) => row.state === 'ready') ?? null)
    await service.kill()
    await start(0, { DRYDOCK_BUILDER: 'rebase' })
    await noneLeft()
  })

  it('while it builds: another machine builds anew, both are removed', async () => {
    await start()
    const id = await request('slow')
    const first = await eventually('it builds', 90, async () => {
      const { steps, host } = await build(id)
      return (steps as { name: string }[]).some((step) => step.name === 'build') ? (host as { name: string }) : null
    })
    await service.kill()
    expect(await rows()).toMatchObject([{ name: first.name, state: 'leased', buildId: id }])
    git.commit('slow', { Dockerfile: `FROM ${registry.host}/lib/base:1\nRUN echo slow > /s\n` })
    await start()
    await succeeded(id)
    expect(((await build(id)).host as { name: string }).name).not.toBe(first.name)
    await noneLeft()
  })

  it('is told from a machine that is lost under a build, for which the recipe is not blamed', async () => {
    await start()
    const id = await request('long')
    await eventually('it builds', 90, async () =>
      ((await build(id)).steps as { name: string }[]).some((step) => step.name === 'build') ? true : null,
    )
    for (const pid of machines.daemons()) process.kill(pid, 'SIGKILL')
    const failed = await eventually('it fails', 90, async () => {
      const { state, error } = await build(id)
      return state === 'running' ? null : { state, error }
    })
    expect(failed).toMatchObject({ state: 'failed', error: { code: 'machine-lost', retryable: true } })
    await noneLeft()
  })

  it('with a machine ready: the next process keeps and uses it, and a smaller pool ends it', async () => {
    await start(1)
    const ready = await eventually(
      'one is ready',
      90,
      async () => (await rows()).find((row) => row.state === 'ready') ?? null,
    )
    await service.kill()
    await start(1)
    const id = await request('quick')
    await succeeded(id)
    expect((await build(id)).host).toEqual({ name: ready.name, driver: 'none', provisionSeconds: 0 })
    await eventually('the pool is full again', 90, async () => {
      const all = await rows()
      return (all.length === 1 && all[0]!.state === 'ready' && all[0]!.name !== ready.name) || null
    })
    await service.kill()
    await start(0)
    await noneLeft()
  })

  it('while it makes one for its pool: once its time is over, half of it is removed', async () => {
    machines.fault({ hang: 'after' })
    await start(1)
    await eventually('a daemon', 90, async () => machines.daemons().length > 0 || null)
    await service.kill()
    await start(0)
    expect(await rows()).toMatchObject([{ state: 'creating' }])
    await pg.sql`update machine set lease_until = now()` // a minute later
    await noneLeft()
  })
})

/** Creations of the stand-in that run, whatever became of who started them. */
const creations = (store: string): string[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => read(`/proc/${pid}/cmdline`).includes('cli.ts\0create'))
    .filter((pid) => read(`/proc/${pid}/environ`).includes(`MACHINE_STORAGE_PATH=${store}\0`))

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return '' // it has ended meanwhile
  }
}

async function pushBase(host: string): Promise<void> {
  const context = mkdtempSync(join(tmpdir(), 'klibc-base-'))
  const daemon: Dockerd = await startDockerd()
  try {
    writeKlibcBase(context, 'one')
    await daemon.docker('build', '--quiet', '--tag', `${host}/lib/base:1`, context)
    await daemon.docker('push', `${host}/lib/base:1`)
  } finally {
    await daemon.close()
    rmSync(context, { recursive: true, force: true })
  }
}

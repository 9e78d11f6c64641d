import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import type { BuilderContext, BuildHost, BuildJob } from '../../../src/build/builders/builder.ts'
import { machineHosts } from '../../../src/build/machines/machine-hosts.ts'
import { machineKeeper } from '../../../src/build/machines/machine-keeper.ts'
import { Recipe } from '../../../src/build/recipe.ts'
import { defaultBuildSettings, Machines } from '../../../src/build-settings.ts'
import type { Config } from '../../../src/config.ts'
import { eventually } from '../../../src/demo/watch.ts'
import { testDeps } from '../../support/deps.ts'
import { standIn, type TestMachines, testMachines } from '../../support/machines.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'
import { requires } from '../../support/requires.ts'

const pauses = { look: 50, failure: 50, quota: 50, longest: 100, removal: 20_000 }

requires('docker')('hosts made by docker-machine', () => {
  let pg: TestDatabase
  let machines: TestMachines

  beforeAll(async () => {
    pg = await testDatabase()
    machines = testMachines()
    process.env.MACHINE_STORAGE_PATH = machines.env.MACHINE_STORAGE_PATH
  })
  afterEach(async () => {
    machines.fault({})
    await pg.sql`update build set state = 'succeeded'`
    const last = keeper({})
    await eventually('no machine is left', 90, async () => {
      await last.turn()
      await last.settled()
      await pg.sql`update machine set lease_until = now() where error is not null` // no need to wait for the next try
      return (await pg.db.machine.count()) === 0 || null
    })
    expect([await pg.db.machine.count(), await machines.names(), machines.daemons()]).toEqual([0, [], []])
  })
  afterAll(async () => {
    delete process.env.MACHINE_STORAGE_PATH
    await machines.close()
    await pg.close()
  })

  const never = new AbortController().signal
  const deps = (more: object) => {
    const machines = { ...Machines.parse({ profiles: { default: { driver: 'none' } }, ...more }), command: standIn }
    return {
      ...testDeps(pg),
      config: { ...defaultBuildSettings(), registries: [], outside: [], machines } as unknown as Config,
    }
  }
  const hosts = (more: object) => machineHosts(deps(more), pauses)
  const keeper = (more: object) => machineKeeper(deps({ profiles: {}, ...more }))
  const filled = async (profiles: object) => {
    const filling = keeper({ profiles })
    await filling.turn()
    await filling.settled()
  }
  const rows = () => pg.db.machine.findMany({ orderBy: { createdAt: 'asc' } })

  const start = async (recipe: object = {}) => {
    const id = randomUUID()
    const data = { id, ref: 'a/b:1', key: '', reason: {}, recipe: {}, state: 'running' as const }
    await pg.db.build.create({ data: { ...data, ref: `a/${id}:1` } })
    const seen = { log: '', host: null as BuildHost | null }
    const context = {
      log: { write: (text: string) => void Object.assign(seen, { log: seen.log + text }), hide: () => undefined },
      host: async (host: BuildHost) => void Object.assign(seen, { host }),
    } as unknown as BuilderContext
    const target = { host: 'r', repository: 'a/b', tag: '1', digest: null }
    const job = { id, target, recipe: Recipe.parse({ strategy: 'rebase', ...recipe }) } as unknown as BuildJob
    return { id, job, context, seen }
  }

  it('makes a machine for a build, says where it is, and removes it', async () => {
    const { id, job, context, seen } = await start()
    const made = hosts({})
    const endpoint = await made.acquire(job, context, never)
    const [row] = await rows()
    expect(row).toMatchObject({ state: 'leased', buildId: id, driver: 'none', profile: 'default', error: null })
    expect(seen.host).toMatchObject({ name: row!.name, driver: 'none' })
    expect(seen.host!.provisionSeconds).toBeGreaterThan(0)
    expect(endpoint.env).toMatchObject({ DOCKER_HOST: expect.stringMatching(/^tcp:/), DOCKER_TLS_VERIFY: '1' })
    await made.release(id, never)
    await made.release(id, never)
    expect([await rows(), await machines.names(), machines.daemons()]).toEqual([[], [], []])
  })

  it('takes the one that stands ready, for one build for ever; the keeper makes another', async () => {
    const profiles = { default: { driver: 'none', pool: 1 } }
    await filled(profiles)
    const [ready] = await rows()
    const first = await start()
    await hosts({}).acquire(first.job, first.context, never)
    expect(first.seen.host).toEqual({ name: ready!.name, driver: 'none', provisionSeconds: 0 })
    await filled(profiles)
    expect((await rows()).map((row) => [row.state, row.buildId])).toEqual([
      ['leased', first.id],
      ['ready', null],
    ])
    await hosts({}).release(first.id, never)
    expect(await machines.names()).not.toContain(ready!.name)
  })

  it('never gives one machine to two builds', async () => {
    const profiles = { default: { driver: 'none', pool: 2 } }
    await filled(profiles)
    const builds = await Promise.all([start(), start(), start()])
    await Promise.all(builds.map(({ job, context }) => hosts({}).acquire(job, context, never)))
    expect(new Set(builds.map(({ seen }) => seen.host?.name)).size).toBe(3)
    expect(builds.filter(({ seen }) => seen.host?.provisionSeconds === 0)).toHaveLength(2)
  })

  it('does without a machine of the pool that no longer answers', async () => {
    await filled({ default: { driver: 'none', pool: 1 } })
    const [dead] = await rows()
    for (const pid of machines.daemons()) process.kill(pid, 'SIGKILL')
    const { job, context, seen } = await start()
    await hosts({}).acquire(job, context, never)
    expect(seen.host?.name).not.toBe(dead!.name)
    expect(seen.log).toContain('does not answer')
  })

  it('has no second machine before the first is its own no more, however slow the database is', async () => {
    await pg.sql.unsafe(`
      create function slow_removal() returns trigger language plpgsql as $$ begin perform pg_sleep(0.5); return new; end $$;
      create trigger slow_removal before update on machine for each row
        when (new.state = 'removing' and old.state <> 'removing') execute function slow_removal()`)
    try {
      await filled({ default: { driver: 'none', pool: 1 } })
      for (const pid of machines.daemons()) process.kill(pid, 'SIGKILL')
      machines.fault({ fail: 1 })
      const { job, context, seen } = await start()
      await hosts({}).acquire(job, context, never)
      expect(seen.log).toContain('does not answer')
      expect(seen.log).toContain('try 1 of')
      expect(await rows()).toContainEqual(expect.objectContaining({ name: seen.host?.name, buildId: job.id }))
    } finally {
      await pg.sql`drop function slow_removal cascade`
    }
  })

  it('waits for room, and lets a build have the place of a machine that is of no use to it', async () => {
    const limit = { most: 1 }
    const [first, second] = [await start(), await start()]
    await hosts(limit).acquire(first.job, first.context, never)
    const waiting = hosts(limit).acquire(second.job, second.context, never)
    await eventually('it waits', 90, async () => second.seen.log.includes('which is the most') || null)
    expect(await rows()).toHaveLength(1)
    await hosts(limit).release(first.id, never)
    await waiting
    await hosts(limit).release(second.id, never)

    await filled({ other: { driver: 'none', pool: 1 } })
    const [idle] = await rows()
    const third = await start()
    await hosts(limit).acquire(third.job, third.context, never)
    expect(await rows()).toMatchObject([{ buildId: third.id }])
    expect(await machines.names()).not.toContain(idle!.name)
  })

  it('waits a quota out without counting it, and tries again after failures', async () => {
    machines.fault({ quota: 3, fail: 1 })
    const { job, context, seen } = await start()
    await hosts({ tries: 2 }).acquire(job, context, never)
    expect(seen.log).toContain('waited out')
    expect(seen.log).toContain('try 1 of 2')
    expect(await machines.names()).toHaveLength(1)
  })

  it('gives up after so many tries, and leaves nothing; no secret of the driver is told', async () => {
    machines.fault({ fail: 9 })
    const { job, context, seen } = await start()
    const options = ['--cloud-token', 'very-secret-token']
    const some = hosts({ tries: 2, profiles: { default: { driver: 'cloud', options } } })
    const failure = await some.acquire(job, context, never).catch((error: unknown) => error)
    expect(failure).toMatchObject({
      code: 'machine-failed',
      retryable: true,
      message: expect.stringContaining('said no to'),
    })
    expect(`${failure} ${seen.log}`).toContain('--cloud-token ***')
    expect(`${failure} ${seen.log}`).not.toContain('very-secret')
  })

  it('gives up on a host that never comes up, and leaves nothing of it', async () => {
    machines.fault({ deaf: 9 })
    const { job, context } = await start()
    await expect(hosts({ tries: 1 }).acquire(job, context, never)).rejects.toMatchObject({ code: 'machine-failed' })
  })

  it('stops when it is told to, in the middle of a creation that would never end', async () => {
    machines.fault({ hang: 'after' })
    const { job, context } = await start()
    const stop = new AbortController()
    const acquiring = hosts({}).acquire(job, context, stop.signal)
    acquiring.catch(() => undefined)
    await eventually('a daemon', 90, async () => machines.daemons().length === 1 || null)
    stop.abort(new Error('enough'))
    await expect(acquiring).rejects.toThrow('enough')
  })

  it('removes later what could not be removed now, and says so', async () => {
    const { id, job, context } = await start()
    await hosts({}).acquire(job, context, never)
    machines.fault({ 'rm-fail': 1 })
    await expect(hosts({}).release(id, never)).rejects.toMatchObject({ code: 'machine-left' })
    expect(await rows()).toMatchObject([{ state: 'removing', buildId: null, error: { tries: 1 } }])
  })

  it('refuses a profile that nobody configured', async () => {
    const { job, context } = await start({ machine: 'huge' })
    await expect(hosts({}).acquire(job, context, never)).rejects.toMatchObject({
      code: 'machine-profile',
      retryable: false,
    })
  })

  it('does not try again what another try cannot mend', async () => {
    const { job, context } = await start()
    const missing = deps({ tries: 5 })
    const config = { ...missing.config, machines: { ...missing.config.machines, command: '/nowhere/docker-machine' } }
    await expect(machineHosts({ ...missing, config }, pauses).acquire(job, context, never)).rejects.toMatchObject({
      code: 'program-missing',
    })
  })
})

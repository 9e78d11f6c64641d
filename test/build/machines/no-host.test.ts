import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import { build } from '../../../src/build/build.ts'
import { cancelBuild } from '../../../src/build/cancel.ts'
import { readLog } from '../../../src/build/logs.ts'
import { machineKeeper } from '../../../src/build/machines/machine-keeper.ts'
import { Recipe } from '../../../src/build/recipe.ts'
import { putRecipe } from '../../../src/build/recipes.ts'
import { requestBuild } from '../../../src/build/request.ts'
import { Builds, Machines } from '../../../src/build-settings.ts'
import { eventually } from '../../../src/demo/watch.ts'
import type { Deps } from '../../../src/deps.ts'
import { standIn, type TestMachines, testMachines } from '../../support/machines.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'
import { requires } from '../../support/requires.ts'
import { workDirs } from '../../support/work-dirs.ts'
import { buildDeps } from '../world.ts'

requires('docker')('a build whose machine does not come', () => {
  let pg: TestDatabase
  let machines: TestMachines
  let d: Deps
  const registry = { url: 'http://127.0.0.1:1', host: 'localhost:1' }
  const deps = (timeouts = {}, profiles: object = { default: { driver: 'none' } }) =>
    buildDeps(pg, registry, {
      builder: 'docker-machine',
      builds: Builds.parse({ timeouts }),
      machines: { ...Machines.parse({ profiles, tries: 1 }), command: standIn },
    })

  beforeAll(async () => {
    pg = await testDatabase()
    machines = testMachines()
    process.env.MACHINE_STORAGE_PATH = machines.env.MACHINE_STORAGE_PATH
    d = deps()
  })
  afterEach(async () => {
    machines.fault({})
    const keeper = machineKeeper(deps({}, {}))
    await eventually('no machine is left', 90, async () => {
      await keeper.turn()
      await keeper.settled()
      return (await pg.db.machine.count()) === 0 || null
    })
    expect([await machines.names(), machines.daemons()]).toEqual([[], []])
  })
  afterAll(async () => {
    delete process.env.MACHINE_STORAGE_PATH
    await machines.close()
    d.registries.close()
    await pg.close()
  })

  const queue = async (name: string) => {
    const ref = `${registry.host}/app/${name}:1`
    await putRecipe(d, ref, Recipe.parse({ git: { url: 'http://127.0.0.1:1/a.git', ref: 'main' } }))
    const requested = await requestBuild(d, { ref, reason: { kind: 'manual' }, root: null })
    if (requested === 'no-recipe') throw new Error('there is a recipe')
    return requested.build.id
  }
  const over = async (id: string) => {
    expect(workDirs(id)).toEqual([])
    const row = await pg.db.build.findUniqueOrThrow({ where: { id } })
    return { row, steps: (row.steps as { name: string }[]).map((step) => step.name) }
  }

  it.each(['before', 'after'])('is cancelled while the command hangs %s the daemon starts', async (hang) => {
    machines.fault({ hang })
    const id = await queue(`hangs-${hang}`)
    const running = build(d, id)
    await eventually('it is being made', 90, async () => {
      const daemons = hang === 'before' ? 0 : 1
      return ((await machines.names()).length === 1 && machines.daemons().length === daemons) || null
    })
    expect(await cancelBuild(d, id)).toBe('asked')
    await running
    const { row, steps } = await over(id)
    expect(row).toMatchObject({ state: 'cancelled', error: { code: 'cancelled' } })
    expect(steps).toEqual(['host', 'cleanup'])
  })

  it('is cancelled while its removal takes long, which goes on', async () => {
    machines.fault({ hang: 'after', 'rm-fail': 1 })
    const id = await queue('slow-removal')
    const running = build(d, id)
    await eventually('it is being made', 90, async () => machines.daemons().length === 1 || null)
    await cancelBuild(d, id)
    await running
    expect((await over(id)).row).toMatchObject({ state: 'cancelled' })
    await eventually('it is noted that it is still there', 90, async () =>
      (await pg.sql`select from machine where error is not null`).length === 1 ? true : null,
    )
    await pg.sql`update machine set lease_until = now() where error is not null` // no need to wait for the next try
  })

  it('fails once its time for a host is over', async () => {
    machines.fault({ hang: 'before' })
    const id = await queue('times-out')
    await build(deps({ host: 2 }), id)
    const { row, steps } = await over(id)
    expect(row).toMatchObject({ state: 'failed', error: { code: 'timed-out', retryable: true } })
    expect(steps).toEqual(['host', 'cleanup'])
  })

  it('fails where its daemon never comes up, and says what the command said', async () => {
    machines.fault({ deaf: 9 })
    const id = await queue('deaf')
    await build(d, id)
    const { row, steps } = await over(id)
    expect(row).toMatchObject({
      state: 'failed',
      error: { code: 'machine-failed', message: expect.stringContaining('Docker daemon'), retryable: true },
    })
    expect(steps).toEqual(['host', 'cleanup'])
    expect(await readLog(d, id)).toContain('Running pre-create checks')
  })
})

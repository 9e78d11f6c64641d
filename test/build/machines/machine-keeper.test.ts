import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import pino from 'pino'
import { machineKeeper } from '../../../src/build/machines/machine-keeper.ts'
import type { MachineDeps } from '../../../src/build/machines/machine-park.ts'
import { installationId } from '../../../src/build/machines/rows.ts'
import { defaultBuildSettings, Machines } from '../../../src/build-settings.ts'
import type { Config } from '../../../src/config.ts'
import { eventually } from '../../../src/demo/watch.ts'
import { standIn, type TestMachines, testMachines } from '../../support/machines.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'
import { requires } from '../../support/requires.ts'

const pauses = { failure: 50, quota: 50, longest: 100, silence: 0 }

requires('docker')('the keeper of machines', () => {
  let pg: TestDatabase
  let machines: TestMachines
  let lines: { level: number; msg: string; machine?: string }[] = []
  const log = pino(
    { level: 'info' },
    { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[0]) },
  )
  const told = (level: number) => lines.filter((line) => line.level === level).map((line) => line.msg)

  beforeAll(async () => {
    pg = await testDatabase()
    machines = testMachines()
    process.env.MACHINE_STORAGE_PATH = machines.env.MACHINE_STORAGE_PATH
  })
  afterEach(async () => {
    machines.fault({})
    await keeperOf({}).until(async () => (await rows()).length === 0)
    expect([await machines.names(), machines.daemons()]).toEqual([[], []])
    lines = []
  })
  afterAll(async () => {
    delete process.env.MACHINE_STORAGE_PATH
    await machines.close()
    await pg.close()
  })

  const rows = () => pg.db.machine.findMany({ orderBy: { name: 'asc' } })
  /** A keeper of these pools: profile → machines kept ready. */
  const keeperOf = (pools: Record<string, number>, more: Partial<Machines> = {}) => {
    const profiles = Object.entries(pools).map(([name, pool]) => [name, { driver: 'none', options: [], pool }])
    const settings = Machines.parse({ profiles: Object.fromEntries(profiles), ...more })
    const config = {
      ...defaultBuildSettings(),
      registries: [],
      outside: [],
      machines: { ...settings, command: standIn },
    }
    const d: MachineDeps = { sql: pg.sql, log, config: config as unknown as Config }
    const keeper = machineKeeper(d, pauses)
    const turned = async () => {
      await keeper.turn()
      await keeper.settled()
    }
    const until = (done: () => Promise<boolean>) =>
      eventually('what the keeper is to do', 90, async () => {
        await turned()
        if (await done()) return true
        await pg.sql`update machine set lease_until = now() where state = 'removing'` // no need to wait for the next try
        return null
      })
    return { ...keeper, turned, until }
  }

  it('keeps as many ready as the settings say, each a daemon that answers', async () => {
    const keeper = keeperOf({ default: 1, big: 1 })
    await keeper.turned()
    expect((await rows()).map((row) => [row.state, row.profile, row.buildId]).sort()).toEqual([
      ['ready', 'big', null],
      ['ready', 'default', null],
    ])
    expect((await machines.names()).sort()).toEqual((await rows()).map((row) => row.name))
    expect(machines.daemons()).toHaveLength(2)
    await keeper.turned()
    expect(await rows()).toHaveLength(2)
    await keeperOf({ default: 1 }).turned()
    expect((await rows()).map((row) => row.profile)).toEqual(['default'])
  })

  it('makes no more than there may be, and two keepers of one directory share the pool', async () => {
    const [one, other] = [keeperOf({ default: 2 }, { most: 2 }), keeperOf({ default: 2 }, { most: 2 })]
    await Promise.all([one.turned(), other.turned()])
    expect((await rows()).map((row) => row.state)).toEqual(['ready', 'ready'])
    await keeperOf({ default: 2, other: 1 }, { most: 2 }).turned()
    expect(await rows()).toHaveLength(2)
  })

  it('tries again after failures and quotas, leaves nothing of them, and calls for help', async () => {
    machines.fault({ fail: 2, quota: 1, deaf: 1 })
    const keeper = keeperOf({ default: 1 }, { tries: 2 })
    await keeper.until(async () => (await rows()).some((row) => row.state === 'ready'))
    expect(machines.daemons()).toHaveLength(1)
    expect(await machines.names()).toEqual((await rows()).map((row) => row.name))
    expect(told(50).filter((msg) => msg === 'no machine could be made for the pool').length).toBeGreaterThan(0)
  })

  it('removes what nobody answers for: half made, ready, and what no row tells of; but nothing that is not ours', async () => {
    await keeperOf({ default: 1 }).turned()
    const ours = `drydock-${await installationId(pg.sql)}-0123456789abcdef`
    await machines.machine('create', '--driver', 'none', ours)
    await machines.machine('create', '--driver', 'none', 'drydock-zzzzzz-0123456789abcdef')
    mkdirSync(join(machines.env.MACHINE_STORAGE_PATH, 'machines', ours.replace(/.$/, '1'))) // killed before it was described
    const [ready] = await rows()
    await pg.sql`update machine set lease_until = now() - interval '1 s'`
    const half = { name: ours.replace(/.$/, '0'), state: 'creating' as const, profile: 'default', driver: 'none' }
    await pg.db.machine.create({ data: { ...half, owner: ready!.owner, leaseUntil: new Date(0) } })
    const keeper = keeperOf({})
    await keeper.turned()
    await keeper.turned()
    expect(readdirSync(join(machines.env.MACHINE_STORAGE_PATH, 'machines'))).toEqual([
      'drydock-zzzzzz-0123456789abcdef',
    ])
    expect(await rows()).toEqual([])
    expect(told(40)).toContain('a machine that nothing was known of is removed')
    await machines.machine('rm', '-y', 'drydock-zzzzzz-0123456789abcdef')
  })

  it('tries again to remove what stays, with pauses, and calls for help', async () => {
    await keeperOf({ default: 1 }).turned()
    machines.fault({ 'rm-fail': 6 })
    const keeper = keeperOf({})
    const before = Date.now()
    await keeper.turned()
    const [left] = await rows()
    expect(left).toMatchObject({
      state: 'removing',
      error: { code: 'machine-left', tries: 1, message: expect.stringContaining('timeout') },
    })
    expect(left!.leaseUntil.getTime()).toBeGreaterThan(before + 4000)
    await pg.sql`update machine set lease_until = lease_until + interval '1 hour'` // however slow this machine is, the pause lasts
    await keeper.turned()
    expect(await rows()).toMatchObject([{ error: { tries: 1 } }])
    await keeper.until(async () => (await rows()).length === 0)
    expect(told(50)).toEqual([
      'a machine cannot be removed, and may cost money',
      'a machine cannot be removed, and may cost money',
    ])
  })

  it('forgets nothing while its directory is away, and makes nothing in its place', async () => {
    const id = join(machines.env.MACHINE_STORAGE_PATH, 'drydock-store')
    const keeper = keeperOf({ default: 1 })
    await keeper.turned()
    const [ready] = await rows()
    const owner = readFileSync(id)
    for (const away of ['drydock-store', 'machines'])
      renameSync(join(machines.env.MACHINE_STORAGE_PATH, away), join(machines.env.MACHINE_STORAGE_PATH, `${away}-away`))
    await pg.sql`update machine set lease_until = now() - interval '1 s'`
    await keeper.turned()
    const kept = async () => (await rows()).find((row) => row.name === ready!.name)
    expect(await kept()).toMatchObject({
      state: 'removing',
      error: { message: expect.stringContaining('state directory') },
    })
    await keeper.turned()
    expect(await kept()).toMatchObject({ state: 'removing' })
    expect(machines.daemons()).toHaveLength(1)
    for (const away of ['drydock-store', 'machines'])
      renameSync(join(machines.env.MACHINE_STORAGE_PATH, `${away}-away`), join(machines.env.MACHINE_STORAGE_PATH, away))
    expect(readFileSync(id)).toEqual(owner)
  })

  it('calls for help where nobody was told what the cloud made', async () => {
    machines.fault({ unsaved: 1 })
    const keeper = keeperOf({ default: 1 })
    await keeper.turned()
    expect(machines.instances()).toHaveLength(1)
    expect(lines.filter((line) => line.level === 50)).toMatchObject([{ msg: expect.stringContaining('cut off') }])
    await machines.machine('sweep')
  })

  it('leaves alone what another directory knows, and tells once that nobody answers for it', async () => {
    const leaseUntil = new Date(Date.now() - 3_600_000)
    const row = { name: 'drydock-aaaaaa-0123456789abcdef', state: 'ready' as const, profile: 'default', driver: 'none' }
    await pg.db.machine.create({ data: { ...row, owner: 'elsewhere-1234', leaseUntil } })
    const keeper = keeperOf({})
    await keeper.turned()
    await keeper.turned()
    expect(await rows()).toMatchObject([{ state: 'ready' }])
    expect(lines.filter((line) => line.level === 50)).toMatchObject([{ machine: row.name, store: 'elsewhere-1234' }])
    await pg.sql`delete from machine`
  })
})

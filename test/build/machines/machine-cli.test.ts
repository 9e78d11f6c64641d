import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { type MachineCli, machineCli, type Removed } from '../../../src/build/machines/machine-cli.ts'
import { openStore } from '../../../src/build/machines/store.ts'
import type { MachineProfile } from '../../../src/build-settings.ts'
import { eventually } from '../../../src/demo/watch.ts'
import { standIn, type TestMachines, testMachines } from '../../support/machines.ts'
import { requires } from '../../support/requires.ts'

/** What docker-machine does when the cloud, the disk or somebody's kill is in its way, and what comes of it. */
requires('docker')('docker-machine', () => {
  let machines: TestMachines
  let cli: MachineCli
  const never = new AbortController().signal
  const half = { whole: false, tries: 0 }
  const whole = { whole: true, tries: 0 }
  const cloud = { driver: 'cloud', options: [], pool: 0 }

  const open = async (longestMs?: number) => {
    const env = { PATH: process.env.PATH ?? '', HOME: machines.env.MACHINE_STORAGE_PATH, ...machines.env }
    const store = await openStore(machines.env.MACHINE_STORAGE_PATH)
    const alone = (work: () => Promise<void>) => work()
    const given = { command: standIn, env, store, insecure: [], options: [], alone }
    return machineCli(longestMs === undefined ? given : { ...given, longestMs })
  }
  beforeEach(async () => {
    machines = testMachines()
    cli = await open()
  })
  afterEach(() => machines.close())

  const create = (name: string, profile: MachineProfile = cloud, signal = never) =>
    cli.create(name, profile, signal, () => undefined)
  /** Begins one, and gives up on it once the cloud is at it. */
  async function abandoned(name: string): Promise<void> {
    const stop = new AbortController()
    const creating = create(name, cloud, stop.signal)
    creating.catch(() => undefined)
    await eventually('the cloud makes it', 90, async () => machines.instances().length === 1 || null)
    stop.abort(new Error('enough'))
    await expect(creating).rejects.toThrow('enough')
  }
  const gone = (cutOff: boolean): Removed => ({ gone: true, cutOff })
  const left = (why: string) => ({ gone: false, left: expect.stringContaining(why) })

  it('is waited for while the cloud makes a machine that nobody wants any more', async () => {
    machines.fault({ delay: 3000 })
    await abandoned('m')
    expect(await cli.remove('m', half, never)).toEqual(gone(false))
    expect([machines.instances(), machines.daemons(), await cli.list(never)]).toEqual([[], [], []])
  })

  it('is ended where it takes longer than any creation; that something may be left is told', async () => {
    cli = await open(0)
    machines.fault({ hang: 'cloud' })
    await abandoned('m')
    expect(await cli.remove('m', half, never)).toEqual(gone(true))
    expect([machines.instances().length, await cli.list(never)]).toEqual([1, []])
  })

  it('that could not note what the cloud made leaves it, which is told', async () => {
    machines.fault({ unsaved: 1 })
    await expect(create('m')).rejects.toMatchObject({
      code: 'machine-failed',
      message: expect.stringContaining('no space'),
    })
    expect(await cli.remove('m', half, never)).toEqual(gone(true))
  })

  it('forgets nothing while the cloud is down, half made or whole', async () => {
    machines.fault({ deaf: 1 })
    await expect(create('half')).rejects.toMatchObject({ code: 'machine-failed' })
    await create('whole')
    machines.fault({ 'rm-fail': 4 })
    expect(await cli.remove('half', { whole: false, tries: 0 }, never)).toEqual(left('timeout'))
    expect(await cli.remove('half', { whole: false, tries: 1000 }, never)).toEqual(left('timeout'))
    expect(await cli.remove('whole', { whole: true, tries: 0 }, never)).toEqual(left('timeout'))
    expect(await cli.remove('whole', { whole: true, tries: 1000 }, never)).toEqual(left('timeout'))
    expect((await cli.list(never)).sort()).toEqual(['half', 'whole'])
    expect(await cli.remove('half', half, never)).toEqual(gone(false))
    expect(await cli.remove('whole', whole, never)).toEqual(gone(false))
    expect(machines.instances()).toEqual([])
  })

  it('forgets what the cloud has told more than once that it does not know', async () => {
    await create('m')
    machines.fault({ 'rm-missing': 2 })
    expect(await cli.remove('m', whole, never)).toEqual(left('not found'))
    expect(await cli.remove('m', { whole: true, tries: 3 }, never)).toEqual(gone(false))
  })

  it('forgets nothing because a driver’s plugin is missing', async () => {
    await create('m')
    machines.fault({ 'no-plugin': 1 })
    expect(await cli.remove('m', { whole: true, tries: 1000 }, never)).toEqual(left('plugin binary'))
    machines.fault({})
    expect(await cli.remove('m', whole, never)).toEqual(gone(false))
  })

  it('says at once what another try cannot mend', async () => {
    const missing = { driver: 'missing', options: [], pool: 0 }
    await expect(create('m', missing)).rejects.toMatchObject({ code: 'machine-settings', retryable: false })
    expect(await cli.remove('m', half, never)).toEqual(gone(false))
  })

  it('takes an existing daemon with driver none, and does nothing to it', async () => {
    await create('daemon')
    const { DOCKER_HOST } = await cli.endpoint('daemon', never)
    await create('alias', { driver: 'none', options: ['--url', DOCKER_HOST], pool: 0 })
    const endpoint = await cli.endpoint('alias', never)
    expect(endpoint).toEqual({
      ...{ DOCKER_HOST, DOCKER_TLS_VERIFY: '1' },
      DOCKER_CERT_PATH: join(machines.env.MACHINE_STORAGE_PATH, 'certs'),
    })
    expect(await cli.remove('alias', whole, never)).toEqual(gone(false))
    expect(machines.daemons()).toHaveLength(1)
  })

  it('whose file of a machine is gone or torn removes what was never made, and keeps what was', async () => {
    await create('m')
    const file = join(machines.env.MACHINE_STORAGE_PATH, 'machines/m/config.json')
    writeFileSync(file, '{"Driver"')
    expect(await cli.remove('m', { whole: true, tries: 1000 }, never)).toEqual(left('unexpected end'))
    rmSync(file)
    expect(await cli.remove('m', half, never)).toEqual(gone(false))
    expect(machines.daemons()).toHaveLength(1)
  })

  it('does nothing where its directory is another', async () => {
    await create('m')
    rmSync(join(machines.env.MACHINE_STORAGE_PATH, 'drydock-store'))
    await expect(cli.remove('m', whole, never)).rejects.toMatchObject({ code: 'machine-store' })
    await expect(create('n')).rejects.toMatchObject({ code: 'machine-store' })
    expect(await machines.names()).toEqual(['m'])
  })
})

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, test } from '@jest/globals'
import { mayForget, type Unremoved } from '../../../src/build/machines/forget.ts'
import { configState, restoreConfig } from '../../../src/build/machines/machine-files.ts'
import { checkRoom, checkStore, openStore } from '../../../src/build/machines/store.ts'
import { requires } from '../../support/requires.ts'
import { type SmallDisk, smallDisk } from '../../support/small-disk.ts'

describe('a machine that was not removed', () => {
  const down = 'Error removing host "m": RequestError: send request failed: dial tcp: i/o timeout'
  const gone = 'Error removing host "m": Resource not found'
  const plugin = 'Error removing host "m": Driver "x" not found. Do you have the plugin binary accessible in your PATH?'
  const base: Unremoved = { config: 'readable', whole: false, noted: false, tries: 0, said: down }
  test.each<[string, Partial<Unremoved>, boolean]>([
    ['of which nothing is known can be forgotten', { config: 'absent' }, true],
    ['of which nothing can be read, before the cloud was asked', { config: 'unreadable' }, true],
    ['of which nothing can be read any more', { config: 'unreadable', whole: true }, false],
    ['of which nothing can be read after it was noted', { config: 'unreadable', noted: true }, false],
    ['while the cloud is down', { tries: 149 }, false],
    ['half made, after a day', { tries: 150 }, true],
    ['half made and noted, never', { noted: true, tries: 100_000 }, false],
    ['whole, never', { whole: true, tries: 100_000 }, false],
    ['that the cloud does not know, not at once', { said: gone, whole: true, tries: 2 }, false],
    ['that the cloud does not know', { said: gone, whole: true, tries: 3 }, true],
    ['that the cloud does not know, by its code', { said: 'InvalidInstanceID.NotFound: i-1', tries: 3 }, true],
    ['whose driver is missing', { said: plugin, whole: true, tries: 100 }, false],
  ])('%s', (_, more, may) => expect(mayForget({ ...base, ...more })).toBe(may))
})

describe('the state directory', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'machine-store-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  it('keeps its id, whoever opens it first', async () => {
    const [one, other] = await Promise.all([openStore(dir), openStore(dir)])
    expect(other).toEqual(one)
    await expect(checkStore(one!)).resolves.toBeUndefined()
  })

  it('that went away, or was replaced, is not the one that it was', async () => {
    const store = await openStore(dir)
    rmSync(dir, { recursive: true })
    await expect(checkStore(store)).rejects.toMatchObject({ code: 'machine-store', retryable: true })
    mkdirSync(dir)
    await expect(checkRoom(store)).rejects.toMatchObject({ code: 'machine-store' })
    await openStore(dir)
    await expect(checkStore(store)).rejects.toMatchObject({ code: 'machine-store' })
  })

  it('whose id was lost with the contents of its files is told', async () => {
    writeFileSync(join(dir, 'drydock-store'), '')
    await expect(openStore(dir)).rejects.toMatchObject({
      code: 'machine-store',
      message: expect.stringContaining('empty'),
    })
  })

  it('gets back what docker-machine was replacing when it was killed', async () => {
    const file = join(dir, 'config.json')
    writeFileSync(`${file}.tmp1`, '{"Driver": {"InstanceId"')
    await restoreConfig(dir)
    expect(await configState(dir)).toBe('absent')
    writeFileSync(`${file}.tmp2`, '{"Driver": {"InstanceId": "i-1"}}')
    await restoreConfig(dir)
    expect(await configState(dir)).toBe('readable')
    expect(existsSync(`${file}.tmp2`)).toBe(false)
    writeFileSync(`${file}.tmp3`, '{"Driver": {"InstanceId": "i-2"}}')
    await restoreConfig(dir)
    expect(readFileSync(file, 'utf8')).toContain('i-1')
    writeFileSync(file, '')
    expect(await configState(dir)).toBe('unreadable')
  })
})

requires('docker')('a state directory on a disk', () => {
  let disk: SmallDisk
  beforeEach(() => {
    disk = smallDisk(32)
  })
  afterEach(() => disk.close())

  it('that is full takes no creation', async () => {
    const store = await openStore(disk.path)
    await expect(checkRoom(store)).resolves.toBeUndefined()
    writeFileSync(join(disk.path, 'large'), Buffer.alloc(20 * 1024 * 1024))
    await expect(checkRoom(store)).rejects.toMatchObject({
      code: 'machine-store',
      message: expect.stringContaining('16 MiB'),
    })
    await expect(checkStore(store)).resolves.toBeUndefined()
  })

  it('that cannot be written to takes no creation, and a new one cannot be opened', async () => {
    const store = await openStore(disk.path)
    execFileSync('mount', ['-o', 'remount,ro', disk.path])
    await expect(checkRoom(store)).rejects.toMatchObject({ code: 'machine-store', retryable: true })
    await expect(openStore(join(disk.path, 'new'))).rejects.toMatchObject({ code: 'machine-store' })
    expect(await openStore(disk.path)).toEqual(store)
  })
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { processStart } from '../../src/build/process-group.ts'
import { makeWorkDir, removeAbandoned, removeWorkDir, workDirsOf } from '../../src/build/work-dir.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'work-dirs-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const name = (kind: string, digit: string) => `drydock-${kind}-${'00000000-0000-4000-8000-00000000000'}${digit}`

it('what a killed process left is removed, with the programs it noted there; what a living one has stays', async () => {
  const mine = name('build', '1')
  const dead = name('recipe', '2')
  await makeWorkDir(join(root, mine))
  const script = join(import.meta.dirname, '..', '..', 'src', 'build', 'work-dir.ts')
  const code = `const { makeWorkDir } = await import(process.argv[1]); await makeWorkDir(process.argv[2]); console.log('made'); setInterval(() => undefined, 1000)`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', code, script, join(root, dead)], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(owner.stdout, 'data')
  mkdirSync(join(root, dead, 'checkout'))
  writeFileSync(join(root, dead, 'checkout', 'key'), 'a private key')
  const program = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' })
  writeFileSync(join(root, dead, 'checkout', `pid-${program.pid}`), (await processStart(program.pid!))!)
  expect(await removeAbandoned(root)).toEqual([])

  owner.kill('SIGKILL')
  await once(owner, 'exit')
  const ended = once(program, 'exit')
  expect(await removeAbandoned(root)).toEqual([dead])
  expect((await ended)[1]).toBe('SIGKILL')
  expect(readdirSync(root)).toEqual([mine])
})

it('a number that another process has by now is no owner; what nobody noted stays for an hour, what is not ours for ever', async () => {
  for (const [entry, owner] of [
    [name('service', '1'), `${process.pid} 1`],
    [name('build', '2'), null],
    ['drydock-demo-x', '1 1'],
  ] as const) {
    mkdirSync(join(root, entry))
    if (owner !== null) symlinkSync(owner, join(root, entry, 'owner'))
  }
  expect(await removeAbandoned(root)).toEqual([name('service', '1')])
  expect(existsSync(join(root, name('build', '2')))).toBe(true)
  const [soon, late] = [59, 61].map((minutes) => new Date(Date.now() + minutes * 60_000))
  expect(await removeAbandoned(root, soon)).toEqual([])
  expect(await removeAbandoned(root, late)).toEqual([name('build', '2')])
  expect(readdirSync(root)).toEqual(['drydock-demo-x'])
})

it('what a build has made in its directory goes with it', async () => {
  for (const [entry, file] of [
    [name('build', '1'), null],
    [name('build', '2'), 'checkout'],
  ] as const) {
    await makeWorkDir(join(root, entry))
    if (file !== null) writeFileSync(join(root, entry, file), 'something')
    await removeWorkDir(join(root, entry))
    await removeWorkDir(join(root, entry))
  }
  expect(readdirSync(root)).toEqual([])
})

it('one that is in another’s way, or cannot be removed, keeps none of the others', async () => {
  const [first, stuck, last] = [name('build', '1'), name('build', '2'), name('service', '3')]
  for (const entry of [first, `${first}.abandoned`, last]) {
    mkdirSync(join(root, entry))
    symlinkSync(`${process.pid} 1`, join(root, entry, 'owner'))
    mkdirSync(join(root, entry, 'checkout'))
  }
  // its notes cannot be read: it stays, and is told of
  mkdirSync(join(root, stuck, 'pid-1'), { recursive: true })
  symlinkSync(`${process.pid} 1`, join(root, stuck, 'owner'))
  await expect(removeAbandoned(root)).rejects.toThrow(last)
  expect(readdirSync(root)).toEqual([`${stuck}.abandoned`])
})

it('of a build all attempts’ are found, of no other build, kind or user’s making elsewhere', async () => {
  const id = '00000000-0000-4000-8000-000000000001'
  const mine = [name('build', '1'), `${name('build', '1')}-0a1b2c3d`, `${name('build', '1')}-4e5f6071.abandoned`]
  const others = [name('build', '2'), name('service', '1'), `${name('build', '1')}-x`]
  for (const entry of [...mine, ...others]) mkdirSync(join(root, entry))
  symlinkSync(root, join(root, `${name('build', '1')}-aaaaaaaa`))
  expect((await workDirsOf({ id, job: null }, root)).sort()).toEqual(mine.map((entry) => join(root, entry)))
  expect(await workDirsOf({ id, job: {} }, root)).toEqual([join(root, name('service', '1'))])
})

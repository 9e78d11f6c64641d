import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { describe, expect, it } from '@jest/globals'
import { readDockerfile } from '../../src/build/read-dockerfile.ts'

const scratch = 'FROM scratch\n'
const read = () => readDockerfile(undefined, 'needsBuildKit', scratch)
/** More than a reader has the time for, and soon sent to it. */
const long = () => {
  const subjects = Array(100_000).fill({ digest: `sha256:${'a'.repeat(64)}`, platform: null })
  return readDockerfile(undefined, 'declaredByRecipe', 'h.io/a:1', subjects, scratch.repeat(200), {}, null)
}
const codeOf = (reading: Promise<unknown>) =>
  reading.then(
    () => 'read',
    (error: { code?: unknown; retryable?: unknown }) => [error.code, error.retryable],
  )

/** The readers that this process has, by their ids. */
async function readers(): Promise<number[]> {
  const found: number[] = []
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const [stat, command] = await Promise.all(
      ['stat', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')),
    )
    const parent = Number(stat!.slice(stat!.lastIndexOf(')') + 2).split(' ')[1])
    if (parent === process.pid && command!.includes('dockerfile-child.ts')) found.push(Number(pid))
  }
  return found
}

async function newReader(known: readonly number[]): Promise<number> {
  for (;;) {
    const found = (await readers()).find((pid) => !known.includes(pid))
    if (found !== undefined) return found
    await setTimeout(5)
  }
}

/** What a process took of a processor since its birth, in ticks of the system (proc(5): utime and stime). */
async function worked(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
  return Number(user) + Number(system)
}

/** Waits until a reader has worked for as long as this; fails where it was not at work for so long. */
async function isAtWork(pid: number, ticks: number, reading: Promise<unknown>): Promise<number> {
  let end: unknown
  void reading.then((code) => {
    end = code
  })
  while ((await worked(pid)) < ticks) {
    if (end !== undefined) throw new Error(`the reading was over: ${end}`)
    await setTimeout(5)
  }
  return pid
}

const kill = (pid: number) => process.kill(pid, 'SIGKILL')

async function killAll(): Promise<void> {
  for (const pid of await readers()) kill(pid)
  while ((await readers()).length > 0) await setTimeout(5)
}

describe('a reader that is ended by somebody', () => {
  it('at its birth is replaced', async () => {
    await killAll()
    const reading = read()
    kill(await newReader([]))
    expect(await reading).toBe(false)
  })

  it('while it is idle is replaced', async () => {
    await read()
    for (const pid of await readers()) kill(pid)
    expect(await read()).toBe(false)
  })

  it('at its work is replaced, and says nothing of the Dockerfile when that happens again', async () => {
    await killAll()
    await read()
    const first = await newReader([])
    const birth = await worked(first)
    const reading = codeOf(long())
    kill(await isAtWork(first, birth + 50, reading))
    kill(await isAtWork(await newReader([first]), 2 * birth + 50, reading))
    expect(await reading).toEqual(['reader-lost', true])
    expect(await read()).toBe(false)
  })
})

describe('a reader that cannot be started', () => {
  /** What a process of its own prints that reads twice at once, with and without what `spoil` and `mend` are about. */
  async function twice(spoil: string, mend: string): Promise<string[]> {
    const module = JSON.stringify(new URL('../../src/build/read-dockerfile.ts', import.meta.url).href)
    const script = `
      const { readDockerfile } = await import(${module})
      const { closeSync, openSync } = await import('node:fs')
      const read = () => readDockerfile(undefined, 'needsBuildKit', 'FROM a').catch((e) => e.code + ' ' + e.retryable)
      const both = async () => console.log((await Promise.all([read(), read()])).join(', '))
      const [node, taken] = [process.execPath, []]
      ${spoil}
      await both()
      ${mend}
      await both()
      await both()`
    const ran = ['ulimit -n 100; exec "$@"', 'sh', process.execPath, '--input-type=module', '--eval', script]
    return (await promisify(execFile)('/bin/sh', ['-c', ...ran])).stdout.trim().split('\n')
  }

  const all = ['reader-absent true, reader-absent true', 'false, false', 'false, false']

  it.each([
    ['which Node says by an event', "process.execPath = '/nowhere/node'"],
    ['which Node throws', "process.execPath = 'a\\0b'"],
  ])('fails readings, %s, until it can be', async (_, spoil) => {
    expect(await twice(spoil, 'process.execPath = node')).toEqual(all)
  })

  it('because the engine ends it at its birth is no fault of the Dockerfile', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'drydock-reader-'))
    try {
      const aborts = join(dir, 'aborts')
      await writeFile(aborts, '#!/bin/sh\nulimit -c 0\nkill -ABRT $$\n', { mode: 0o755 })
      const spoil = `process.execPath = ${JSON.stringify(aborts)}`
      expect(await twice(spoil, 'process.execPath = node')).toEqual(all)
    } finally {
      await rm(dir, { recursive: true })
    }
  })

  it('for want of descriptors costs the service nothing else', async () => {
    const take = "try { for (;;) taken.push(openSync('/dev/null')) } catch (error) { console.log(error.code) }"
    const spoil = `${take}\nfor (let i = 0; i < 3; i++) closeSync(taken.pop())`
    expect(await twice(spoil, 'for (const file of taken) closeSync(file)')).toEqual(['EMFILE', ...all])
  })
})

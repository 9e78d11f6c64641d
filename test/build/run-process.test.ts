import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { childEnv } from '../../src/build/child-env.ts'
import { endOrphans } from '../../src/build/orphans.ts'
import { processStart } from '../../src/build/process-group.ts'
import { runProcess } from '../../src/build/run-process.ts'

const never = new AbortController().signal
const sh = (script: string, more: Partial<Parameters<typeof runProcess>[2]> = {}) =>
  runProcess('/bin/sh', ['-c', script], { env: childEnv({}), signal: never, ...more })

describe('running a program', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'run-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  it('gives its exit code and outputs, as they come and at the end', async () => {
    const pieces: string[] = []
    const ran = await sh('echo out; echo err >&2; exit 3', { onOutput: (text) => pieces.push(text) })
    expect(ran).toEqual({ code: 3, stdout: 'out\n', stderr: 'err\n' })
    expect(pieces.sort()).toEqual(['err\n', 'out\n'])
  })

  it('hands a secret over on descriptor 3 alone, and does not mind if nobody reads it', async () => {
    expect((await sh('cat <&3', { secret: 's3cret' })).stdout).toBe('s3cret\n')
    expect((await sh('env; cat /proc/$$/cmdline', { secret: 's3cret' })).stdout).not.toContain('s3cret')
    expect((await sh('true', { secret: 's3cret' })).code).toBe(0)
  })

  it('passes on nothing of our own environment but what is listed', async () => {
    process.env.DRYDOCK_SECRET_KEY = 'k3y'
    const { stdout } = await sh('env')
    delete process.env.DRYDOCK_SECRET_KEY
    expect(stdout).not.toContain('k3y')
    expect(stdout).toContain('PATH=')
  })

  it('says that there is no such program', async () => {
    const missing = runProcess('/no/such/program', [], { env: {}, signal: never })
    await expect(missing).rejects.toMatchObject({ code: 'program-missing' })
  })

  it('ends the whole group when told to, also one that will not go', async () => {
    const stop = new AbortController()
    const pids: number[] = []
    const running = sh('trap "" TERM; (trap "" TERM; echo $$; sleep 600) & echo $!; wait; sleep 600', {
      signal: stop.signal,
      onOutput: (text) => {
        pids.push(...text.trim().split('\n').map(Number))
        stop.abort(new Error('enough'))
      },
    })
    await expect(running).rejects.toThrow('enough')
    for (const pid of pids) expect(await processStart(pid)).toBeNull()
  })

  it('notes what runs, so that a later process can end what a dead one left', async () => {
    const started = Promise.withResolvers<void>()
    const running = sh('echo up; sleep 600', { notesDir: dir, onOutput: () => started.resolve() })
    await started.promise
    while (readdirSync(dir).length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(await endOrphans(dir)).toBe(1)
    expect((await running).code).toBe(128)
    expect(readdirSync(dir)).toEqual([])
  })

  it('leaves a process alone that only has the number of a noted one', async () => {
    writeFileSync(join(dir, `pid-${process.pid}`), '1')
    expect(await endOrphans(dir)).toBe(0)
    expect(await endOrphans(join(dir, 'none'))).toBe(0)
  })
})

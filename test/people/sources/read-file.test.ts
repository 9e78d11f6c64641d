import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { eventually } from '../../../src/demo/watch.ts'
import { judgeReading, mostReadings, settledMs } from '../../../src/people/sources/file-reading.ts'
import { readWholeFile } from '../../../src/people/sources/read-file.ts'
import { usualLimits } from '../../../src/people/sources/source.ts'

const dir = mkdtempSync(join(tmpdir(), 'read-file-'))
const path = join(dir, 'people.yaml')
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const never = new AbortController().signal
const later = () => new Date(Date.now() + 3_600_000)
const read = (file: string, ask: Partial<Parameters<typeof readWholeFile>[1]> = {}) =>
  readWholeFile(file, { limits: usualLimits, clock: later, signal: never, ...ask })

describe('whether what was read counts', () => {
  const at = 1_000_000
  const quiet = { before: { size: 5, mtimeMs: at }, after: { size: 5, mtimeMs: at }, bytes: 5 }
  test.each<[string, typeof quiet, number, number, object]>([
    ['one that has settled', quiet, at + settledMs, 1, { kind: 'whole' }],
    ['one of just now', quiet, at + 10, 1, { kind: 'again', inMs: settledMs - 10 }],
    ['one that is touched all the time', quiet, at, mostReadings, { kind: 'whole' }],
    ['one of tomorrow', quiet, at - 1, 1, { kind: 'whole' }],
    ['one that grew', { ...quiet, after: { size: 9, mtimeMs: at } }, at + 5000, 1, { kind: 'again', inMs: settledMs }],
    [
      'one that was written',
      { ...quiet, before: { size: 5, mtimeMs: at - 1 } },
      at + 5000,
      1,
      { kind: 'again', inMs: settledMs },
    ],
    ['one that was cut off', { ...quiet, bytes: 3 }, at + 5000, 1, { kind: 'again', inMs: settledMs }],
    ['one that grows for ever', { ...quiet, bytes: 9 }, at, mostReadings, { kind: 'changing' }],
  ])('%s', (_what, reading, now, times, judged) => {
    expect(judgeReading(reading, now, times)).toEqual(judged)
  })

  test('is decided after so many readings, and no wait is longer than a moment', () => {
    const stat = fc.record({ size: fc.nat(9), mtimeMs: fc.integer({ min: -9999, max: 9999 }) })
    fc.assert(
      fc.property(
        fc.record({ before: stat, after: stat, bytes: fc.nat(9) }),
        fc.integer(),
        fc.nat(9),
        (reading, now, times) => {
          const judged = judgeReading(reading, now, times)
          if (judged.kind !== 'again') return
          expect(times).toBeLessThan(mostReadings)
          expect(judged.inMs).toBeGreaterThan(0)
          expect(judged.inMs).toBeLessThanOrEqual(settledMs)
        },
      ),
    )
  })
})

test('a file that was written just now is read again: the second half is not missed', async () => {
  writeFileSync(path, 'users: {ada: a@x.org,')
  const clock = () => {
    const { mtimeMs, size } = statSync(path)
    if (size > 30) return later()
    writeFileSync(path, 'users: {ada: a@x.org, bob: b@x.org}')
    return new Date(mtimeMs + settledMs / 2)
  }
  expect((await read(path, { clock })).toString()).toBe('users: {ada: a@x.org, bob: b@x.org}')
})

test('a pipe that nobody writes into is no file, and is not waited for', async () => {
  const pipe = join(dir, 'pipe')
  execFileSync('mkfifo', [pipe])
  await expect(read(pipe)).rejects.toMatchObject({ code: 'unreadable', message: `${pipe} is no file` })
})

test('a reading that takes too long is left behind, and the next one is as if it had not been', async () => {
  writeFileSync(path, 'users: {}')
  await expect(read(path, { limits: { ...usualLimits, idleMs: 1 } })).rejects.toMatchObject({ code: 'timeout' })
  // the process that was left behind may not have been seen to end yet
  const text = await eventually('it can be read again', 60, () =>
    read(path).then(String, (error: { code: string }) => (error.code === 'timeout' ? null : error.code)),
  )
  expect(text).toBe('users: {}')
})

test('one that is asked no more ends with the reason', async () => {
  writeFileSync(path, 'users: {}')
  const ending = new AbortController()
  const reading = read(path, { signal: ending.signal })
  const reason = new Error('the service ends')
  ending.abort(reason)
  await expect(reading).rejects.toBe(reason)
})

import { expect, test } from '@jest/globals'
import pino from 'pino'
import { makeVisits, UnansweredError } from '../../src/scanner/visits.ts'
import { until } from './scanner-service.ts'

const log = pino({ level: 'silent' })
const lostDatabase = () => Object.assign(new Error('gone'), { code: 'ECONNREFUSED' })
/** A database's answer that comes when it is told to. */
const held = () => {
  let go: () => void = () => {}
  const answer = new Promise<void>((resolve) => {
    go = resolve
  })
  return { answer, go: () => go() }
}
const visitsWith = (patience: number) => {
  const overflows = { count: 0 }
  const visits = makeVisits({ log }, { patience, overflowed: async () => void overflows.count++ })
  return { visits, overflows }
}

test('writes in order, and answers after what was written before', async () => {
  const { visits } = visitsWith(600_000)
  const seen: number[] = []
  for (let n = 0; n < 5; n++) void visits.write(async () => void seen.push(n))
  expect(await visits.ask(async () => [...seen])).toEqual([0, 1, 2, 3, 4])
})

test('tries again what the database was away for, and leaves out what it refuses', async () => {
  const { visits } = visitsWith(600_000)
  const seen: string[] = []
  let tries = 0
  void visits.write(async () => {
    if (++tries < 3) throw lostDatabase()
    seen.push('kept')
  })
  void visits.write(() => Promise.reject(new Error('refused')))
  await visits.write(async () => void seen.push('after'))
  expect([tries, seen]).toEqual([3, ['kept', 'after']])
})

test('waits no longer than its patience, not at all while nothing moves, and has lost nothing afterwards', async () => {
  const { visits } = visitsWith(20)
  const database = held()
  const seen: number[] = []
  await visits.write(() => database.answer)
  for (let n = 0; n < 1000; n++) await visits.write(async () => void seen.push(n))
  await expect(visits.ask(async () => 'never')).rejects.toBeInstanceOf(UnansweredError)
  expect(seen).toEqual([])
  database.go()
  await until(() => seen.length === 1000)
  expect(seen).toEqual(seen.map((_, n) => n))
  await until(() =>
    visits
      .ask(async () => true)
      .catch((error: unknown) => {
        if (error instanceof UnansweredError) return false
        throw error
      }),
  )
})

test('keeps so many and no more; where one is lost that is written instead, once', async () => {
  const { visits, overflows } = visitsWith(20)
  const database = held()
  let written = 0
  await visits.write(() => database.answer)
  for (let n = 0; n < 12_000; n++) await visits.write(async () => void written++)
  expect(overflows.count).toBe(0)
  database.go()
  await until(() => overflows.count > 0)
  expect([written, overflows.count]).toEqual([9_999, 1])
})

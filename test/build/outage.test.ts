import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { openLogSink } from '../../src/build/log-sink.ts'
import { readLog } from '../../src/build/logs.ts'
import { throughOutage } from '../../src/build/through-outage.ts'
import { connect, type Sql } from '../../src/db/postgres.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts'

let pg: TestDatabase
let proxy: TcpProxy
let sql: Sql
let id: string
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  const behind = new URL(pg.url)
  proxy = await tcpProxy(Number(behind.port))
  sql = connect(Object.assign(behind, { hostname: '127.0.0.1', port: String(proxy.port) }).href)
  const [row] = await pg.sql<{ id: string }[]>`
    insert into build (ref, state, key, reason, recipe) values (${`h/a:${Math.random()}`}, 'running', 'k', '{}', '{}') returning id`
  id = row!.id
})
afterEach(async () => {
  await sql.end({ timeout: 1 })
  await proxy.close()
})

describe('a database that is away for a moment', () => {
  it('takes no line of a log', async () => {
    const sink = openLogSink({ ...testDeps(pg), sql }, id, { headChars: 1000, tailChars: 100, flushMs: 1 })
    sink.write('before\n')
    await sink.close()
    proxy.cut()
    sink.write('meanwhile\n')
    const closed = sink.close()
    const lost = await sql`select 1`.catch((error: Error) => error)
    expect(lost).toBeInstanceOf(Error)
    proxy.mend()
    await closed
    sink.write('after\n')
    await sink.close()
    expect(await readLog(pg, id)).toBe('before\nmeanwhile\nafter\n')
  })

  it('is waited for as long as the claim lives, and no longer', async () => {
    await sql`select 1`
    proxy.cut()
    const lost = await sql`select 1`.catch((error: Error) => error)
    const gone = new AbortController()
    const work = throughOutage(() => Promise.reject(lost), { until: gone.signal })
    gone.abort()
    await expect(work).rejects.toBe(lost)
    await expect(throughOutage(() => Promise.reject(lost), { forMs: 0 })).rejects.toBe(lost)
    expect(await throughOutage((again) => (again ? Promise.resolve('back') : Promise.reject(lost)))).toBe('back')
  })

  it('is no reason to do again what it refused', async () => {
    let tries = 0
    const work = () => {
      tries++
      return sql`select 1 / 0`
    }
    await expect(throughOutage(work)).rejects.toThrow('division by zero')
    expect(tries).toBe(1)
  })
})

it('a log that cannot be stored at all does not fail its build', async () => {
  await pg.sql`delete from build where id = ${id}`
  const sink = openLogSink(testDeps(pg), id)
  sink.write('a line of nothing')
  await expect(sink.close()).resolves.toBeUndefined()
})

it('two who write one log lose no line of it', async () => {
  const [one, other] = [openLogSink(testDeps(pg), id), openLogSink(testDeps(pg), id)]
  for (const text of ['a\n', 'b\n', 'c\n']) {
    for (const sink of [one, other]) {
      sink.write(text)
      await sink.close()
    }
  }
  expect(await readLog(pg, id)).toBe('a\na\nb\nb\nc\nc\n')
})

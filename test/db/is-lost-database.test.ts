import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { isLostDatabase } from '../../src/db/is-lost-database.ts'
import { connect } from '../../src/db/postgres.ts'
import { makePrisma } from '../../src/db/prisma.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())

const at = (change: Partial<Pick<URL, 'hostname' | 'port' | 'pathname' | 'username' | 'password'>>): string =>
  Object.assign(new URL(pg.url), change).href

/** What our own and Prisma's driver say of it. */
async function bothAsk(url: string): Promise<unknown[]> {
  const sql = connect(url, { max: 1 })
  const db = makePrisma(url)
  const asked = [sql`select 1`, db.build.findFirst()]
  const said = await Promise.all(asked.map((one) => one.then(() => null).catch((error: unknown) => error)))
  await Promise.all([sql.end({ timeout: 1 }), db.$disconnect()])
  return said
}
const away = (error: unknown) => ({ is: isLostDatabase(error), said: String(error) })
const lost = [expect.objectContaining({ is: true }), expect.objectContaining({ is: true })]

describe('a database is away, says either driver', () => {
  it('where its name is gone', async () => {
    expect((await bothAsk(at({ hostname: 'database.invalid' }))).map(away)).toEqual(lost)
  })

  it('where nothing listens, or there is no way to its address', async () => {
    const free = await tcpProxy(1)
    await free.close()
    expect((await bothAsk(at({ hostname: '127.0.0.1', port: String(free.port) }))).map(away)).toEqual(lost)
    expect((await bothAsk(at({ hostname: '255.255.255.255' }))).map(away)).toEqual(lost)
  })

  it('where it is gone, or has no room for another connection', async () => {
    expect((await bothAsk(at({ pathname: '/no_such_database' }))).map(away)).toEqual(lost)
    const name = new URL(pg.url).pathname.slice(1)
    await pg.sql.unsafe(`create role full_${name} login password 'x' connection limit 0`)
    try {
      expect((await bothAsk(at({ username: `full_${name}`, password: 'x' }))).map(away)).toEqual(lost)
    } finally {
      await pg.sql.unsafe(`drop role full_${name}`)
    }
  })

  it('where it ends a session, or is a standby by now', async () => {
    const sql = connect(pg.url, { max: 1 })
    const [own] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`
    const asked = sql`select pg_sleep(600)`.catch((error: unknown) => error)
    await pg.sql`select pg_terminate_backend(${own!.pid})`
    expect(away(await asked)).toMatchObject({ is: true })
    const write = sql.begin('read only', (tx) => tx`delete from build`).catch((error: unknown) => error)
    expect(away(await write)).toMatchObject({ is: true })
    await sql.end()
  })
})

it.each([
  ...['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'CONNECT_TIMEOUT', 'ECONNREFUSED', 'ECONNRESET'],
  ...['EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL'],
  ...['08000', '08006', '08P01', '25006', '3D000', '53100', '53200', '53300', '57P01', '57P02', '57P03'],
  ...['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2037'],
])('%s says that it is away', (code) => {
  expect(isLostDatabase(Object.assign(new Error('x'), { code }))).toBe(true)
})

it.each([
  ...['22P02', '23505', '40001', '40P01', '42P01', '54000', '57014', '0A000', '25P02', '28P01', '5300'],
  ...[
    'ENOENT',
    'ENOSPC',
    'EACCES',
    'P2002',
    'P2025',
    'unreachable',
    'timeout',
    'builder-unreachable',
    '',
    'claim-lost',
  ],
])('%s is of a statement, or of something else', (code) => {
  expect(isLostDatabase(Object.assign(new Error('Connection terminated'), { code }))).toBe(false)
})

it('needs an error of a driver', () => {
  expect(isLostDatabase({ code: 'ECONNREFUSED' })).toBe(false)
  expect(isLostDatabase(new Error('no connection'))).toBe(false)
  expect(isLostDatabase(null)).toBe(false)
})

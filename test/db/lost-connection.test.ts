import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { connect, type Sql, type Tx } from '../../src/db/postgres.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts'

/** What patches/postgres+*.patch is for: a connection that is lost inside a transaction. */
describe('a lost connection', () => {
  let pg: TestDatabase
  let proxy: TcpProxy
  /** one connection, so that whoever comes next gets the same slot of the pool */
  let sql: Sql
  beforeAll(async () => {
    pg = await testDatabase()
    const url = new URL(pg.url)
    proxy = await tcpProxy(Number(url.port))
    url.port = String(proxy.port)
    sql = connect(url.href, { max: 1 })
    await pg.sql`create table said (word text)`
  })
  beforeEach(() => pg.sql`truncate said`.then(() => proxy.mend()))
  afterAll(async () => {
    await sql.end({ timeout: 1 })
    await proxy.close()
    await pg.close()
  })

  const words = async () => (await pg.sql<{ word: string }[]>`select word from said order by word`).map((r) => r.word)
  const terminate = async (tx: Tx) => {
    const [own] = await tx<{ pid: number }[]>`select pg_backend_pid() as pid`
    await pg.sql`select pg_terminate_backend(${own!.pid})`
    await gone(own!.pid)
  }
  /** Until the server has ended it; our own side learns of it in its own time. */
  const gone = async (pid: number) => {
    while ((await pg.sql`select 1 from pg_stat_activity where pid = ${pid}`).length > 0);
  }
  const cut = async (tx: Tx) => {
    await tx`select 1`
    proxy.cut()
    proxy.mend()
  }
  const turns = async (n: number) => {
    for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve))
  }
  const lost = { code: expect.stringMatching(/^(CONNECTION_CLOSED|57P01|ECONNRESET|EPIPE)$/) }
  const works = async () => {
    for (let i = 0; i < 5; i++) expect(await sql`select ${i}::int as n`).toEqual([{ n: i }])
    await sql.begin(async (tx) => tx`insert into said values ('after')`)
    expect(await words()).toEqual(['after'])
  }
  const ways: [string, (tx: Tx) => Promise<void>][] = [
    ['the server ended it', terminate],
    ['the network cut it', cut],
  ]

  it.each(ways)('between two statements of a transaction fails it, and nothing else (%s)', async (_, lose) => {
    const failed = sql.begin(async (tx) => {
      await tx`insert into said values ('before')`
      await lose(tx)
      await turns(50)
      await tx`insert into said values ('too late')`
    })
    await expect(failed).rejects.toMatchObject(lost)
    await turns(50)
    await works()
  })

  it('under a running statement fails its transaction, and nothing else', async () => {
    const failed = sql.begin(async (tx) => {
      const [own] = await tx<{ pid: number }[]>`select pg_backend_pid() as pid`
      const sleeping = tx`select pg_sleep(60)`.then(() => undefined)
      await pg.sql`select pg_terminate_backend(${own!.pid})`
      await sleeping
    })
    await expect(failed).rejects.toMatchObject(lost)
    await turns(50)
    await works()
  })

  it.each(ways)('never lets what is left of a transaction run in the next one (%s)', async (_, lose) => {
    const { promise: other, resolve: goOn } = Promise.withResolvers<void>()
    let late: unknown = null
    const failed = sql.begin(async (tx) => {
      await lose(tx)
      await other
      late = await tx`insert into said values ('of the dead')`.catch((error: unknown) => error)
      await tx`commit`
    })
    await expect(failed).rejects.toMatchObject(lost)
    const undone = sql.begin(async (tx) => {
      await tx`insert into said values ('of the living')`
      goOn()
      await turns(50)
      throw new Error('undo it')
    })
    await expect(undone).rejects.toThrow('undo it')
    expect(late).toMatchObject(lost)
    await works()
  })

  it('answers statements that a transaction had queued behind one another', async () => {
    const answers: Promise<unknown>[] = []
    const failed = sql.begin(async (tx) => {
      const [own] = await tx<{ pid: number }[]>`select pg_backend_pid() as pid`
      for (let i = 0; i < 300; i++) answers.push(tx`select pg_sleep(1)`.catch((error: unknown) => error))
      await pg.sql`select pg_terminate_backend(${own!.pid})`
      await Promise.all(answers)
      throw new Error('they were lost')
    })
    await expect(failed).rejects.toMatchObject(lost)
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject(lost)
    await works()
  })

  it.each(ways)(
    'of a reserved session fails what is asked of it, and its release gives nobody’s away (%s)',
    async (_, lose) => {
      const session = await sql.reserve()
      await lose(session)
      await turns(50)
      const undone = sql.begin(async (tx) => {
        await tx`insert into said values ('of the living')`
        await expect(session`insert into said values ('of the dead')`).rejects.toMatchObject(lost)
        session.release()
        await tx`select 1`
        throw new Error('undo it')
      })
      await expect(undone).rejects.toThrow('undo it')
      await works()
    },
  )

  it('keeps nobody who waits for a connection of their own waiting for ever', async () => {
    const pool = connect(pg.url, { max: 3 })
    for (let round = 0; round < 10; round++) {
      const [busy, other, third] = [await pool.reserve(), await pool.reserve(), await pool.reserve()]
      const waiting = pool.reserve()
      await terminate(busy)
      const got = await waiting
      expect(await got`select 1 as one`).toEqual([{ one: 1 }])
      for (const session of [got, busy, other, third]) session.release()
    }
    const all = await Promise.all([pool.reserve(), pool.reserve(), pool.reserve()])
    for (const session of all) expect(await session`select 1 as one`).toEqual([{ one: 1 }])
    for (const session of all) session.release()
    await pool.end({ timeout: 1 })
  })

  it('of a place that accepts and hangs up fails who asked, again and again, until it is mended', async () => {
    const hangsUp = createServer((socket) => void socket.resume().end())
    await once(hangsUp.listen(0, '127.0.0.1'), 'listening')
    const url = new URL(pg.url)
    url.port = String((hangsUp.address() as AddressInfo).port)
    const nobody = connect(url.href, { max: 1 })
    for (let i = 0; i < 3; i++) await expect(nobody`select 1`).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
    await expect(nobody.reserve()).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
    await expect(nobody`select 1`).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
    await nobody.end({ timeout: 1 })
    await new Promise((resolve) => hangsUp.close(resolve))
  })

  it('leaves nothing to a statement that comes after its transaction has ended', async () => {
    let tx: Tx | null = null
    await sql.begin(async (given) => {
      tx = given
      await given`select 1`
    })
    await expect(tx!`insert into said values ('too late')`).rejects.toMatchObject({ code: 'TRANSACTION_ENDED' })
    await works()
  })
})

import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts'
import { askTop, portusVisit, postLayers } from './portus-visit.ts'
import { forgetTold, image, storeScannedWorld, until, visiting } from './scanner-service.ts'

let pg: TestDatabase
let proxy: TcpProxy
beforeAll(async () => {
  pg = await testDatabase()
  await storeScannedWorld(pg)
  proxy = await tcpProxy(Number(new URL(pg.url).port))
})
beforeEach(() => forgetTold(pg))
afterAll(async () => {
  await proxy.close()
  await pg.close()
})

const run = image('app/run', 'base', 'run')
/** Milliseconds: as short as in earnest. */
const short = 35
const portus = { url: 'http://127.0.0.1:9', caFile: null, insecure: false, username: 'boss', token: 't0ken' }
const question = (at: string) => fetch(`${at}/v1/layers/${run.layers.at(-1)}`)
const isShown = async (at: string) => (await askTop(at, run.layers)).length === 1

/** Keeps the database from answering whatever asks for these tables, until the work is done. */
async function whileFrozen<T>(work: () => Promise<T>): Promise<T> {
  return (await pg.sql.begin(async (tx) => {
    await tx`lock table scanned_layer, tag, cause, portus_look in access exclusive mode`
    return work()
  })) as T
}

test('answers in JSON while the database says nothing, loses nothing of what was told, and has that asked for again', async () => {
  await visiting(
    pg,
    async (at) => {
      await portusVisit(at, run)
      await until(() => isShown(at))
      await until(async () => (await pg.sql`select 1 from portus_look where answered <> ''`).length === 1)
      const tool = image('app/tool', 'base', 'tool')
      // all of it is answered before the database is let go
      const answers = await whileFrozen(async () => {
        await postLayers(at, tool)
        const first = await question(at)
        const more = await Promise.all(Array.from({ length: 20 }, () => question(at)))
        return Promise.all([first, ...more].map(async (answer) => [answer.status, await answer.json()]))
      })
      expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toEqual(
        new Set([JSON.stringify([503, { Error: { Message: 'not now' } }])]),
      )
      await until(async () => (await pg.sql`select 1 from portus_look where answered is null`).length === 1)
      await until(async () => (await pg.sql`select 1 from graphile_worker.jobs where key = 'portus'`).length === 1)
      // Portus tells it no second time
      await until(async () => (await askTop(at, tool.layers)).length === 1)
      await until(() => isShown(at))
      await until(async () => (await pg.sql`select 1 from portus_look where answered is null`).length === 0)
    },
    { patience: short, portus },
  )
})

test('answers in JSON while the database is away, and again when it is back', async () => {
  await visiting(
    pg,
    async (at) => {
      await until(async () => (await portusVisit(at, run)).length === 1)
      proxy.cut()
      const away = await question(at)
      expect([away.status, await away.json()]).toEqual([503, { Error: { Message: 'not now' } }])
      await postLayers(at, image('app/tool', 'base', 'tool'))
      proxy.mend()
      await until(async () => (await askTop(at, image('app/tool', 'base', 'tool').layers)).length === 1)
    },
    { patience: short, port: proxy.port },
  )
})

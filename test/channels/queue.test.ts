import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { getChannel } from '../../src/channels/channels.ts'
import { deliver } from '../../src/channels/deliver.ts'
import { testChannel } from '../../src/channels/deliveries.ts'
import { runWorkers, type Workers } from '../../src/jobs/run-workers.ts'
import { pipeline } from '../../src/pipeline.ts'
import { startApi } from '../api/start-api.ts'
import { tasksThat } from '../jobs/tasks-that.ts'
import { configFor } from '../notify/config.ts'
import { addOutdated, sha } from '../notify/flags.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type Receiver, receiver } from './receiver.ts'
import { channelWorld } from './world.ts'

/** The real queue and its workers, and receivers of which some never answer. */
let pg: TestDatabase
let world: ReturnType<typeof channelWorld>
let workers: Workers | null = null
const receivers: Receiver[] = []
beforeAll(async () => {
  pg = await testDatabase()
  world = channelWorld(pg)
})
beforeEach(() => world.reset())
afterEach(async () => {
  await workers?.stop()
  workers = null
  for (const { close } of receivers.splice(0)) await close()
})
afterAll(() => pg.close())

async function channel(name: string, answer?: Parameters<typeof receiver>[0]): Promise<Receiver> {
  const made = await receiver(answer)
  receivers.push(made)
  await world.add(name, `${made.url}/x`)
  return made
}
const queue = async (name: string) => testChannel(world.deps(), 'app', (await getChannel(pg, 'app', name))!)
const work = async (other: () => Promise<void> = async () => {}) => {
  const d = { ...world.deps(), clock: () => new Date() }
  workers = await runWorkers({
    ...{ url: pg.url, sql: pg.sql, log: d.log, roles: { worker: true, builder: false }, buildWorkers: 1 },
    tasks: tasksThat({
      deliver: (delivery, { signal }) => deliver(d, delivery, signal),
      look: other,
    }),
  })
}
/** Asks until it is so; the test's own time limit ends it. */
async function until(so: () => Promise<boolean>): Promise<void> {
  while (!(await so())) await new Promise((resolve) => setTimeout(resolve, 50))
}
const states = async (name: string) => (await world.deliveries(name)).map(({ state }) => state)

test('receivers that never answer hold up no other channel, and nothing else', async () => {
  const deaf: Receiver[] = []
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) deaf.push(await channel(name, () => {}))
  const good = await channel('good')
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) for (const _nth of [1, 2, 3]) await queue(name)
  const looked = Promise.withResolvers<void>()
  await work(async () => looked.resolve())
  await until(async () => deaf.every(({ got }) => got.length > 0))
  for (const _nth of [1, 2, 3]) await queue('good')
  await world.deps().jobs.enqueue(pg.sql, 'look', { ref: 'r.test/app/run:1' })
  await looked.promise
  await until(async () => (await states('good')).every((state) => state === 'delivered'))
  expect(good.got).toHaveLength(3)
  // each of them is still busy with its first: one message of a channel at a time
  expect(deaf.map(({ got }) => new Set(got.map(({ headers }) => headers['webhook-id'])).size)).toEqual(Array(7).fill(1))
})

test('more receivers that did not answer than there are workers leave room for those that do', async () => {
  const names = Array.from({ length: 12 }, (_, i) => `deaf-${i}`)
  const deaf: Receiver[] = []
  for (const name of names) deaf.push(await channel(name, () => {}))
  const good = await channel('good')
  for (const name of names) await queue(name)
  // as their first tries left them
  await pg.sql`update delivery set attempts = 1, answer = 'no answer: ETIMEDOUT', next_try_at = null`
  for (const name of names) await queue(name)
  await work()
  await until(async () => deaf.filter(({ got }) => got.length > 0).length >= 2)
  await queue('good')
  await until(async () => (await states('good'))[0] === 'delivered')
  expect(good.got).toHaveLength(1)
  expect(deaf.filter(({ got }) => got.length > 0).length).toBeLessThanOrEqual(4)
})

test('more receivers that were slow than there are workers leave room for those that are not', async () => {
  const names = Array.from({ length: 12 }, (_, i) => `slow-${i}`)
  const slow: Receiver[] = []
  for (const name of names) slow.push(await channel(name, () => {}))
  // as their first tries left them, answered or not
  await pg.sql`update channel set slow_at = now()`
  const good = await channel('good')
  for (const name of names) for (const _nth of [1, 2, 3]) await queue(name)
  await work()
  await until(async () => slow.filter(({ got }) => got.length > 0).length >= 2)
  await queue('good')
  await until(async () => (await states('good'))[0] === 'delivered')
  expect(good.got).toHaveLength(1)
  expect(slow.filter(({ got }) => got.length > 0).length).toBeLessThanOrEqual(4)
})

test('what is on its way when the process ends is sent by the next one, under the same id', async () => {
  let answers = false
  const { got } = await channel('slow', (response) => void (answers && response.writeHead(200).end()))
  const id = await queue('slow')
  await work()
  await until(async () => got.length > 0)
  await workers!.stop()
  expect(await world.deliveries('slow')).toMatchObject([{ id, state: 'pending' }])
  answers = true
  await pg.sql`update graphile_worker._private_jobs set run_at = now()`
  await work()
  await until(async () => (await states('slow'))[0] === 'delivered')
  expect(new Set(got.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([id]))
})

test('from a flag to a receiver, by the jobs of the service', async () => {
  const api = await startApi(pg, configFor(['r.test']).registries)
  const got: Receiver = await receiver()
  receivers.push(got)
  try {
    const config = { ...api.d.config, notifyWindow: 0, channels: { allow: ['127.0.0.1'] } }
    const d = { ...api.d, config }
    api.d.config = config
    await addOutdated(pg.sql, 'r.test/app/run:1', { base: 'r.test/lib/base:1', to: sha('v2') })
    await api.call('PUT', 'namespaces/app/channels/hook', { body: { kind: 'webhook', url: `${got.url}/x` } })
    workers = await runWorkers({
      ...{ url: pg.url, sql: pg.sql, log: d.log, roles: { worker: true, builder: false }, buildWorkers: 1 },
      tasks: pipeline(d),
    })
    await until(async () => got.got.length > 0)
    await addOutdated(pg.sql, 'r.test/app/more:1', { base: 'r.test/lib/base:1', to: sha('v2') })
    await d.jobs.enqueue(pg.sql, 'notify', {}, { key: 'notify', queue: 'notify' })
    await until(async () => (await states('hook')).filter((state) => state === 'delivered').length === 2)
    const refs = got.got.map(({ body }) => JSON.parse(body).data.items.map(({ ref }: { ref: string }) => ref))
    expect(refs).toEqual([['r.test/app/run:1'], ['r.test/app/more:1']])
  } finally {
    await api.close()
  }
})

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { getChannel } from '../../src/channels/channels.ts'
import { deliver } from '../../src/channels/deliver.ts'
import { testChannel } from '../../src/channels/deliveries.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type Receiver, receiver } from './receiver.ts'
import { channelWorld } from './world.ts'

let pg: TestDatabase
let world: ReturnType<typeof channelWorld>
let hook: Receiver
let [answer, after] = [204, 0]
beforeAll(async () => {
  pg = await testDatabase()
  world = channelWorld(pg)
})
beforeEach(async () => {
  ;[answer, after] = [204, 0]
  await world.reset()
  hook = await receiver((response) => setTimeout(() => response.writeHead(answer).end(), after))
  await world.add('hook', `${hook.url}/x`)
})
afterEach(() => hook.close())
afterAll(() => pg.close())

const queue = async () => testChannel(world.deps(), 'app', (await getChannel(pg, 'app', 'hook'))!)
/** A try that counts as slow, or as quick, however fast this machine is. */
const trySlowly = (deliveryId: string) => deliver(world.deps(), { deliveryId, silent: true }, undefined, { slow: 0 })
const tryQuickly = (deliveryId: string, silent = false) =>
  deliver(world.deps(), { deliveryId, silent }, undefined, { slow: Number.POSITIVE_INFINITY })
const placeOf = async (id: string) => (await world.jobs()).find(({ key }) => key === `deliver:${id}`)?.queue
const shared = expect.stringMatching(/^silent-channels:[0-3]$/)

describe('a receiver that was slow', () => {
  test('waits in the shared places for an hour after its last slow try, and then is as quick as any', async () => {
    const [first, second, third, last] = [await queue(), await queue(), await queue(), await queue()]
    await tryQuickly(first)
    expect(hook.got).toHaveLength(1)
    await trySlowly(second)
    expect(hook.got).toHaveLength(2)
    world.later(3599)
    await tryQuickly(third)
    expect([hook.got.length, await placeOf(third)]).toEqual([2, shared])
    await tryQuickly(third, true)
    expect(hook.got).toHaveLength(3)
    world.later(1)
    await tryQuickly(last)
    expect(hook.got).toHaveLength(4)
    expect((await world.deliveries()).map(({ state }) => state)).toEqual(Array(4).fill('delivered'))
  })

  test('is not quick again by one quick answer', async () => {
    const [first, second, third] = [await queue(), await queue(), await queue()]
    await trySlowly(first)
    await tryQuickly(second, true)
    await tryQuickly(third)
    expect([hook.got.length, await placeOf(third)]).toEqual([2, shared])
  })

  test('is one for no longer where the clock was ahead', async () => {
    const [first, second] = [await queue(), await queue()]
    await trySlowly(first)
    world.later(-3600)
    await tryQuickly(second)
    expect(hook.got).toHaveLength(2)
  })

  test('and wants the message again is tried there again', async () => {
    answer = 500
    const [first, second] = [await queue(), await queue()]
    await tryQuickly(first)
    await trySlowly(second)
    expect([await placeOf(first), await placeOf(second)]).toEqual([expect.stringMatching(/^channel:/), shared])
  })
})

test('a try of three seconds is slow, one that is answered at once is not', async () => {
  const isSlow = async () =>
    (await pg.sql<{ slow: boolean }[]>`select slow_at is not null as slow from channel`)[0]!.slow
  await tryQuickly(await queue())
  expect(await isSlow()).toBe(false)
  after = 3050
  await deliver(world.deps(), { deliveryId: await queue() })
  expect(await isSlow()).toBe(true)
})

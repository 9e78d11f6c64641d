import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Webhook } from 'standardwebhooks'
import { getChannel } from '../../src/channels/channels.ts'
import { deliver } from '../../src/channels/deliver.ts'
import { replayDelivery, testChannel } from '../../src/channels/deliveries.ts'
import { tellChannels } from '../../src/channels/tell-channels.ts'
import type { Config } from '../../src/config.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type Receiver, receiver } from './receiver.ts'
import { channelWorld, start } from './world.ts'

let pg: TestDatabase
let world: ReturnType<typeof channelWorld>
const closers: (() => unknown)[] = []
beforeAll(async () => {
  pg = await testDatabase()
  world = channelWorld(pg)
})
beforeEach(() => world.reset())
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})
afterAll(() => pg.close())

const receive = async (answer?: (response: ServerResponse, nth: number) => void): Promise<Receiver> => {
  const made = await receiver(answer)
  closers.push(made.close)
  return made
}
const status =
  (code: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    response.writeHead(code, headers).end(`that was ${code}`)
/** A message for that channel, waiting. */
const queue = async (name = 'hook') => {
  const channel = await getChannel(world.deps(), 'app', name)
  return testChannel(world.deps(), 'app', channel!)
}
const attempt = (id: string, more: Partial<Config> = {}) => deliver(world.deps(more), { deliveryId: id, silent: true })
const row = async (id: string) => (await world.deliveries()).find((delivery) => delivery.id === id)
const minutes = (count: number) => new Date(world.now().getTime() + count * 60_000)

describe('a delivery', () => {
  test('that is taken is delivered, and not sent again', async () => {
    const { url, got } = await receive(status(202))
    const { secret } = await world.add('hook', `${url}/x`)
    const id = await queue()
    await attempt(id)
    await attempt(id)
    expect(got).toHaveLength(1)
    expect(await row(id)).toMatchObject({
      state: 'delivered',
      attempts: 1,
      status: 202,
      answer: 'that was 202',
      nextTryAt: null,
    })
    const { headers, body } = got[0]!
    expect(headers).toMatchObject({ 'webhook-id': id, 'content-type': expect.stringContaining('cloudevents+json') })
    expect(JSON.parse(body)).toMatchObject({ id, type: 'dev.drydock.channel.test', data: { namespace: 'app' } })
    const timestamp = String(start.getTime() / 1000)
    expect(headers['webhook-timestamp']).toBe(timestamp)
    expect(new Webhook(secret!).sign(id, start, body)).toBe(headers['webhook-signature'])
  })

  test('is signed with a new secret, and for a day with the one before', async () => {
    const { url, got } = await receive()
    const [old, young] = [1, 2].map((fill) => `whsec_${Buffer.alloc(32, fill).toString('base64')}`)
    await world.add('hook', `${url}/x`, { secret: old! })
    await world.add('hook', `${url}/x`, { secret: young! })
    await world.add('hook', `${url}/y`)
    const first = await queue()
    await attempt(first)
    world.later(86_400)
    const second = await queue()
    await attempt(second)
    const by = (secret: string, id: string, nth: number) =>
      new Webhook(secret).sign(id, new Date(Number(got[nth]!.headers['webhook-timestamp']) * 1000), got[nth]!.body)
    expect(got.map(({ headers }) => headers['webhook-signature'])).toEqual([
      `${by(young!, first, 0)} ${by(old!, first, 0)}`,
      by(young!, second, 1),
    ])
  })

  test.each([
    ['slack', 'text'],
    ['matrix', 'html'],
  ] as const)('to %s has its format, and no signature', async (kind, field) => {
    const { url, got } = await receive()
    await world.add('hook', `${url}/x`, { kind })
    await attempt(await queue())
    expect(JSON.parse(got[0]!.body)).toHaveProperty(field)
    expect(Object.keys(got[0]!.headers).filter((name) => name.startsWith('webhook-'))).toEqual([])
  })

  test('that is refused is tried again with the same id and the same bytes, later and later', async () => {
    const { url, got } = await receive((response, nth) => status(nth < 4 ? 500 : 200)(response))
    await world.add('hook', `${url}/x`)
    const id = await queue()
    for (const [tries, wait] of [
      [1, 1],
      [2, 2],
      [3, 4],
    ] as const) {
      await attempt(id)
      expect(await row(id)).toMatchObject({
        state: 'pending',
        attempts: tries,
        status: 500,
        answer: 'that was 500',
        nextTryAt: minutes(wait),
      })
      expect(await world.jobs()).toMatchObject([{ key: `deliver:${id}`, runAt: minutes(wait) }])
      await attempt(id)
      expect(got).toHaveLength(tries)
      world.later(wait * 60)
    }
    await attempt(id)
    expect(await row(id)).toMatchObject({ state: 'delivered', attempts: 4, nextTryAt: null })
    expect(new Set(got.map(({ body, headers }) => `${headers['webhook-id']} ${body}`)).size).toBe(1)
    expect(new Set(got.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(4)
  })

  test('whose receiver is not there says why not', async () => {
    await world.add('hook', 'http://127.0.0.1:1/a-secret-path')
    const id = await queue()
    await attempt(id)
    expect(await row(id)).toMatchObject({ state: 'pending', status: null, answer: 'no answer: ECONNREFUSED' })
  })

  test('is given up after three days, and can be replayed, under the same id', async () => {
    const { url, got } = await receive((response, nth) => status(nth < 3 ? 404 : 200)(response))
    await world.add('hook', `${url}/x`)
    const id = await queue()
    world.later(3 * 86_400)
    await attempt(id)
    expect(await row(id)).toMatchObject({ state: 'failed', status: 404, nextTryAt: null })
    expect(await replayDelivery(world.deps(), id)).toBe('replayed')
    expect(await row(id)).toMatchObject({ state: 'pending', attempts: 0 })
    await attempt(id)
    expect(await row(id)).toMatchObject({ state: 'pending', attempts: 1, nextTryAt: minutes(1) })
    world.later(60)
    await attempt(id)
    expect(await row(id)).toMatchObject({ state: 'delivered', attempts: 2 })
    expect(new Set(got.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([id]))
  })

  test('that is told when to come again comes then', async () => {
    const { url } = await receive(status(429, { 'retry-after': '1800' }))
    await world.add('hook', `${url}/x`)
    const id = await queue()
    await attempt(id)
    expect(await row(id)).toMatchObject({ state: 'pending', status: 429, nextTryAt: minutes(30) })
  })

  test('under DRYDOCK_OBSERVE is kept, also one that was made before', async () => {
    const { url, got } = await receive()
    await world.add('hook', `${url}/x`)
    const id = await queue()
    await attempt(id, { observe: true })
    expect(await row(id)).toMatchObject({ state: 'kept', attempts: 0 })
    expect(await replayDelivery(world.deps({ observe: true }), id)).toBe('observing')
    expect(got).toEqual([])
  })

  test('to an address that may not be asked any more goes nowhere', async () => {
    const { url, got } = await receive()
    await world.add('hook', `${url}/x`)
    const id = await queue()
    await attempt(id, { channels: { allow: [] } })
    expect(await row(id)).toMatchObject({ state: 'pending', status: null, answer: 'no answer: channel-forbidden' })
    expect(got).toEqual([])
  })
})

describe('a clock', () => {
  test('that was ahead puts nothing off for longer than a day', async () => {
    const { url } = await receive((response, nth) => status(nth === 1 ? 500 : 200)(response))
    await world.add('hook', `${url}/x`)
    const id = await queue()
    world.later(2 * 86_400)
    await attempt(id)
    world.later(-2 * 86_400)
    await attempt(id)
    expect(await row(id)).toMatchObject({ state: 'delivered' })
  })
})

test('a delivery whose job was lost is found, and one that waits for its time is left alone', async () => {
  const { url } = await receive(status(500))
  await world.add('hook', `${url}/x`)
  const [lost, waiting] = [await queue(), await queue()]
  await attempt(waiting)
  await pg.sql`delete from graphile_worker._private_jobs`
  await tellChannels(world.deps())
  expect(await world.jobs()).toEqual([])
  world.later(601)
  await pg.sql`update delivery set next_try_at = ${minutes(30)} where id = ${waiting}`
  await tellChannels(world.deps())
  expect((await world.jobs()).map(({ key }) => key)).toEqual([`deliver:${lost}`])
})

describe('a receiver', () => {
  test('that is gone disables its channel, which says so; what waits for it is not sent', async () => {
    const { url, got } = await receive(status(410))
    await world.add('hook', `${url}/x`)
    const [first, second] = [await queue(), await queue()]
    await attempt(first)
    await attempt(second)
    expect(got).toHaveLength(1)
    expect(await getChannel(pg, 'app', 'hook')).toMatchObject({
      enabled: false,
      because: expect.stringContaining('410'),
    })
    expect([await row(first), await row(second)]).toMatchObject([
      { state: 'failed', status: 410, attempts: 1 },
      { state: 'failed', status: null, attempts: 0, answer: 'not sent: the channel is disabled' },
    ])
    expect(await replayDelivery(world.deps(), second)).toBe('disabled')
    await world.add('hook', `${url}/x`)
    expect(await getChannel(pg, 'app', 'hook')).toMatchObject({ enabled: true, because: null })
    expect(await replayDelivery(world.deps(), second)).toBe('replayed')
  })

  test.each([
    ['is not there', 'http://127.0.0.1:1/x'],
    ['wants to be left alone', null],
  ])('that %s is asked by one delivery, and the others wait with it', async (_what, fixed) => {
    const { url, got } = await receive(status(503, { 'retry-after': '600' }))
    await world.add('hook', fixed ?? `${url}/x`)
    const [first, second, third] = [await queue(), await queue(), await queue()]
    await attempt(first)
    await attempt(second)
    await attempt(third)
    const next = fixed === null ? minutes(10) : minutes(1)
    expect([await row(first), await row(second), await row(third)]).toMatchObject([
      { attempts: 1, nextTryAt: next },
      { attempts: 0, nextTryAt: next },
      { attempts: 0, nextTryAt: next },
    ])
    expect((await world.jobs()).map(({ runAt }) => runAt)).toEqual([next, next, next])
    expect(got).toHaveLength(fixed === null ? 1 : 0)
  })

  test('that is not there for three days is given up with all that waited as long, and not with what came later', async () => {
    await world.add('hook', 'http://127.0.0.1:1/x')
    const [first, second] = [await queue(), await queue()]
    world.later(3 * 86_400)
    const third = await queue()
    await attempt(first)
    expect([await row(first), await row(second), await row(third)]).toMatchObject([
      { state: 'failed', attempts: 1 },
      { state: 'failed', attempts: 0, answer: 'no answer: ECONNREFUSED' },
      { state: 'pending' },
    ])
  })

  test('that was gone when the channel was set anew has said nothing of where it leads now', async () => {
    const { url } = await receive(async (response) => {
      await world.add('hook', `${url}/new`)
      status(410)(response)
    })
    await world.add('hook', `${url}/old`)
    const [first, second] = [await queue(), await queue()]
    await attempt(first)
    expect(await getChannel(pg, 'app', 'hook')).toMatchObject({ enabled: true, because: null })
    expect([await row(first), await row(second)]).toMatchObject([{ state: 'failed' }, { state: 'pending' }])
  })

  test('that refuses one message is sent the others all the same', async () => {
    const { url } = await receive((response, nth) => status(nth === 1 ? 400 : 200)(response))
    await world.add('hook', `${url}/x`)
    const [first, second] = [await queue(), await queue()]
    await attempt(first)
    await attempt(second)
    expect([await row(first), await row(second)]).toMatchObject([{ state: 'pending' }, { state: 'delivered' }])
  })

  test('that says its own address or our secret again is not believed to be somebody to quote', async () => {
    const secret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`
    const { url } = await receive((response) => {
      response
        .writeHead(404)
        .end(
          `no ${url}/services/T0000000/a-secret-key?k=another-secret\0 here, ${secret}: another-secret a-secret-key \ud800`,
        )
    })
    await world.add('hook', `${url}/services/T0000000/a-secret-key?k=another-secret`, { secret })
    const id = await queue()
    await attempt(id)
    const { answer } = (await row(id))!
    expect(answer).toMatch(/^no .* here/)
    for (const part of ['a-secret-key', 'another-secret', 'T0000000', secret.slice(6)])
      expect(answer).not.toContain(part)
  })
})

test('a process killed between sending and recording repeats it at most, under the same id and to the byte', async () => {
  let told = () => {}
  const heard = new Promise<void>((resolve) => {
    told = resolve
  })
  const { url, got } = await receive((response, nth) => (nth === 1 ? told() : status(200)(response)))
  await world.add('hook', `${url}/x`)
  const id = await queue()
  const child = spawn(process.execPath, [fileURLToPath(new URL('deliver-one.ts', import.meta.url)), pg.url, id], {
    stdio: 'inherit',
  })
  const ended = once(child, 'exit')
  await Promise.race([heard, ended])
  child.kill('SIGKILL')
  expect(await ended).toEqual([null, 'SIGKILL'])
  expect(await row(id)).toMatchObject({ state: 'pending', attempts: 0 })
  await attempt(id)
  await attempt(id)
  expect(got).toHaveLength(2)
  expect(new Set(got.map(({ body, headers }) => `${headers['webhook-id']} ${body}`)).size).toBe(1)
  expect(await row(id)).toMatchObject({ state: 'delivered', attempts: 1 })
})

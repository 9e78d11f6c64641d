import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { Webhook } from 'standardwebhooks'
import { deliver } from '../../src/channels/deliver.ts'
import { type Loose, startApi, type TestApi } from '../api/start-api.ts'
import { drydock } from '../cli/run.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type Receiver, receiver } from './receiver.ts'

let pg: TestDatabase
let api: TestApi
let hook: Receiver
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  api.d.config = { ...api.d.config, channels: { allow: ['127.0.0.1'] } }
  hook = await receiver((response) => response.writeHead(200).end('thanks'))
})
beforeEach(async () => {
  await pg.sql`truncate channel, namespace cascade`
  hook.got.length = 0
})
afterAll(async () => {
  await hook.close()
  await api.close()
  await pg.close()
})

const path = 'namespaces/app/channels/hook'
const put = (body: object, at = path) => api.call('PUT', at, { body })
/** Tries it, in whatever place it waits. */
const send = (deliveryId: string) => deliver(api.d, { deliveryId, silent: true })
const codeOf = (answer: { status: number; body: Loose }) => [answer.status, answer.body.code]
const secretPath = '/services/a-path-that-is-a-secret'

describe('a channel', () => {
  test('is made, and its secret shown this once; what it leads to is in no answer', async () => {
    const made = await put({ kind: 'webhook', url: `${hook.url}${secretPath}` })
    expect([made.status, made.body]).toMatchObject([
      200,
      { name: 'hook', kind: 'webhook', events: ['outdated', 'failed', 'still'], enabled: true, because: null },
    ])
    const secret = String(made.body.secret)
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    const again = await put({ kind: 'webhook', events: ['outdated'] })
    expect(again.body).toMatchObject({ events: ['outdated'], secret: null })
    for (const text of [
      (await api.call('GET', path)).text,
      (await api.call('GET', 'namespaces/app/channels')).text,
      again.text,
      JSON.stringify(await pg.sql`select * from channel`),
    ])
      for (const hidden of [secretPath, secret.slice(6), '127.0.0.1']) expect(text).not.toContain(hidden)
    await api.call('POST', `${path}/test`)
    const [row] = await pg.sql<{ id: string }[]>`select id from delivery`
    await send(row!.id)
    expect(hook.got).toMatchObject([{ path: secretPath }])
    const { headers, body } = hook.got[0]!
    const said = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
    expect(new Webhook(secret).verify(body, said)).toMatchObject({ specversion: '1.0' })
  })

  test('keeps its address and secret where they are not said again, and its kind for good', async () => {
    const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
    expect((await put({ kind: 'webhook', url: `${hook.url}/a`, secret })).body.secret).toBeNull()
    await put({ kind: 'webhook', enabled: false })
    expect(await api.get(path)).toMatchObject({ enabled: false })
    expect(codeOf(await api.call('POST', `${path}/test`))).toEqual([409, 'channel-disabled'])
    await put({ kind: 'webhook' })
    const { body } = await api.call('POST', `${path}/test`)
    await send(String(body.delivery))
    expect(hook.got).toMatchObject([{ path: '/a' }])
    const changed = await put({ kind: 'slack' })
    expect([...codeOf(changed), changed.body.errors[0]!.path]).toEqual([400, 'bad-request', 'kind'])
  })

  test.each([
    ['without an address', { kind: 'slack' }, 'url'],
    ['to no address', { kind: 'slack', url: 'hooks' }, 'url'],
    ['inside', { kind: 'slack', url: 'https://10.0.0.1/x' }, 'url'],
    ['without https', { kind: 'slack', url: 'http://hooks.example.com/x' }, 'url'],
    ['to Drydock itself', { kind: 'webhook', url: 'https://drydock.test/v2/webhooks/events' }, 'url'],
    [
      'with a secret it has no use for',
      { kind: 'matrix', url: 'https://m.test/x', secret: `whsec_${'A'.repeat(32)}` },
      'secret',
    ],
    ['with a short secret', { kind: 'webhook', url: 'https://m.test/x', secret: 'whsec_AAAA' }, 'secret'],
    ['of no kind', { kind: 'fax', url: 'https://m.test/x' }, 'kind'],
    ['that wants nothing', { kind: 'slack', url: 'https://m.test/x', events: [] }, 'events'],
  ])('%s is refused, saying where the fault is', async (_what, body, at) => {
    const answer = await put(body)
    expect([...codeOf(answer), answer.body.errors.map((error) => error.path)]).toEqual([400, 'bad-request', [at]])
    expect(await api.get('namespaces/app/channels')).toEqual({ items: [], next: null })
  })

  test('made by many at once is one, with the secret that one of them was shown', async () => {
    const made = await Promise.all(
      Array.from({ length: 4 }, () => put({ kind: 'webhook', url: 'https://hooks.example.com/x' })),
    )
    expect(made.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(made.filter(({ body }) => body.secret !== null)).toHaveLength(1)
  })

  test('is one of fifty at most', async () => {
    const names = Array.from({ length: 50 }, (_, i) => `namespaces/app/channels/c${i}`)
    for (const at of names) await put({ kind: 'slack', url: 'https://m.test/x' }, at)
    const answer = await put({ kind: 'slack', url: 'https://m.test/x' })
    expect([...codeOf(answer), answer.body.errors[0]!.path]).toEqual([400, 'bad-request', 'name'])
    expect((await put({ kind: 'slack', enabled: false }, names[0]!)).status).toBe(200)
  })

  test('is removed with all it was sent', async () => {
    await put({ kind: 'slack', url: 'https://m.test/x' })
    await api.call('POST', `${path}/test`)
    expect((await api.call('DELETE', path)).status).toBe(204)
    expect(codeOf(await api.call('DELETE', path))).toEqual([404, 'no-such-channel'])
    expect(await pg.sql`select from delivery`).toHaveLength(0)
  })
})

describe('deliveries', () => {
  test('are listed page by page, newest first, and shown with what is sent', async () => {
    await put({ kind: 'webhook', url: `${hook.url}/a` })
    const made: string[] = []
    for (const _nth of [1, 2, 3, 4, 5]) made.push(String((await api.call('POST', `${path}/test`)).body.delivery))
    for (const id of made.slice(0, 2)) await send(id)
    const listed: Loose[] = []
    let next: string | null = ''
    while (next !== null) {
      const cursor: string = next === '' ? '' : `&cursor=${encodeURIComponent(next)}`
      const page: Loose = await api.get(`${path}/deliveries?limit=2${cursor}`)
      listed.push(...page.items)
      next = page.next
    }
    expect(listed.map(({ id }) => id).sort()).toEqual(made.toSorted())
    const times = listed.map(({ createdAt }) => String(createdAt))
    expect(times).toEqual(times.toSorted().reverse())
    const whole = await api.get(`deliveries/${made[0]}`)
    expect(whole).toMatchObject({
      state: 'delivered',
      attempts: 1,
      status: 200,
      answer: 'thanks',
      body: { id: made[0] },
    })
    expect(JSON.parse(hook.got[0]!.body)).toEqual(whole.body)
  })

  test('are sent again when somebody asks for it', async () => {
    await put({ kind: 'webhook', url: `${hook.url}/a` })
    const { delivery } = (await api.call('POST', `${path}/test`)).body
    await send(String(delivery))
    expect((await api.call('POST', `deliveries/${String(delivery)}/replay`)).status).toBe(202)
    await send(String(delivery))
    expect(hook.got.map(({ headers }) => headers['webhook-id'])).toEqual([delivery, delivery])
    await put({ kind: 'webhook', enabled: false })
    expect(codeOf(await api.call('POST', `deliveries/${String(delivery)}/replay`))).toEqual([409, 'channel-disabled'])
  })

  test.each(['deliveries/x', `deliveries/${crypto.randomUUID()}`])('there is no %s', async (which) => {
    expect(codeOf(await api.call('GET', which))).toEqual([404, 'no-such-delivery'])
    expect(codeOf(await api.call('POST', `${which}/replay`))).toEqual([404, 'no-such-delivery'])
  })

  test('of no channel', async () => {
    for (const [method, at] of [
      ['GET', ''],
      ['GET', '/deliveries'],
      ['POST', '/test'],
    ] as const)
      expect(codeOf(await api.call(method, `${path}${at}`))).toEqual([404, 'no-such-channel'])
  })
})

test('drydock channel: set, list, test, deliveries, replay, rm', async () => {
  const env = { DRYDOCK_URL: api.url, DRYDOCK_TOKEN: api.token }
  const run = (args: string[], input?: string) => drydock(['channel', ...args], env, input)
  const set = await run(['set', 'app', 'hook', '--kind', 'webhook', '--url-file', '-'], `${hook.url}${secretPath}\n`)
  expect([set.code, set.out]).toEqual([
    0,
    expect.stringMatching(/^stored hook of app: outdated, failed, still\nSecret {2}whsec_/),
  ])
  expect((await run(['list', 'app'])).out).toBe('hook\twebhook\toutdated, failed, still\tenabled\n')
  const queued = JSON.parse((await run(['test', 'app', 'hook', '--json'])).out) as { delivery: string }
  await send(queued.delivery)
  const log = await run(['deliveries', 'app', 'hook'])
  expect(log.out).toMatch(
    new RegExp(`^${queued.delivery}\t\\S+\tdev.drydock.channel.test\tdelivered\t1\t200 thanks\n$`),
  )
  expect((await run(['replay', queued.delivery])).code).toBe(0)
  expect(await api.get(`deliveries/${queued.delivery}`)).toMatchObject({ state: 'pending' })
  expect((await run(['set', 'app', 'hook', '--kind', 'webhook', '--disable', '--events', 'outdated'])).code).toBe(0)
  expect((await run(['list', 'app'])).out).toBe('hook\twebhook\toutdated\tdisabled\n')
  expect((await run(['rm', 'app', 'hook'])).code).toBe(0)
  expect(await api.get('namespaces/app/channels')).toEqual({ items: [], next: null })
  expect((await run(['set', 'app', 'hook', '--kind', 'fax'])).code).toBe(2)
})

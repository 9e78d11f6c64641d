import { afterEach, describe, expect, test } from '@jest/globals'
import pino from 'pino'
import { makeGuard } from '../../src/registry/guard.ts'
import { addressOf, type Meter, matchesHost } from '../../src/registry/outside.ts'
import { makeRegistries } from '../../src/registry/registries.ts'
import { type Handler, type HttpServer, reply, serveHttp } from '../support/http-server.ts'

const log = pino({ level: 'silent' })
const open: { close: () => Promise<void> | void }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})
async function serve(handler: Handler): Promise<HttpServer> {
  const server = await serveHttp(handler)
  open.push(server)
  return server
}
const freely: Meter = { take: async () => undefined, told: () => undefined }
const anyHost = makeRegistries([], log, { outside: [], watch: ['*'] })

function clientOf(host: string, meter: Meter = freely) {
  const client = anyHost.outside(host)!.open(meter)
  open.push(client)
  return client
}
const hostOf = (server: HttpServer) => new URL(server.url).host

describe('where a host is asked', () => {
  test.each([
    ['docker.io', 'https://registry-1.docker.io/'],
    ['quay.io', 'https://quay.io/'],
    ['registry.corp:5000', 'https://registry.corp:5000/'],
    ['localhost:5000', 'http://localhost:5000/'],
    ['127.0.0.1:5000', 'http://127.0.0.1:5000/'],
    ['[::1]:5000', 'http://[::1]:5000/'],
    ['10.0.0.1', 'https://10.0.0.1/'],
  ])('%s at %s', (host, url) => {
    expect(addressOf(host)?.href).toBe(url)
  })

  test.each([
    ['169.254.169.254'],
    ['169.254.169.254:80'],
    ['0.0.0.0:5000'],
    ['[fe80::1]:5000'],
    ['[::]:5000'],
    ['[::ffff:169.254.169.254]'],
    ['[fd00:ec2::254]'],
    ['2852039166.:80'], // 169.254.169.254 as one number
    ['0xA9FEA9FE:80'],
    ['host:99999'],
    ['[::g]'],
  ])('%s never', (host) => {
    expect(addressOf(host)).toBeNull()
  })
})

describe('which hosts may be asked', () => {
  test.each([
    [['*'], 'quay.io', true],
    [[], 'quay.io', false],
    [['quay.io'], 'quay.io', true],
    [['quay.io'], 'xquay.io', false],
    [['quay.io'], 'quay.io.evil.example', false],
    [['quay.io'], 'quayxio', false],
    [['*.corp'], 'a.b.corp', true],
    [['*.corp'], 'corp', false],
    [['localhost:*'], 'localhost:5000', true],
    [['[::1]:*'], '[::1]:5000', true],
  ])('%j and %s: %p', (globs, host, allowed) => {
    expect(matchesHost(globs, host)).toBe(allowed)
  })

  test('a configured registry is none of them, one with watch is whatever the globs say', () => {
    const config = { url: 'http://localhost:1', insecure: false }
    const registries = makeRegistries([{ ...config, name: 'a.org', aliases: ['b.org'] }], log, {
      outside: [{ ...config, name: 'c.org', aliases: ['d.org'], watch: true, perMinute: 7 }],
      watch: ['quay.io', 'a.org', 'b.org'],
    })
    open.push(registries)
    expect(['a.org', 'b.org', 'e.org'].map((host) => registries.outside(host))).toEqual([null, null, null])
    expect(['c.org', 'd.org', 'quay.io'].map((host) => registries.outside(host))).toMatchObject([
      { name: 'c.org', perMinute: 7 },
      { name: 'c.org', perMinute: 7 },
      { name: 'quay.io', perMinute: 60 },
    ])
    expect(['B.org', 'd.org', 'quay.io', 'index.docker.io'].map(registries.canonicalHost)).toEqual([
      'a.org',
      'c.org',
      'quay.io',
      'docker.io',
    ])
    expect(registries.byName('b.org')).toBe(registries.byName('a.org'))
    expect(registries.byName('d.org')).not.toBeNull()
    expect(registries.byName('quay.io')).toBeNull()
    expect(registries.all().map(({ name }) => name)).toEqual(['a.org'])
  })
})

describe('what the guard lets through', () => {
  const far = makeGuard(new URL('https://quay.io'))
  const near = makeGuard(new URL('http://localhost:5000'))

  test.each([
    ['https://quay.io/v2/', true, true],
    ['https://auth.quay.io/token', true, true],
    ['http://auth.quay.io/token', false, false],
    ['http://localhost:6379/', false, true],
    ['https://localhost/', false, true],
    ['https://127.0.0.2/', false, true],
    ['https://[::1]/', false, true],
    ['https://[::ffff:127.0.0.1]/', false, true],
    ['https://169.254.169.254/latest/meta-data', false, false],
    ['https://[fe80::1]/', false, false],
  ])('%s from elsewhere: %p, from loopback: %p', (url, fromFar, fromNear) => {
    expect(far.refuse(new URL(url)) === null).toBe(fromFar)
    expect(near.refuse(new URL(url)) === null).toBe(fromNear)
  })

  const resolved = (guard: typeof far, name: string) =>
    new Promise((resolve) => guard.lookup(name, {}, (error, address) => resolve(error?.message ?? address)))

  test('a name that turns out to be this machine', async () => {
    expect(await resolved(far, 'localhost')).toMatch(/localhost is .*never asked/)
    expect(await resolved(near, 'localhost')).toMatch(/^(127\.0\.0\.1|::1)$/)
    expect(await resolved(near, 'no-such-name.invalid')).toMatch(/ENOTFOUND|EAI_AGAIN/)
  })
})

describe('an anonymous question', () => {
  const away =
    (to: string): Handler =>
    (_request, response) =>
      reply(response, 307, '', { location: to })

  test('says what is asked for, and nothing of who asks', async () => {
    const server = await serve((_request, response) => reply(response, 404))
    expect(await clientOf(hostOf(server)).headManifest('lib/base', '1')).toBeNull()
    expect(server.seen).toMatchObject([{ method: 'HEAD', path: '/v2/lib/base/manifests/1', authorization: undefined }])
    expect(Object.keys(server.seen[0]!.headers).sort()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'host',
      'user-agent',
    ])
  })

  test.each(['http://169.254.169.254/latest/meta-data', 'https://[fe80::1]/x', 'http://example.invalid/x'])(
    'is not sent on to %s',
    async (place) => {
      const server = await serve(away(place))
      await expect(clientOf(hostOf(server)).headManifest('a', '1')).rejects.toMatchObject({ code: 'bad-response' })
      expect(server.seen.length).toBe(1)
    },
  )

  test('fetches no token from where nothing is asked', async () => {
    const challenge = { 'www-authenticate': 'Bearer realm="http://169.254.169.254/token"' }
    const server = await serve((_request, response) => reply(response, 401, '', challenge))
    await expect(clientOf(hostOf(server)).headManifest('a', '1')).rejects.toMatchObject({ code: 'bad-response' })
  })

  test('is metered, every one, and every answer is told', async () => {
    const tokens = await serve((_request, response) => reply(response, 200, { token: 'T' }))
    const server = await serve((request, response) =>
      request.headers.authorization === 'Bearer T'
        ? reply(response, 404, '', { 'ratelimit-remaining': '5;w=60' })
        : reply(response, 401, '', { 'www-authenticate': `Bearer realm="${tokens.url}/token"` }),
    )
    const told: (string | undefined)[] = []
    let taken = 0
    const meter: Meter = {
      take: async () => void taken++,
      told: ({ status, headers }) => void told.push(`${status} ${headers['ratelimit-remaining'] ?? ''}`.trim()),
    }
    await clientOf(hostOf(server), meter).headManifest('a', '1')
    expect(taken).toBe(3)
    expect(told).toEqual(['401', '200', '404 5;w=60'])
  })

  test('is not asked again before the time that Retry-After says', async () => {
    const server = await serve((_request, response) => reply(response, 503, '', { 'retry-after': '1' }))
    await expect(clientOf(hostOf(server)).headManifest('a', '1')).rejects.toMatchObject({ retryAfter: 1000 })
    expect(server.seen.length).toBe(1)
  })
})

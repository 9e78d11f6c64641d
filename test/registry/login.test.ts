import { afterEach, describe, expect, test } from '@jest/globals'
import { digestOf } from '../../src/registry/check-digest.ts'
import { makeClient, type RegistryClient } from '../../src/registry/client.ts'
import { type Handler, type HttpServer, reply, serveHttp } from '../support/http-server.ts'

/** A registry and its token service, both real servers; the realm of the challenge names the second. */
let registry: HttpServer
let tokens: HttpServer
let client: RegistryClient

const bytes = Buffer.from('bytes')
const digest = digestOf(bytes)
const credentials = { username: 'ada', password: 'pass:word' }
const basic = `Basic ${Buffer.from('ada:pass:word').toString('base64')}`
const once = { attempts: 1, firstPause: 1, longestPause: 1, longestRetryAfter: 1 }

/** `good`: the Authorization headers a registry lets in. */
async function start(
  tokenAnswer: Handler,
  challenge: (realm: string, url: URL) => string,
  good: (authorization: string | undefined, url: URL) => boolean,
): Promise<void> {
  tokens = await serveHttp(tokenAnswer)
  registry = await serveHttp((request, response, url) =>
    good(request.headers.authorization, url)
      ? reply(response, 200, bytes)
      : reply(response, 401, '', { 'www-authenticate': challenge(`${tokens.url}/token`, url) }),
  )
  client = makeClient({ url: new URL(registry.url), credentials, policy: once })
}
afterEach(async () => {
  client.close()
  await Promise.all([registry.close(), tokens.close()])
})

const ask = (repository = 'a') => client.getBlob(repository, digest, { maxBytes: 10 })
const queryOf = (path: string) => new URL(path, 'http://x').searchParams
const bearer = (realm: string, url: URL) =>
  `Bearer realm="${realm}?from=test",service="a registry, here",scope="repository:${url.pathname.split('/')[2]}:pull"`

describe('a Bearer challenge', () => {
  test.each(['token', 'access_token'])('is answered with what the token service gives as %s', async (field) => {
    await start(
      (_request, response) => reply(response, 200, { [field]: 'T', expires_in: 300 }),
      bearer,
      (sent) => sent === 'Bearer T',
    )
    expect(await ask()).toEqual(bytes)
    const [request] = tokens.seen
    expect(request).toMatchObject({ method: 'GET', authorization: basic })
    expect(Object.fromEntries(queryOf(request!.path))).toEqual({
      from: 'test',
      service: 'a registry, here',
      scope: 'repository:a:pull',
      account: 'ada',
    })
    expect(registry.seen.map(({ authorization }) => authorization)).toEqual([undefined, 'Bearer T'])
  })

  test('is met once for each scope: the token is kept', async () => {
    await start(
      (_request, response) => reply(response, 200, { token: `T${tokens.seen.length}`, expires_in: 300 }),
      bearer,
      (sent, url) => sent === (url.pathname.startsWith('/v2/a/') ? 'Bearer T1' : 'Bearer T2'),
    )
    for (const repository of ['a', 'a', 'b', 'a', 'b']) expect(await ask(repository)).toEqual(bytes)
    expect(tokens.seen.map(({ path }) => queryOf(path).get('scope'))).toEqual([
      'repository:a:pull',
      'repository:b:pull',
    ])
    expect(registry.seen.length).toBe(7)
  })

  test('met by many at once asks for one token', async () => {
    await start(
      (_request, response) => reply(response, 200, { token: 'T' }),
      bearer,
      (sent) => sent === 'Bearer T',
    )
    const got = await Promise.all(Array.from({ length: 20 }, () => ask()))
    expect(got.every((one) => one?.equals(bytes))).toBe(true)
    expect(tokens.seen.length).toBe(1)
  })

  test('comes again when the token has ended by the registry, or by its own word', async () => {
    let good = 1
    await start(
      (_request, response) =>
        reply(response, 200, { token: `T${tokens.seen.length}`, expires_in: tokens.seen.length === 1 ? 300 : 0.001 }),
      bearer,
      (sent) => sent === `Bearer T${good}`,
    )
    await ask()
    good = 2 // the registry forgets the first token before its time
    await ask()
    good = 3 // the second said that it lives for a millisecond
    await ask()
    expect(tokens.seen.length).toBe(3)
  })

  test('is preferred to Basic, in whatever order they come', async () => {
    await start(
      (_request, response) => reply(response, 200, { token: 'T' }),
      (realm, url) => `Basic realm="x, y", ${bearer(realm, url)}`,
      (sent) => sent === 'Bearer T',
    )
    expect(await ask()).toEqual(bytes)
  })

  test('for a mount asks for both repositories, whichever the registry names', async () => {
    await start(
      (_request, response) => reply(response, 200, { token: 'T' }),
      bearer,
      (sent) => sent === 'Bearer T',
    )
    await client.mountBlob('a', digest, 'b').catch(() => undefined)
    expect(queryOf(tokens.seen[0]!.path).getAll('scope')).toEqual(['repository:a:pull', 'repository:b:pull'])
  })

  test.each([
    [401, 'unauthorized', false],
    [403, 'unauthorized', false],
    [404, 'bad-response', false],
    [429, 'rate-limited', true],
    [500, 'registry-error', true],
  ] as const)('whose token service answers %i is %s, and never null', async (status, code, retryable) => {
    await start(
      (_request, response) => reply(response, status),
      bearer,
      () => false,
    )
    await expect(ask()).rejects.toMatchObject({ code, retryable })
  })

  test.each([
    ['no JSON', 'x'],
    ['no token', '{}'],
    ['an empty one', '{"token": ""}'],
  ])('whose token service gives %s is a bad-response', async (_, body) => {
    await start(
      (_request, response) => reply(response, 200, body),
      bearer,
      () => false,
    )
    await expect(ask()).rejects.toMatchObject({ code: 'bad-response' })
  })

  test('that is met again with a fresh token is unauthorized', async () => {
    await start(
      (_request, response) => reply(response, 200, { token: 'T' }),
      bearer,
      () => false,
    )
    await expect(ask()).rejects.toMatchObject({ code: 'unauthorized', retryable: false })
    expect(registry.seen.length).toBe(2)
  })

  test.each(['Bearer service=x', 'Bearer realm="nowhere"', 'Bearer realm="file:///etc/passwd"'])(
    '%s is unauthorized',
    async (challenge) => {
      await start(
        () => undefined,
        () => challenge,
        () => false,
      )
      await expect(ask()).rejects.toMatchObject({ code: 'unauthorized' })
    },
  )
})

describe('a Basic challenge', () => {
  test('is answered with username and password, which then come at once', async () => {
    await start(
      () => undefined,
      () => 'Basic realm="here"',
      (sent) => sent === basic,
    )
    expect([await ask(), await ask('b')]).toEqual([bytes, bytes])
    expect(registry.seen.map(({ authorization }) => authorization)).toEqual([undefined, basic, basic])
  })

  test('that stays one is unauthorized', async () => {
    await start(
      () => undefined,
      () => 'Basic realm="here"',
      () => false,
    )
    await expect(ask()).rejects.toMatchObject({ code: 'unauthorized' })
    await expect(ask()).rejects.toMatchObject({ code: 'unauthorized' })
  })

  test('without a password to give is unauthorized, and says so', async () => {
    await start(
      () => undefined,
      () => 'Basic realm="here"',
      () => false,
    )
    client = makeClient({ url: new URL(registry.url), policy: once })
    await expect(ask()).rejects.toMatchObject({
      code: 'unauthorized',
      message: expect.stringContaining('none are configured'),
    })
  })
})

test('without credentials a token is asked for as anybody', async () => {
  await start(
    (_request, response) => reply(response, 200, { token: 'T' }),
    bearer,
    (sent) => sent === 'Bearer T',
  )
  client = makeClient({ url: new URL(registry.url), policy: once })
  expect(await ask()).toEqual(bytes)
  expect(tokens.seen[0]!.authorization).toBeUndefined()
  expect(queryOf(tokens.seen[0]!.path).has('account')).toBe(false)
})

test('a 401 without a challenge is unauthorized', async () => {
  await start(
    () => undefined,
    () => '',
    () => false,
  )
  await expect(ask()).rejects.toMatchObject({ code: 'unauthorized' })
})

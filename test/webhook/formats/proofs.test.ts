import { request } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { documented } from './documented.ts'
import { googleAudience, googleIssuer, googleShows } from './senders.ts'
import { headerToken, registry, type Stage, send, serviceAccount, setStage, urlToken } from './stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await setStage()
})
beforeEach(() => stage.clear())
afterAll(() => stage.close())

test('a body over 16 MiB is recorded, and the registry is compared', async () => {
  const url = await stage.serve([registry('hub.harbor.com')])
  const body = Buffer.alloc(17 * 1024 * 1024, ' ')
  const sent = { headers: { authorization: `Bearer ${headerToken}` }, query: '', body }
  expect((await send(url, 'harbor', sent)).status).toBe(202)
  expect(await stage.rows()).toMatchObject([{ outcome: 'ignored', reason: 'too-large' }])
  expect(await stage.jobs()).toEqual(['reconcile reconcile:hub.harbor.com'])
})

test('a token of headers is none of addresses, nor the other way round', async () => {
  const url = await stage.serve([registry('quay.io')])
  const { body } = documented('azure-push')
  const sent = { headers: {}, query: `token=${headerToken}`, body: JSON.stringify(body) }
  expect((await send(url, 'azure', sent)).status).toBe(401)
  const bearer = { ...sent, headers: { authorization: `Bearer ${urlToken}` }, query: '' }
  expect((await send(url, 'azure', bearer)).status).toBe(401)
  expect((await fetch(url, { method: 'POST', headers: bearer.headers, body: '{"events":[]}' })).status).toBe(401)
  expect((await fetch(`${url}?token=${urlToken}`, { method: 'POST', body: '{"events":[]}' })).status).toBe(401)
})

test('a fact that comes with a token in its address is asked about', async () => {
  const sent = { headers: {}, query: `token=${urlToken}`, body: JSON.stringify(documented('azure-delete').body) }
  expect((await send(await stage.serve([registry('myregistry.azurecr.io')]), 'azure', sent)).status).toBe(202)
  expect(await stage.rows()).toMatchObject([{ action: 'look', outcome: 'pending' }])
})

test('what one secret tells of another registry is kept, and not followed', async () => {
  const url = await stage.serve([registry('eu-docker.pkg.dev', { webhook: stage.identity() })])
  const body = JSON.stringify(documented('google-insert-tag').body)
  expect((await send(url, 'google', { ...(await googleShows({ email: serviceAccount })), body })).status).toBe(202)
  expect(await stage.rows()).toMatchObject([{ outcome: 'ignored', reason: 'other-registry' }])
  expect(await stage.jobs()).toEqual([])
})

test("Event Grid's questions: only for who shows the token, and without a trace", async () => {
  const url = await stage.serve([registry('demo.azurecr.io')])
  const body = JSON.stringify(documented('azure-grid-validation').body)
  const asked = await send(url, 'azure', { headers: {}, query: `token=${urlToken}`, body })
  expect([asked.status, asked.headers.get('content-type'), await asked.json()]).toEqual([
    200,
    'application/json',
    { validationResponse: '512d38b6-c7b8-40c8-89fe-f46f9e9622b6' },
  ])
  expect((await send(url, 'azure', { headers: {}, query: 'token=guess', body })).status).toBe(401)
  const origin = { 'webhook-request-origin': 'eventgrid.azure.net' }
  const preflight = (query: string) => fetch(`${url}/azure?${query}`, { method: 'OPTIONS', headers: origin })
  const allowed = await preflight(`token=${urlToken}`)
  expect([allowed.status, allowed.headers.get('webhook-allowed-origin')]).toEqual([200, 'eventgrid.azure.net'])
  expect((await preflight('token=guess')).status).toBe(401)
  expect((await fetch(`${url}/quay?token=${urlToken}`, { method: 'OPTIONS' })).status).toBe(405)
  expect(await stage.rows()).toEqual([])
})

describe("Google's identity", () => {
  const body = () => JSON.stringify(documented('google-insert-tag').body)
  const status = async (url: string, claims: Parameters<typeof googleShows>[0]) =>
    (await send(url, 'google', { ...(await googleShows(claims)), body: body() })).status

  test.each<[string, Parameters<typeof googleShows>[0]]>([
    ['of another account', { email: 'mallory@evil.iam.gserviceaccount.com' }],
    ['of an address that Google has not verified', { email: serviceAccount, verified: false }],
    ['for another audience', { email: serviceAccount, audience: 'https://other.test' }],
    ['by another issuer', { email: serviceAccount, issuer: 'https://evil.test' }],
    ['that is over', { email: serviceAccount, expires: -3600 }],
    ['signed by somebody else', { email: serviceAccount, by: 'another' }],
    ['of nobody', {}],
  ])('%s: 401', async (_, claims) => {
    const url = await stage.serve([registry('us-west1-docker.pkg.dev', { webhook: stage.identity() })])
    expect(await status(url, claims)).toBe(401)
    expect(await status(url, { email: serviceAccount })).toBe(202)
  })

  test('no token at all that is unsigned counts, nor one that is none', async () => {
    const url = await stage.serve([registry('us-west1-docker.pkg.dev', { webhook: stage.identity() })])
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = {
      iss: googleIssuer,
      aud: googleAudience,
      email: serviceAccount,
      email_verified: true,
      iat: 1,
      exp: 9_999_999_999,
    }
    for (const token of [`${part({ alg: 'none' })}.${part(claims)}.`, 'a.b.c', 'x', headerToken])
      expect(
        (await send(url, 'google', { headers: { authorization: `Bearer ${token}` }, query: '', body: body() })).status,
      ).toBe(401)
  })

  test('its keys are asked for once', async () => {
    const url = await stage.serve([registry('us-west1-docker.pkg.dev', { webhook: stage.identity() })])
    const before = stage.google.asked()
    for (let i = 0; i < 5; i++) expect(await status(url, { email: serviceAccount })).toBe(202)
    expect(stage.google.asked() - before).toBe(1)
  })

  test('where its keys are not to be had nothing is refused for good: 503', async () => {
    const url = await stage.serve([
      registry('us-west1-docker.pkg.dev', { webhook: stage.identity(serviceAccount, 'http://127.0.0.1:1/certs') }),
    ])
    expect(await status(url, { email: serviceAccount })).toBe(503)
    expect(await stage.rows()).toEqual([])
  })

  test('a registry that names no account takes none: 401', async () => {
    expect(await status(await stage.serve([registry('us-west1-docker.pkg.dev')]), { email: serviceAccount })).toBe(401)
  })
})

test("GitHub's signature is that of its documentation", async () => {
  // https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
  const url = await stage.serve([registry('ghcr.io', { webhookToken: "It's a Secret to Everybody" })])
  const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
  const sent = { headers: { 'x-hub-signature-256': signature }, query: '', body: 'Hello, World!' }
  expect((await send(url, 'github', sent)).status).toBe(202)
  expect((await send(url, 'github', { ...sent, body: 'Hello, World?' })).status).toBe(401)
})

test('an address that is none is no end of the process', async () => {
  const url = new URL(await stage.serve([registry('quay.io')]))
  const status = await new Promise<number | undefined>((resolve, reject) => {
    request({ host: url.hostname, port: url.port, method: 'POST', path: '//' }, (answer) => {
      answer.resume()
      resolve(answer.statusCode)
    })
      .on('error', reject)
      .end()
  })
  expect(status).toBe(404)
})

test('what is called like no format is passed on', async () => {
  const url = await stage.serve([registry('quay.io')])
  for (const name of ['nexus', 'quay//', '__proto__', 'constructor'])
    expect((await fetch(`${url}/${name}?token=${urlToken}`, { method: 'POST', body: '{}' })).status).toBe(404)
})

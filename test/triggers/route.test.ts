import { createHmac, randomUUID } from 'node:crypto'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from '@jest/globals'
import { gitHookRoute } from '../../src/triggers/route.ts'
import { type Loose, startApi, type TestApi } from '../api/start-api.ts'
import { drydock } from '../cli/run.ts'
import { configFor } from '../notify/config.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { after, gitea, github, gitlab, nothing } from './payloads.ts'

/** The route on a real server and database; recipes and hooks through the API. */
let pg: TestDatabase
let api: TestApi
let hook: { url: string; close: () => Promise<void> }
const secret = 'a-secret-of-the-tests'

const listen = async (d: TestApi['d']) => {
  const route = gitHookRoute(d)
  const server = createServer((asked, response) => {
    if (!route(asked, response)) response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
  hook = await listen(api.d)
  await api.call('PUT', 'namespaces/app/git-hook', { body: { secret } })
})
afterAll(async () => {
  await hook.close()
  await api.close()
  await pg.close()
})
afterEach(async () => {
  await pg.sql`truncate build, recipe, git_delivery cascade`
  await pg.sql`delete from graphile_worker._private_jobs`
})

const git = { url: 'https://git.example/team/app.git', ref: 'main' }
const put = (ref: string, recipe: object = {}) =>
  api.call('PUT', `recipes/${encodeURIComponent(ref)}`, { body: { git, auto: true, ...recipe } })
const builds = () =>
  pg.sql<{ ref: string; kind: string; note: string; automatic: boolean; state: string }[]>`
    select ref, reason->>'kind' as kind, note, automatic, state::text as state from build order by created_at, ref`

type Told = {
  status: number
  body: Loose & { builds: { ref: string; id: string }[]; skipped: object[]; ignored: string }
}
async function post(path: string, body: string, headers: Record<string, string>, to = hook.url): Promise<Told> {
  const response = await fetch(`${to}${path}`, { method: 'POST', body, headers })
  return { status: response.status, body: (await response.json()) as Told['body'] }
}
const hmac = (body: string, key = secret) => createHmac('sha256', key).update(body).digest('hex')
const asGithub = (body: string, more: Record<string, string> = {}, path = '/v2/webhooks/git/app') =>
  post(path, body, {
    ...{ 'content-type': 'application/json', 'x-github-event': 'push', 'x-github-delivery': randomUUID() },
    ...{ 'x-hub-signature-256': `sha256=${hmac(body)}`, ...more },
  })
const signingToken = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const asSignedGitlab = (body: string, id: string, more: Record<string, string> = {}) => {
  const time = String(Math.floor(api.d.clock().getTime() / 1000))
  const mac = createHmac('sha256', Buffer.alloc(32, 7)).update(`${id}.${time}.${body}`).digest('base64')
  return post('/v2/webhooks/git/signed', body, {
    ...{ 'x-gitlab-event': 'Push Hook', 'webhook-id': id, 'webhook-timestamp': time, 'idempotency-key': id },
    ...{ 'webhook-signature': `v1,${mac}`, ...more },
  })
}
const asGitlab = (body: string, more: Record<string, string> = {}) =>
  post('/v2/webhooks/git/app', body, { 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': secret, ...more })
const asGitea = (body: string, more: Record<string, string> = {}) =>
  post('/v2/webhooks/git/app', body, {
    ...{ 'x-gitea-event': 'push', 'x-gitea-delivery': randomUUID(), 'x-gitea-signature': hmac(body) },
    ...{ 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${hmac(body)}`, ...more },
  })
const text = JSON.stringify

describe('what is signed', () => {
  it('builds what follows the branch, in this namespace alone, and says so', async () => {
    await put('app/run:1')
    await put('app/never:1', { gitPush: false })
    await put('app/docs:1', { gitPush: { paths: ['docs/**'] } })
    await put('app/tagged:1', { git: { ...git, ref: 'v1' } })
    await put('other/run:1')
    const told = await asGithub(text(github()))
    expect(told).toEqual({
      status: 202,
      body: {
        ...{ event: 'push', ref: 'refs/heads/main', commit: after, pusher: 'ada' },
        builds: [{ ref: 'reg:5000/app/run:1', id: expect.any(String) }],
        skipped: [
          { ref: 'reg:5000/app/docs:1', because: 'no-path-touched' },
          { ref: 'reg:5000/app/never:1', because: 'not-wanted' },
        ],
      },
    })
    const note = 'refs/heads/main pushed by ada: aaaaaaaaaaaa'
    expect(await builds()).toEqual([
      { ref: 'reg:5000/app/run:1', kind: 'git-push', note, automatic: false, state: 'queued' },
    ])
    expect((await api.get(`builds/${told.body.builds[0]?.id}`)).reason).toMatchObject({ kind: 'git-push' })
  })
  it('may be a form, as GitHub sends unless told otherwise', async () => {
    await put('app/run:1')
    const body = new URLSearchParams({ payload: text(github()) }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await asGithub(body, headers)).body.builds).toHaveLength(1)
  })
  it('may be of GitLab: branches and tags', async () => {
    await put('app/run:1')
    await put('app/run:v1', { git: { ...git, ref: 'v1' } })
    expect((await asGitlab(text(gitlab()))).body.builds).toHaveLength(1)
    const tag = text(gitlab('refs/tags/v1', [], { before: nothing }))
    expect((await asGitlab(tag, { 'x-gitlab-event': 'Tag Push Hook' })).body.builds).toMatchObject([
      { ref: 'reg:5000/app/run:v1' },
    ])
  })
  it('may be of GitLab with a signing token, or of all its projects as a system hook', async () => {
    await api.call('PUT', 'namespaces/signed/git-hook', { body: { secret: signingToken } })
    await put('signed/run:1')
    expect((await asSignedGitlab(text(gitlab()), 'one')).body.builds).toHaveLength(1)
    expect((await asSignedGitlab(text(gitlab()), 'two', { 'webhook-signature': 'v1,x' })).status).toBe(401)
    expect((await asSignedGitlab(text(gitlab()), 'two', { 'webhook-id': 'three' })).status).toBe(401)
    await put('app/run:1')
    const hook = { 'x-gitlab-event': 'System Hook' }
    expect((await asGitlab(text(gitlab()), hook)).body.builds).toHaveLength(1)
    const created = { event_name: 'project_create', name: 'app', path: 'app' }
    expect((await asGitlab(text(created), hook)).body.ignored).toMatch(/no push/)
  })
  it('may be a form of Gitea, which signs what is in it', async () => {
    await put('app/run:1', { git: { url: 'ssh://git@git.example:2222/team/app.git', ref: 'main', credential: 'key' } })
    const payload = text(gitea())
    const signature = { 'x-gitea-signature': hmac(payload), 'x-hub-signature-256': `sha256=${hmac(payload)}` }
    const headers = { 'content-type': 'application/x-www-form-urlencoded', ...signature }
    expect((await asGitea(new URLSearchParams({ payload }).toString(), headers)).body.builds).toHaveLength(1)
    const two = new URLSearchParams([
      ['payload', payload],
      ['payload', text({ ...gitea(), ref: 'refs/heads/other' })],
    ])
    expect((await asGitea(two.toString(), { ...headers, 'x-gitea-delivery': 'x' })).body).toMatchObject({
      ref: 'refs/heads/main',
    })
  })
  it('may be of Gitea, with or without the headers of GitHub', async () => {
    await put('app/run:1', { git: { url: 'ssh://git@git.example:2222/team/app.git', ref: 'main', credential: 'key' } })
    const body = text(gitea())
    expect((await asGitea(body)).body.builds).toHaveLength(1)
    const own = { 'x-forgejo-event': 'push', 'x-forgejo-signature': hmac(body) }
    expect((await post('/v2/webhooks/git/app', body, own)).body.builds).toHaveLength(1)
  })
  it('is answered where it builds nothing', async () => {
    await put('app/run:1')
    expect(await asGithub(text({ zen: 'x', hook_id: 1 }), { 'x-github-event': 'ping' })).toEqual({
      status: 200,
      body: { message: 'pong' },
    })
    const gone = text(github('refs/heads/main', [], { deleted: true, after: nothing }))
    expect((await asGithub(gone)).body).toMatchObject({ builds: [], skipped: [{ because: 'deleted' }] })
    expect((await asGithub('{}', { 'x-github-event': 'issues' })).status).toBe(202)
    expect((await asGithub('{}')).body.ignored).toMatch(/no push/)
    expect((await asGithub('no JSON')).status).toBe(400)
    expect(await builds()).toEqual([])
  })
  it('holds nothing that harms where it is stored or shown', async () => {
    await put('app/run:1')
    const name = 'eve\u0000\n\u001b]0;x\u0007\ud800'
    expect((await asGithub(text(github('refs/heads/main', [], { pusher: { name } })))).status).toBe(202)
    expect((await builds())[0]?.note).toMatch(/^refs\/heads\/main pushed by eve[\x20-\x7e\ufffd]*: a{12}$/)
  })
  it('starts nothing where Drydock only observes', async () => {
    await put('app/run:1')
    const observing = await listen({ ...api.d, config: { ...api.d.config, observe: true } })
    const body = text(github())
    const headers = { 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${hmac(body)}` }
    expect((await post('/v2/webhooks/git/app', body, headers, observing.url)).body.skipped).toEqual([
      { ref: 'reg:5000/app/run:1', because: 'observing' },
    ])
    await observing.close()
    expect(await builds()).toEqual([])
  })
})

describe('what is not', () => {
  const body = text(github())
  const right = `sha256=${hmac(body)}`
  test.each<[string, Record<string, string>]>([
    ['no signature', {}],
    ['of another secret', { 'x-hub-signature-256': `sha256=${hmac(body, 'another-secret-of-tests')}` }],
    ['of another body', { 'x-hub-signature-256': `sha256=${hmac(`${body} `)}` }],
    ['without its prefix', { 'x-hub-signature-256': hmac(body) }],
    ['cut off', { 'x-hub-signature-256': right.slice(0, -2) }],
    ['empty', { 'x-hub-signature-256': '' }],
    ['the older kind alone', { 'x-hub-signature': `sha1=${createHmac('sha1', secret).update(body).digest('hex')}` }],
    ['a right one beside a wrong one', { 'x-hub-signature-256': right, 'x-gitea-signature': 'f'.repeat(64) }],
    ['a wrong one beside the token', { 'x-hub-signature-256': 'sha256=00', 'x-gitlab-token': secret }],
    ['a wrong token', { 'x-gitlab-token': `${secret}x` }],
    ['an empty token', { 'x-gitlab-token': '' }],
  ])('401: %s', async (_, headers) => {
    await put('app/run:1')
    expect((await post('/v2/webhooks/git/app', body, { 'x-github-event': 'push', ...headers })).status).toBe(401)
    expect(await builds()).toEqual([])
  })
  test.each([
    '/v2/webhooks/git/none',
    '/v2/webhooks/git/',
    '/v2/webhooks/git/%',
    '/v2/webhooks/git/App',
    '/v2/webhooks/git/app/x',
  ])('401: right, but at %s', async (path) => expect((await asGithub(body, {}, path)).status).toBe(401))
  it('405 to a browser', async () => {
    const answer = await fetch(`${hook.url}/v2/webhooks/git/app`)
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
  })
  it('is refused before its body is read, where nothing could sign it', async () => {
    const status = await new Promise((resolve, reject) => {
      const open = request(`${hook.url}/v2/webhooks/git/app`, { method: 'POST', headers: { 'content-length': 1e9 } })
      open.on('response', (answer) => resolve(answer.statusCode)).on('error', reject)
      open.write('{')
    })
    expect(status).toBe(401)
  })
  it('413: larger than any git server sends', async () => {
    const large = `"${'x'.repeat(25 * 1024 * 1024)}"`
    expect((await asGithub(large)).status).toBe(413)
  })
})

test('slow senders who know no secret keep nobody out', async () => {
  await put('app/run:1')
  const { hostname, port } = new URL(hook.url)
  const slow = Array.from({ length: 80 }, () => {
    const socket = connect(Number(port), hostname)
    const head = ['POST /v2/webhooks/git/app HTTP/1.1', 'Host: x', 'X-Hub-Signature-256: x', 'Content-Length: 100']
    socket.on('error', () => undefined).write(`${head.join('\r\n')}\r\n\r\n{`)
    return socket
  })
  // of 80, 16 had to make room
  const ended = slow.map((socket) => new Promise<void>((resolve) => void socket.on('close', () => resolve())))
  let gone = 0
  await new Promise<void>((resolve) => {
    for (const one of ended) void one.then(() => ++gone === 16 && resolve())
  })
  expect((await asGithub(text(github()))).body.builds).toHaveLength(1)
  for (const socket of slow) socket.destroy()
})

describe('the same again', () => {
  it('counts once by the id of its delivery, also at the same time, and is answered as before', async () => {
    await put('app/run:1')
    const id = { 'x-github-delivery': 'one' }
    const [first, second] = await Promise.all([asGithub(text(github()), id), asGithub(text(github()), id)])
    await pg.sql`update build set state = 'succeeded', finished_at = now()`
    expect([second, await asGithub(text(github()), id)]).toEqual([first, first])
    expect(await builds()).toHaveLength(1)
    expect((await asGithub(text({ ...github(), later: true }))).body.builds).toHaveLength(1)
    expect(await builds()).toHaveLength(2)
  })
  it('is the same under another id, which nobody signed', async () => {
    await put('app/run:1')
    const first = await asGithub(text(github()))
    await pg.sql`update build set state = 'succeeded', finished_at = now()`
    expect(await asGithub(text(github()))).toEqual(first)
    expect(await builds()).toHaveLength(1)
  })
  it('is another push where a token alone says who sends: a branch may go back and forth', async () => {
    await put('app/run:1')
    for (let i = 1; i <= 2; i++) {
      await asGitlab(text(gitlab()))
      await pg.sql`update build set state = 'succeeded', finished_at = now()`
      expect(await builds()).toHaveLength(i)
    }
  })
  it('counts once by an id that is signed, and not by one that is not', async () => {
    await api.call('PUT', 'namespaces/signed/git-hook', { body: { secret: signingToken } })
    await put('signed/run:1')
    const first = await asSignedGitlab(text(gitlab()), 'again')
    await pg.sql`update build set state = 'succeeded', finished_at = now()`
    expect(await asSignedGitlab(text(gitlab()), 'again', { 'idempotency-key': 'another' })).toEqual(first)
    expect(await builds()).toHaveLength(1)
    // a branch may go back and forth: the same body under another id is another push
    await asSignedGitlab(text(gitlab()), 'other', { 'idempotency-key': 'again' })
    expect(await builds()).toHaveLength(2)
  })
  it('is one queued build where pushes come faster than builds', async () => {
    await put('app/run:1')
    for (let i = 0; i < 3; i++) await asGithub(text(github()))
    expect(await builds()).toHaveLength(1)
  })
  it('by the id of another namespace is another', async () => {
    await put('app/run:1')
    await put('other/run:1')
    await api.call('PUT', 'namespaces/other/git-hook', { body: { secret } })
    const id = { 'x-github-delivery': 'one' }
    await asGithub(text(github()), id)
    expect((await asGithub(text(github()), id, '/v2/webhooks/git/other')).body.builds).toMatchObject([
      { ref: 'reg:5000/other/run:1' },
    ])
  })
})

test('503 while the database does not answer: a git server shows that as failed, and can send it again', async () => {
  const broken = await testDatabase()
  const other = await startApi(broken)
  await other.call('PUT', 'namespaces/app/git-hook', { body: { secret } })
  const route = await listen(other.d)
  await broken.sql`drop table recipe cascade`
  const body = text(github())
  const headers = { 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${hmac(body)}`, 'x-github-delivery': 'x' }
  expect((await post('/v2/webhooks/git/app', body, headers, route.url)).status).toBe(503)
  expect(await broken.sql`select * from git_delivery`).toEqual([])
  await route.close()
  await other.close()
  await broken.close()
})

test('with several registries the namespace has its registry in front', async () => {
  const several = await startApi(pg, configFor(['reg:5000', 'two:5000']).registries)
  const route = await listen(several.d)
  const stored = await several.call('PUT', 'namespaces/two%3A5000%2Fapp/git-hook', { body: { secret } })
  const { pathname } = new URL(String(stored.body.url))
  await several.call('PUT', 'recipes/two%3A5000%2Fapp%2Frun%3A1', { body: { git, auto: true } })
  const body = text(github())
  const headers = { 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${hmac(body)}` }
  for (const path of [pathname, '/v2/webhooks/git/two:5000/app', '/v2/webhooks/git/two%3A5000%2Fapp'])
    expect((await post(path, body, headers, route.url)).body.builds).toMatchObject([{ ref: 'two:5000/app/run:1' }])
  await route.close()
  await several.close()
})

test('the hook itself: its secret is shown once, sealed, replaced and removed', async () => {
  const made = await api.call('PUT', 'namespaces/fresh/git-hook')
  const own = String(made.body.secret)
  expect(made.body).toEqual({
    url: `${api.d.config.publicUrl}/v2/webhooks/git/fresh`,
    updatedAt: expect.any(String),
    secret: expect.stringMatching(/^whsec_[\w+/]{43}=$/),
  })
  expect(await api.get('namespaces/fresh/git-hook')).toEqual({ url: made.body.url, updatedAt: made.body.updatedAt })
  expect(text(await pg.sql`select * from git_hook`)).not.toContain(own)
  const body = text(github())
  const with_ = (key: string) =>
    asGithub(body, { 'x-hub-signature-256': `sha256=${hmac(body, key)}` }, '/v2/webhooks/git/fresh')
  expect((await with_(own)).status).toBe(202)
  expect((await api.call('PUT', 'namespaces/fresh/git-hook', { body: { secret } })).body.secret).toBeNull()
  expect([(await with_(own)).status, (await with_(secret)).status]).toEqual([401, 202])
  for (const bad of ['short', 'with blanks in its middle', `tail-of-a-line-${'\n'}`, 'ü'.repeat(20)])
    expect((await api.call('PUT', 'namespaces/fresh/git-hook', { body: { secret: bad } })).status).toBe(400)
  expect((await api.call('DELETE', 'namespaces/fresh/git-hook')).status).toBe(204)
  for (const method of ['GET', 'DELETE'])
    expect((await api.call(method, 'namespaces/fresh/git-hook')).body.code).toBe('no-such-git-hook')
  expect((await with_(secret)).status).toBe(401)
})

test('from the shell', async () => {
  const env = { DRYDOCK_URL: api.url, DRYDOCK_TOKEN: api.token }
  const good = async (stdin: string, ...args: string[]) => {
    const { code, out, err } = await drydock(args, env, stdin)
    expect([args, code, err]).toEqual([args, 0, ''])
    return out
  }
  expect(await good('', 'git-hook', 'set', 'shell')).toMatch(
    /^URL {5}http\S+\/v2\/webhooks\/git\/shell\nSecret {2}whsec_[\w+/]{43}= {3}\(shown this once\)\n$/,
  )
  expect(await good(`${secret}\n`, 'git-hook', 'set', 'shell', '--secret-file', '-')).toMatch(/^URL \S*\s*\S+\n$/)
  expect(await good('', 'git-hook', 'show', 'shell')).toMatch(/^http\S+\/v2\/webhooks\/git\/shell /)
  expect(await good('', 'git-hook', 'rm', 'shell')).toBe('removed the git hook of shell\n')
})

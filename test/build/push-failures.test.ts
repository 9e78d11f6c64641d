import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import { build } from '../../src/build/build.ts'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { readLog } from '../../src/build/logs.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { type DockerEstate, dockerEstate } from '../support/docker-estate.ts'
import { startDebianRegistry, type TestRegistry } from '../support/registry.ts'
import { type Fate, type RegistryProxy, registryProxy } from '../support/registry-proxy.ts'
import { requires } from '../support/requires.ts'
import { learnTags } from './world.ts'

requires(
  'docker',
  'docker-registry',
  'git',
  'klibc',
)('a push', () => {
  let registry: TestRegistry
  let proxy: RegistryProxy
  let estate: DockerEstate
  beforeAll(async () => {
    registry = await startDebianRegistry()
    proxy = await registryProxy(registry.port)
    estate = await dockerEstate(proxy)
    const login = { kind: 'git', urlPrefix: `${estate.git.origin}/`, username: 'ci', password: 's3cret' }
    await putCredential(estate.d, 'app', 'ci', CredentialInput.parse(login))
    await estate.pushBase('lib/base:1', 'one')
  })
  afterEach(() => {
    proxy.fate = () => 'through'
  })
  afterAll(async () => {
    await estate.close()
    await proxy.close()
    await registry.close()
  })

  const row = (id: string) => estate.d.db.build.findUniqueOrThrow({ where: { id } })
  const tag = (name: string) => estate.d.db.tag.findUniqueOrThrow({ where: { ref: estate.ref(name) } })
  const builds = (name: string) =>
    estate.d.db.build.findMany({ where: { ref: estate.ref(name) }, orderBy: { createdAt: 'asc' } })
  const files = (what: string) => ({ Dockerfile: `FROM ${estate.ref('lib/base:1')}\nRUN echo ${what} > /what\n` })
  const writing = /^(POST|PATCH|PUT|DELETE) /
  const answer = (status: number, body: object | string, headers = {}): Fate => ({
    ...{ status, headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const told = (code: string, message: string) => ({ errors: [{ code, message, detail: [{ Action: 'push' }] }] })

  it.each([
    [
      '401-basic',
      answer(401, told('UNAUTHORIZED', 'authentication required'), { 'www-authenticate': 'Basic realm="r"' }),
    ],
    ['401-bare', answer(401, '')],
    ['403-json', answer(403, told('DENIED', 'requested access to the resource is denied'))],
    ['403-page', answer(403, '<html>Forbidden</html>', { 'content-type': 'text/html' })],
  ])('that is refused with %s says so, and is not tried again by itself at once', async (name, fate) => {
    const repository = `app/refused-${name}`
    const id = await estate.queue(`${repository}:1`, files(name))
    proxy.fate = ({ method, path }) => (writing.test(`${method} ${path}`) ? fate : 'through')
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'failed', error: { code: 'push-refused', retryable: false } })
    expect(await registry.client.headManifest(repository, '1')).toBeNull()
    const asked = proxy.seen.filter((request) => writing.test(request) && request.includes(repository))
    expect(asked.length).toBeLessThanOrEqual(3)
  })

  it('of the tag alone that is refused says so too', async () => {
    const id = await estate.queue('app/refused-tag:1', files('tag'))
    proxy.fate = ({ method, path }) =>
      /^PUT .*\/manifests\/1$/.test(`${method} ${path}`)
        ? answer(403, told('DENIED', 'this tag is protected'))
        : 'through'
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'failed', error: { code: 'push-refused', retryable: false } })
    expect(await registry.client.headManifest('app/refused-tag', '1')).toBeNull()
  })

  it('into a registry that is down at the end fails for now, and the next try succeeds once it is back', async () => {
    await build(estate.d, await estate.queue('app/down:1', files('down'), { auto: true }))
    await estate.pushBase('lib/base:1', 'two')
    await plan(estate.d)
    const planned = async () => (await builds('app/down:1')).at(-1)!
    const first = await planned()
    expect(first).toMatchObject({ state: 'queued', automatic: true })
    let down = false
    proxy.fate = ({ method }) => {
      down ||= method !== 'GET' && method !== 'HEAD'
      return down ? 'cut' : 'through'
    }
    await build(estate.d, first.id)
    expect(down).toBe(true)
    const failed = await row(first.id)
    expect(failed).toMatchObject({ state: 'failed', error: { retryable: true }, digest: null })
    expect(['push-failed', 'unreachable']).toContain((failed.error as { code: string }).code)

    proxy.fate = () => 'through'
    await plan(estate.d)
    const second = await planned()
    expect(second).toMatchObject({ state: 'queued', automatic: true, key: first.key })
    await build(estate.d, second.id)
    expect(await row(second.id)).toMatchObject({ state: 'succeeded' })
    expect(await tag('app/down:1')).toMatchObject({ status: 'current' })
    await plan(estate.d)
    expect(await planned()).toMatchObject({ id: second.id })
  })

  it('whose registry is away right after it is a success, and a later look brings what it pushed', async () => {
    const id = await estate.queue('app/after:1', files('after'))
    let pushed = false
    proxy.fate = ({ method, path }) => {
      if (pushed) return 'cut'
      pushed = method === 'PUT' && path.endsWith('/app/after/manifests/1')
      return 'through'
    }
    await build(estate.d, id)
    const done = await row(id)
    expect(done).toMatchObject({ state: 'succeeded', error: null, digest: expect.any(String) })
    expect(await estate.d.db.tag.count({ where: { ref: estate.ref('app/after:1') } })).toBe(0)
    const jobs = await estate.pg.sql<
      { key: string }[]
    >`select key from graphile_worker.jobs where key like 'look:%/app/after:1'`
    expect(jobs).toHaveLength(1)
    proxy.fate = () => 'through'
    await learnTags(estate.d, [estate.ref('app/after:1')])
    expect(await tag('app/after:1')).toMatchObject({ status: 'current', headDigest: done.digest })
  })

  it('whose further tags cannot be moved now is left for later, and moves them in the end', async () => {
    const id = await estate.queue('app/further:1', files('further'), { tags: ['latest', 'stable'] })
    proxy.fate = ({ method, path }) => (/^PUT .*\/manifests\/latest$/.test(`${method} ${path}`) ? 'cut' : 'through')
    await build(estate.d, id)
    const left = await row(id)
    expect(left).toMatchObject({ state: 'running', error: null, claimToken: null, digest: expect.any(String) })
    expect(left.leaseUntil!.getTime()).toBeGreaterThan(Date.now())
    expect(await readLog(estate.d, id)).toContain('tags could not be moved to it: latest (')
    expect((await registry.client.headManifest('app/further', 'stable'))?.digest).toBe(left.digest)
    proxy.fate = () => 'through'
    await estate.pg.sql`update build set lease_until = lease_until + interval '1 hour' where id = ${id}`
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'running' })
    await estate.pg.sql`update build set lease_until = clock_timestamp() where id = ${id}`
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'succeeded', error: null, digest: left.digest, deaths: 0 })
    expect((await registry.client.headManifest('app/further', 'latest'))?.digest).toBe(left.digest)
  })

  it('is found by a later takeover where the registry was away for the first', async () => {
    const id = await estate.queue('app/asked:1', files('asked'))
    await build(estate.d, id)
    const { digest } = await row(id)
    await estate.pg.sql`
      update build set state = 'running', digest = null, finished_at = null, lease_until = null where id = ${id}`
    proxy.fate = () => 'cut'
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'running', error: null, claimToken: null, digest: null })
    proxy.fate = () => 'through'
    await estate.pg.sql`update build set lease_until = clock_timestamp() where id = ${id}`
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'succeeded', error: null, digest })
  })

  it('is not tried a fourth time where three workers died', async () => {
    const id = await estate.queue('app/poison:1', files('poison'))
    await estate.pg
      .sql`update build set state = 'running', claim_token = null, deaths = 3, started_at = now() where id = ${id}`
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'failed', error: { code: 'worker-died', retryable: false } })
  })
})

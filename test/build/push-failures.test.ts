import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import { build } from '../../src/build/build.ts'
import { cancelBuild } from '../../src/build/cancel.ts'
import { CredentialInput, putCredential } from '../../src/build/credentials.ts'
import { type MoveTags, moveLeftTags } from '../../src/build/further-tags.ts'
import { readLog } from '../../src/build/logs.ts'
import { parseDigest } from '../../src/oci/digest.ts'
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

  const head = async (repository: string, name: string) =>
    (await registry.client.headManifest(repository, name))?.digest ?? null
  const refusing = (name: string, fate: Fate) => {
    proxy.fate = ({ method, path }) => (method === 'PUT' && path.endsWith(`/manifests/${name}`) ? fate : 'through')
  }
  /** What waits to be moved along after this build; null: nothing. */
  const left = async (id: string) => {
    const [job] = await estate.pg.sql<{ payload: string }[]>`
      select payload::text from graphile_worker._private_jobs where key = ${`move-tags:${id}`}`
    return job ? (JSON.parse(job.payload) as MoveTags) : null
  }
  const moveLeft = async (id: string) => {
    const payload = await left(id)
    await estate.pg.sql`delete from graphile_worker._private_jobs where key = ${`move-tags:${id}`}`
    await moveLeftTags(estate.d, payload!, new AbortController().signal)
  }
  const putBy = async (repository: string, name: string, digest: string) => {
    const manifest = await registry.client.getManifest(repository, parseDigest(digest)!)
    await registry.client.putManifest(repository, name, manifest!)
  }

  it.each([
    ['cut', 'cut' as const],
    ['500', answer(500, '')],
    ['429', answer(429, told('TOOMANYREQUESTS', 'slow down'))],
  ])('whose further tags cannot be moved now (%s) is done, and moves them in the end', async (name, fate) => {
    const repository = `app/further-${name}`
    const id = await estate.queue(`${repository}:1`, files(`further-${name}`), { tags: ['latest', 'stable'] })
    refusing('latest', fate)
    await build(estate.d, id)
    const done = await row(id)
    expect(done).toMatchObject({ state: 'succeeded', error: null, digest: expect.any(String) })
    expect(await readLog(estate.d, id)).toContain(
      `could not be moved along yet, tried again later: ${estate.ref(`${repository}:latest`)} (`,
    )
    expect(await head(repository, 'stable')).toBe(done.digest)
    await moveLeft(id)
    expect(await left(id)).toMatchObject({ left: [{ tag: 'latest', seen: null }], tries: 1 })
    proxy.fate = () => 'through'
    await moveLeft(id)
    expect(await left(id)).toBeNull()
    expect(await head(repository, 'latest')).toBe(done.digest)
    expect(await tag(`${repository}:latest`)).toMatchObject({ headDigest: done.digest })
  })

  it('whose further tags are refused for good says so, and is left alone', async () => {
    const id = await estate.queue('app/further-denied:1', files('further-denied'), { tags: ['latest'] })
    refusing('latest', answer(403, told('DENIED', 'tag is immutable')))
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'failed', error: { code: 'tags-not-moved', retryable: false } })
    expect(await left(id)).toBeNull()
  })

  it('whose tag has moved on meanwhile takes no further tag along any more', async () => {
    const id = await estate.queue('app/further-old:1', files('further-old'), { tags: ['latest'] })
    refusing('latest', 'cut')
    await build(estate.d, id)
    proxy.fate = () => 'through'
    const { row: newer } = await estate.build('app/further-old:1', files('further-newer'), { tags: [] })
    expect(newer.digest).not.toBe((await row(id)).digest)
    await moveLeft(id)
    expect(await head('app/further-old', 'latest')).toBeNull()
  })

  it('moves no further tag that somebody moved meanwhile, or whose recipe names it no more', async () => {
    const first = await estate.build('app/further-hand:1', files('hand-one'), { tags: ['latest', 'stable', 'gone'] })
    const id = await estate.queue('app/further-hand:1', files('hand-two'), { tags: ['latest', 'stable', 'gone'] })
    proxy.fate = ({ method, path }) =>
      method === 'PUT' && /\/manifests\/(latest|gone)$/.test(path) ? answer(500, '') : 'through'
    await build(estate.d, id)
    const { digest } = await row(id)
    expect((await left(id))!.left.map(({ tag }) => tag)).toEqual(['latest', 'gone'])
    expect(await head('app/further-hand', 'stable')).toBe(digest)
    proxy.fate = () => 'through'
    await putBy('app/further-hand', 'stable', first.row.digest!)
    const own = (await registry.client.getManifest('app/further-hand', parseDigest(first.row.digest!)!))!
    const bytes = Buffer.from(`${Buffer.from(own.bytes).toString('utf8')}\n`)
    const byHand = await registry.client.putManifest('app/further-hand', 'latest', { bytes, mediaType: own.mediaType })
    await estate.pg
      .sql`update recipe set spec = jsonb_set(spec, '{tags}', '["latest", "stable"]') where ref = ${estate.ref('app/further-hand:1')}`
    await moveLeft(id)
    expect(await head('app/further-hand', 'stable')).toBe(first.row.digest)
    expect(await head('app/further-hand', 'latest')).toBe(byHand)
    expect(await head('app/further-hand', 'gone')).toBe(first.row.digest)
    expect(await left(id)).toBeNull()
  })

  it('is told of a tag that is refused for good, and the others are moved in the end all the same', async () => {
    const id = await estate.queue('app/further-both:1', files('both'), { tags: ['fixed', 'latest'] })
    proxy.fate = ({ method, path }) => {
      if (method !== 'PUT') return 'through'
      if (path.endsWith('/manifests/fixed')) return answer(403, told('DENIED', 'tag is immutable'))
      return path.endsWith('/manifests/latest') ? answer(503, '') : 'through'
    }
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'failed', error: { code: 'tags-not-moved' } })
    proxy.fate = () => 'through'
    await moveLeft(id)
    expect(await head('app/further-both', 'latest')).toBe((await row(id)).digest)
    expect(await head('app/further-both', 'fixed')).toBeNull()
  })

  it('does not move a further tag that has a recipe of its own', async () => {
    const { row: own } = await estate.build('app/further-own:2', files('two'))
    const id = await estate.queue('app/further-own:1', files('one'), { tags: ['2', '3'] })
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'succeeded' })
    expect(await head('app/further-own', '2')).toBe(own.digest)
    expect(await head('app/further-own', '3')).toBe((await row(id)).digest)
  })

  it('that was recorded is not made again where a worker died after it, wherever the tag is by now', async () => {
    const id = await estate.queue('app/recorded:1', files('recorded'), { tags: ['latest'] })
    await build(estate.d, id)
    const { digest } = await row(id)
    const { row: other } = await estate.build('app/recorded:1', files('by hand'), { tags: ['latest'] })
    await estate.pg.sql`update build set state = 'running', finished_at = null, lease_until = null where id = ${id}`
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'succeeded', digest })
    expect(await head('app/recorded', '1')).toBe(other.digest)
    expect(await head('app/recorded', 'latest')).toBe(other.digest)
  })

  it('that is left for later is cancelled at once', async () => {
    const id = await estate.queue('app/left:1', files('left'))
    await build(estate.d, id)
    await estate.pg.sql`
      update build set state = 'running', digest = null, finished_at = null, lease_until = null where id = ${id}`
    proxy.fate = () => 'cut'
    await build(estate.d, id)
    expect(await row(id)).toMatchObject({ state: 'running', claimToken: null })
    expect(await cancelBuild(estate.d, id)).toBe('cancelled')
    expect(await row(id)).toMatchObject({ state: 'cancelled', leaseUntil: null, error: { code: 'cancelled' } })
    expect((await row(id)).finishedAt).not.toBeNull()
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

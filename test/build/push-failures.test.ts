import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import { build } from '../../src/build/build.ts'
import { cancelBuild } from '../../src/build/cancel.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { requires } from '../support/requires.ts'
import { answer, files, head, type PushEstate, pushEstate, row, tagRow, told } from './push-estate.ts'
import { learnTags } from './world.ts'

requires(
  'docker',
  'docker-registry',
  'git',
  'klibc',
)('a push', () => {
  let estate: PushEstate
  beforeAll(async () => {
    estate = await pushEstate()
  })
  afterEach(() => {
    estate.proxy.fate = () => 'through'
  })
  afterAll(() => estate.close())

  const builds = (name: string) =>
    estate.d.db.build.findMany({ where: { ref: estate.ref(name) }, orderBy: { createdAt: 'asc' } })
  const writing = /^(POST|PATCH|PUT|DELETE) /

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
    const id = await estate.queue(`${repository}:1`, files(estate, name))
    estate.proxy.fate = ({ method, path }) => (writing.test(`${method} ${path}`) ? fate : 'through')
    await build(estate.d, id)
    expect(await row(estate, id)).toMatchObject({ state: 'failed', error: { code: 'push-refused', retryable: false } })
    expect(await estate.registry.client.headManifest(repository, '1')).toBeNull()
    const asked = estate.proxy.seen.filter((request) => writing.test(request) && request.includes(repository))
    expect(asked.length).toBeLessThanOrEqual(3)
  })

  it('of the tag alone that is refused says so too', async () => {
    const id = await estate.queue('app/refused-tag:1', files(estate, 'tag'))
    estate.proxy.fate = ({ method, path }) =>
      /^PUT .*\/manifests\/1$/.test(`${method} ${path}`)
        ? answer(403, told('DENIED', 'this tag is protected'))
        : 'through'
    await build(estate.d, id)
    expect(await row(estate, id)).toMatchObject({ state: 'failed', error: { code: 'push-refused', retryable: false } })
    expect(await estate.registry.client.headManifest('app/refused-tag', '1')).toBeNull()
  })

  it('into a registry that is down at the end fails for now, and the next try succeeds once it is back', async () => {
    await build(estate.d, await estate.queue('app/down:1', files(estate, 'down'), { auto: true }))
    await estate.pushBase('lib/base:1', 'two')
    await plan(estate.d)
    const planned = async () => (await builds('app/down:1')).at(-1)!
    const first = await planned()
    expect(first).toMatchObject({ state: 'queued', automatic: true })
    let down = false
    estate.proxy.fate = ({ method }) => {
      down ||= method !== 'GET' && method !== 'HEAD'
      return down ? 'cut' : 'through'
    }
    await build(estate.d, first.id)
    expect(down).toBe(true)
    const failed = await row(estate, first.id)
    expect(failed).toMatchObject({ state: 'failed', error: { retryable: true }, digest: null })
    expect(['push-failed', 'unreachable']).toContain((failed.error as { code: string }).code)

    estate.proxy.fate = () => 'through'
    await plan(estate.d)
    const second = await planned()
    expect(second).toMatchObject({ state: 'queued', automatic: true, key: first.key })
    await build(estate.d, second.id)
    expect(await row(estate, second.id)).toMatchObject({ state: 'succeeded' })
    expect(await tagRow(estate, 'app/down:1')).toMatchObject({ status: 'current' })
    await plan(estate.d)
    expect(await planned()).toMatchObject({ id: second.id })
  })

  it('whose registry is away right after it is a success, and a later look brings what it pushed', async () => {
    const id = await estate.queue('app/after:1', files(estate, 'after'))
    let pushed = false
    estate.proxy.fate = ({ method, path }) => {
      if (pushed) return 'cut'
      pushed = method === 'PUT' && path.endsWith('/app/after/manifests/1')
      return 'through'
    }
    await build(estate.d, id)
    const done = await row(estate, id)
    expect(done).toMatchObject({ state: 'succeeded', error: null, digest: expect.any(String) })
    expect(await estate.d.db.tag.count({ where: { ref: estate.ref('app/after:1') } })).toBe(0)
    const jobs = await estate.pg.sql<
      { key: string }[]
    >`select key from graphile_worker.jobs where key like 'look:%/app/after:1'`
    expect(jobs).toHaveLength(1)
    estate.proxy.fate = () => 'through'
    await learnTags(estate.d, [estate.ref('app/after:1')])
    expect(await tagRow(estate, 'app/after:1')).toMatchObject({ status: 'current', headDigest: done.digest })
  })

  it('that was recorded is not made again where a worker died after it, wherever the tag is by now', async () => {
    const id = await estate.queue('app/recorded:1', files(estate, 'recorded'), { tags: ['latest'] })
    await build(estate.d, id)
    const { digest } = await row(estate, id)
    const { row: other } = await estate.build('app/recorded:1', files(estate, 'by hand'), { tags: ['latest'] })
    await estate.pg.sql`update build set state = 'running', finished_at = null, lease_until = null where id = ${id}`
    await build(estate.d, id)
    expect(await row(estate, id)).toMatchObject({ state: 'succeeded', digest })
    expect(await head(estate, 'app/recorded', '1')).toBe(other.digest)
    expect(await head(estate, 'app/recorded', 'latest')).toBe(other.digest)
  })

  it('that is left for later is cancelled at once', async () => {
    const id = await estate.queue('app/left:1', files(estate, 'left'))
    await build(estate.d, id)
    await estate.pg.sql`
      update build set state = 'running', digest = null, finished_at = null, lease_until = null where id = ${id}`
    estate.proxy.fate = () => 'cut'
    await build(estate.d, id)
    expect(await row(estate, id)).toMatchObject({ state: 'running', claimToken: null })
    expect(await cancelBuild(estate.d, id)).toBe('cancelled')
    expect(await row(estate, id)).toMatchObject({ state: 'cancelled', leaseUntil: null, error: { code: 'cancelled' } })
    expect((await row(estate, id)).finishedAt).not.toBeNull()
  })

  it('is found by a later takeover where the registry was away for the first', async () => {
    const id = await estate.queue('app/asked:1', files(estate, 'asked'))
    await build(estate.d, id)
    const { digest } = await row(estate, id)
    await estate.pg.sql`
      update build set state = 'running', digest = null, finished_at = null, lease_until = null where id = ${id}`
    estate.proxy.fate = () => 'cut'
    await build(estate.d, id)
    expect(await row(estate, id)).toMatchObject({ state: 'running', error: null, claimToken: null, digest: null })
    estate.proxy.fate = () => 'through'
    await estate.pg.sql`update build set lease_until = clock_timestamp() where id = ${id}`
    await build(estate.d, id)
    expect(await row(estate, id)).toMatchObject({ state: 'succeeded', error: null, digest })
  })

  it('is not tried a fourth time where three workers died', async () => {
    const id = await estate.queue('app/poison:1', files(estate, 'poison'))
    await estate.pg
      .sql`update build set state = 'running', claim_token = null, deaths = 3, started_at = now() where id = ${id}`
    await build(estate.d, id)
    expect(await row(estate, id)).toMatchObject({ state: 'failed', error: { code: 'worker-died', retryable: false } })
  })
})

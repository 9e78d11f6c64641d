import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import { build } from '../../src/build/build.ts'
import { moveLeftTags } from '../../src/build/further-tags.ts'
import { readLog } from '../../src/build/logs.ts'
import type { Payloads } from '../../src/jobs/jobs.ts'
import { parseDigest } from '../../src/oci/digest.ts'
import type { Fate } from '../support/registry-proxy.ts'
import { requires } from '../support/requires.ts'
import { answer, files, head, type PushEstate, pushEstate, row, tagRow, told } from './push-estate.ts'

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

  const refusing = (name: string, fate: Fate) => {
    estate.proxy.fate = ({ method, path }) =>
      method === 'PUT' && path.endsWith(`/manifests/${name}`) ? fate : 'through'
  }
  /** What waits to be moved along after this build; null: nothing. */
  const left = async (id: string) => {
    const [job] = await estate.pg.sql<{ payload: string }[]>`
      select payload::text from graphile_worker._private_jobs where key = ${`move-tags:${id}`}`
    return job ? (JSON.parse(job.payload) as Payloads['move-tags']) : null
  }
  const moveLeft = async (id: string) => {
    const payload = await left(id)
    await estate.pg.sql`delete from graphile_worker._private_jobs where key = ${`move-tags:${id}`}`
    await moveLeftTags(estate.d, payload!, new AbortController().signal)
  }
  const putBy = async (repository: string, name: string, digest: string) => {
    const manifest = await estate.registry.client.getManifest(repository, parseDigest(digest)!)
    await estate.registry.client.putManifest(repository, name, manifest!)
  }

  it.each([
    ['cut', 'cut' as const],
    ['500', answer(500, '')],
    ['429', answer(429, told('TOOMANYREQUESTS', 'slow down'))],
  ])('whose further tags cannot be moved now (%s) is done, and moves them in the end', async (name, fate) => {
    const repository = `app/further-${name}`
    const id = await estate.queue(`${repository}:1`, files(estate, `further-${name}`), { tags: ['latest', 'stable'] })
    refusing('latest', fate)
    await build(estate.d, id)
    const done = await row(estate, id)
    expect(done).toMatchObject({ state: 'succeeded', error: null, digest: expect.any(String) })
    expect(await readLog(estate.d, id)).toContain(
      `could not be moved along yet, tried again later: ${estate.ref(`${repository}:latest`)} (`,
    )
    expect(await head(estate, repository, 'stable')).toBe(done.digest)
    await moveLeft(id)
    expect(await left(id)).toMatchObject({ left: [{ tag: 'latest', seen: null }], tries: 1 })
    estate.proxy.fate = () => 'through'
    await moveLeft(id)
    expect(await left(id)).toBeNull()
    expect(await head(estate, repository, 'latest')).toBe(done.digest)
    expect(await tagRow(estate, `${repository}:latest`)).toMatchObject({ headDigest: done.digest })
  })

  it('whose further tags are refused for good says so, and is left alone', async () => {
    const id = await estate.queue('app/further-denied:1', files(estate, 'further-denied'), { tags: ['latest'] })
    refusing('latest', answer(403, told('DENIED', 'tag is immutable')))
    await build(estate.d, id)
    expect(await row(estate, id)).toMatchObject({
      state: 'failed',
      error: { code: 'tags-not-moved', retryable: false },
    })
    expect(await left(id)).toBeNull()
  })

  it('whose tag has moved on meanwhile takes no further tag along any more', async () => {
    const id = await estate.queue('app/further-old:1', files(estate, 'further-old'), { tags: ['latest'] })
    refusing('latest', 'cut')
    await build(estate.d, id)
    estate.proxy.fate = () => 'through'
    const { row: newer } = await estate.build('app/further-old:1', files(estate, 'further-newer'), { tags: [] })
    expect(newer.digest).not.toBe((await row(estate, id)).digest)
    await moveLeft(id)
    expect(await head(estate, 'app/further-old', 'latest')).toBeNull()
  })

  it('moves no further tag that somebody moved meanwhile, or whose recipe names it no more', async () => {
    const first = await estate.build('app/further-hand:1', files(estate, 'hand-one'), {
      tags: ['latest', 'stable', 'gone'],
    })
    const id = await estate.queue('app/further-hand:1', files(estate, 'hand-two'), {
      tags: ['latest', 'stable', 'gone'],
    })
    estate.proxy.fate = ({ method, path }) =>
      method === 'PUT' && /\/manifests\/(latest|gone)$/.test(path) ? answer(500, '') : 'through'
    await build(estate.d, id)
    const { digest } = await row(estate, id)
    expect((await left(id))!.left.map(({ tag }) => tag)).toEqual(['latest', 'gone'])
    expect(await head(estate, 'app/further-hand', 'stable')).toBe(digest)
    estate.proxy.fate = () => 'through'
    await putBy('app/further-hand', 'stable', first.row.digest!)
    const own = (await estate.registry.client.getManifest('app/further-hand', parseDigest(first.row.digest!)!))!
    const bytes = Buffer.from(`${Buffer.from(own.bytes).toString('utf8')}\n`)
    const byHand = await estate.registry.client.putManifest('app/further-hand', 'latest', {
      bytes,
      mediaType: own.mediaType,
    })
    await estate.pg
      .sql`update recipe set spec = jsonb_set(spec, '{tags}', '["latest", "stable"]') where ref = ${estate.ref('app/further-hand:1')}`
    await moveLeft(id)
    expect(await head(estate, 'app/further-hand', 'stable')).toBe(first.row.digest)
    expect(await head(estate, 'app/further-hand', 'latest')).toBe(byHand)
    expect(await head(estate, 'app/further-hand', 'gone')).toBe(first.row.digest)
    expect(await left(id)).toBeNull()
  })

  it('is told of a tag that is refused for good, and the others are moved in the end all the same', async () => {
    const id = await estate.queue('app/further-both:1', files(estate, 'both'), { tags: ['fixed', 'latest'] })
    estate.proxy.fate = ({ method, path }) => {
      if (method !== 'PUT') return 'through'
      if (path.endsWith('/manifests/fixed')) return answer(403, told('DENIED', 'tag is immutable'))
      return path.endsWith('/manifests/latest') ? answer(503, '') : 'through'
    }
    await build(estate.d, id)
    expect(await row(estate, id)).toMatchObject({ state: 'failed', error: { code: 'tags-not-moved' } })
    estate.proxy.fate = () => 'through'
    await moveLeft(id)
    expect(await head(estate, 'app/further-both', 'latest')).toBe((await row(estate, id)).digest)
    expect(await head(estate, 'app/further-both', 'fixed')).toBeNull()
  })

  it('does not move a further tag that has a recipe of its own', async () => {
    const { row: own } = await estate.build('app/further-own:2', files(estate, 'two'))
    const id = await estate.queue('app/further-own:1', files(estate, 'one'), { tags: ['2', '3'] })
    await build(estate.d, id)
    expect(await row(estate, id)).toMatchObject({ state: 'succeeded' })
    expect(await head(estate, 'app/further-own', '2')).toBe(own.digest)
    expect(await head(estate, 'app/further-own', '3')).toBe((await row(estate, id)).digest)
  })
})

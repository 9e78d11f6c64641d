import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { reconcile } from '../../src/inbox/reconcile.ts'
import { look } from '../../src/ingest/look.ts'
import { openStage, type Stage } from '../ingest/stage.ts'
import { familyHost } from '../support/family.ts'

let s: Stage
beforeAll(async () => {
  s = await openStage()
})
beforeEach(() => s.clear())
afterAll(() => s.close())

const ref = (name: string) => `${familyHost}/${name}`
const pass = async (dryRun = false) =>
  (await reconcile(s.d, { registry: familyHost, dryRun, keep: 1000, between: 1 })).differences
const ours = async (repository: string, dryRun = false) =>
  (await pass(dryRun)).filter((difference) => difference.ref.startsWith(ref(`${repository}:`)))
const removeTag = (repository: string, tag: string) =>
  fetch(`${s.target}/v2/${repository}/manifests/${tag}`, { method: 'DELETE' })
const registryRow = () => s.pg.db.registry.findUniqueOrThrow({ where: { name: familyHost } })

describe('reconcile', () => {
  test('finds what was never told', async () => {
    const digest = await s.image('new/a', '1', ['one'])
    expect(await ours('new/a')).toEqual([{ ref: ref('new/a:1'), kind: 'new', from: null, to: digest }])
    expect((await s.rows.heads())['new/a:1']).toBe(digest)
    const fact = await s.pg.db.tagFact.findFirstOrThrow({ where: { tag: '1', repository: { name: 'new/a' } } })
    expect(fact).toMatchObject({ kind: 'push', digest, exact: false, sourceId: expect.stringMatching(/^reconcile:/) })
    expect(Math.abs(Number(fact.at / 1_000_000n) - Date.now())).toBeLessThan(600_000)
    expect(await registryRow()).toMatchObject({ reconciledAt: expect.any(Date), reconcileError: null })
    expect(await s.rows.jobs()).toContain('refresh refresh')
  })

  test('finds nothing the second time, and asks for no content', async () => {
    await s.image('new/b', '1', ['one'])
    await pass()
    s.proxy.asked.clear()
    expect(await pass()).toEqual([])
    expect([...s.proxy.asked.keys()].filter((what) => what.startsWith('GET') && /manifests|blobs/.test(what))).toEqual(
      [],
    )
  })

  test('finds a push whose event was lost, later than the head it knew', async () => {
    const first = await s.image('moved/a', '1', ['one'])
    const at = Math.floor(Date.now() / 1000)
    s.skew.registry = -3600
    await s.notify({ repository: 'moved/a', tag: '1', digest: first, at })
    const second = await s.image('moved/a', '1', ['two'])
    expect(await ours('moved/a')).toEqual([{ ref: ref('moved/a:1'), kind: 'moved', from: first, to: second }])
    const spans = await s.pg.db.tagSpan.findMany({ where: { tag: { ref: ref('moved/a:1') } }, orderBy: { seq: 'asc' } })
    expect(spans).toMatchObject([
      { digest: first, exact: true },
      { digest: second, exact: false, fromAt: BigInt(at) * 1_000_000_000n + 1_000_000n, toAt: null },
    ])
  })

  test('an event that comes after all gives its own time', async () => {
    const first = await s.image('late/a', '1', ['one'])
    await pass()
    await s.notify({ repository: 'late/a', tag: '1', digest: first, at: 10 })
    expect((await s.rows.spans()).filter((span) => span.startsWith('late/a'))).toEqual([`late/a:1 ${first} 10-`])
  })

  test('only tells, when it runs dry', async () => {
    await s.image('dry/a', '1', ['one'])
    expect(await ours('dry/a', true)).toHaveLength(1)
    expect(await s.pg.db.tagFact.count()).toBe(0)
    expect(await registryRow()).toMatchObject({ reconciledAt: null })
  })

  test('a tag that is gone from the listing and answers 404 is deleted', async () => {
    const digest = await s.image('gone/a', '1', ['one'])
    const kept = await s.image('gone/a', '2', ['two'])
    await pass()
    expect((await removeTag('gone/a', '1')).ok).toBe(true)
    expect(await ours('gone/a')).toEqual([{ ref: ref('gone/a:1'), kind: 'deleted', from: digest, to: null }])
    expect(await s.rows.heads()).toMatchObject({ 'gone/a:1': null, 'gone/a:2': kept })
  })

  test.each([
    ['the listing fails', (path: string) => (path.includes('/tags/list') ? { status: 500 } : undefined)],
    [
      'the listing says nothing of it, but HEAD does',
      (path: string) => (path.includes('/tags/list') ? { status: 200, body: '{"tags":[]}' } : undefined),
    ],
    [
      'HEAD says 404, but the listing has it',
      (path: string) => (path.endsWith('/manifests/1') ? { status: 404 } : undefined),
    ],
    ['HEAD fails', (path: string) => (path.endsWith('/manifests/1') ? { status: 503 } : undefined)],
    ['nothing answers', () => ({ status: 0 })],
  ])('deletes nothing where %s', async (_, fault) => {
    const digest = await s.image('keep/a', '1', ['one'])
    await pass()
    s.proxy.misbehave((__, path) => fault(path))
    await Promise.allSettled([pass()])
    expect((await s.rows.heads())['keep/a:1']).toBe(digest)
  })

  test('what fails does not hide the rest, is kept with the registry, and is thrown', async () => {
    await s.image('broken/a', '1', ['one'])
    await s.image('whole/a', '1', ['two'])
    s.proxy.misbehave((_, path) => (path.includes('broken/a') ? { status: 500 } : undefined))
    await expect(pass()).rejects.toMatchObject({ code: 'reconcile-failed', retryable: true })
    expect(Object.keys(await s.rows.heads())).toContain('whole/a:1')
    expect(await registryRow()).toMatchObject({ reconciledAt: null, reconcileError: expect.stringContaining('500') })
    s.proxy.misbehave(() => undefined)
    expect((await ours('broken/a')).map((difference) => difference.kind)).toEqual(['new'])
    expect(await registryRow()).toMatchObject({ reconciledAt: expect.any(Date), reconcileError: null })
  })

  test('a catalog that cannot be had: what is known is compared all the same', async () => {
    const first = await s.image('known/a', '1', ['one'])
    await s.notify({ repository: 'known/a', tag: '1', digest: first, at: 10 })
    const second = await s.image('known/a', '1', ['two'])
    s.proxy.misbehave((_, path) => (path.includes('_catalog') ? { status: 401 } : undefined))
    await expect(pass()).rejects.toMatchObject({ code: 'reconcile-failed' })
    expect((await s.rows.heads())['known/a:1']).toBe(second)
  })

  test('fetches content that could not be had when its event came', async () => {
    const digest = await s.image('mend/a', '1', ['one'])
    s.proxy.misbehave((_, path) => (path.includes('/blobs/') ? { status: 404 } : undefined))
    await s.notify({ repository: 'mend/a', tag: '1', digest, at: 10 })
    expect((await s.rows.manifests())[digest]).toBe('blob-not-found')
    s.proxy.misbehave(() => undefined)
    expect(await ours('mend/a')).toEqual([])
    expect((await s.rows.manifests())[digest]).toBe('image')
  })

  test('a registry nobody configured is an error', async () => {
    await expect(reconcile(s.d, { registry: 'other:5000' })).rejects.toMatchObject({
      code: 'reconcile-failed',
      retryable: false,
    })
  })
})

describe('look', () => {
  test('deletes a known tag after two answers', async () => {
    await s.image('look/a', '1', ['one'])
    await pass()
    await removeTag('look/a', '1')
    s.proxy.asked.clear()
    await look(s.d, ref('look/a:1'))
    expect(s.proxy.asked.get('HEAD /v2/look/a/manifests/1')).toBe(2)
    expect((await s.rows.heads())['look/a:1']).toBeNull()
  })

  test('asks again in a while where the registry does not answer', async () => {
    s.proxy.misbehave(() => ({ status: 500 }))
    await look(s.d, ref('look/b:1'))
    expect(await s.rows.jobs()).toEqual([`look look:${ref('look/b:1')}`])
    expect(await s.rows.heads()).toEqual({})
  })

  test('leaves other registries alone', async () => {
    await look(s.d, 'docker.io/library/debian:12')
    await look(s.d, 'no reference at all')
    expect(s.proxy.asked.size).toBe(0)
  })
})

describe('a pass that was interrupted', () => {
  beforeEach(async () => {
    await s.pg
      .sql`update registry set imported_at = null, pass_started_at = null, reconciled_at = null, reconcile_error = null`
  })
  const resume = () => reconcile(s.d, { registry: familyHost, resume: true, keep: 1000 })
  const asked = (repository: string) => [...s.proxy.asked.keys()].filter((what) => what.includes(`/v2/${repository}/`))

  test('goes on with the repositories it had not come to', async () => {
    for (const name of ['cut/a', 'cut/b']) await s.image(name, '1', [name])
    s.proxy.misbehave((_, path) => (path.startsWith('/v2/cut/b/') ? { status: 500 } : undefined))
    await expect(pass()).rejects.toMatchObject({ code: 'reconcile-failed' })
    expect(await registryRow()).toMatchObject({ passStartedAt: expect.any(Date), importedAt: null })
    s.proxy.misbehave(() => undefined)
    s.proxy.asked.clear()
    const { differences, first } = await resume()
    expect(differences.map(({ ref: found }) => found)).toEqual([ref('cut/b:1')])
    expect(first).toBe(true)
    expect(asked('cut/a')).toEqual([])
    expect(await registryRow()).toMatchObject({
      passStartedAt: null,
      reconcileError: null,
      importedAt: expect.any(Date),
      reconciledAt: expect.any(Date),
    })
  })

  test('begins anew where that is asked for, or where a day has gone by', async () => {
    await s.image('cut/c', '1', ['c'])
    await pass()
    await s.pg.sql`update registry set pass_started_at = now() - interval '25 hours' where name = ${familyHost}`
    await s.pg
      .sql`update repository set compared_at = (select pass_started_at from registry where name = ${familyHost})`
    s.proxy.asked.clear()
    await resume()
    expect(asked('cut/c')).not.toEqual([])
  })

  test('the first whole pass says since when history is known, and later ones leave that as it is', async () => {
    await s.image('cut/d', '1', ['d'])
    expect((await reconcile(s.d, { registry: familyHost })).first).toBe(true)
    const { importedAt } = await registryRow()
    expect(await reconcile(s.d, { registry: familyHost })).toMatchObject({ first: false, differed: 0 })
    expect((await registryRow()).importedAt).toEqual(importedAt)
  })

  test('however many ask for one at once, each gets an answer, and the database stays within reach', async () => {
    await s.image('cut/f', '1', ['f'])
    const many = Promise.all(Array.from({ length: 25 }, () => reconcile(s.d, { registry: familyHost })))
    expect(await s.pg.sql`select 1 as here`).toHaveLength(1)
    expect((await many).reduce((sum, { differed }) => sum + differed, 0)).toBeGreaterThanOrEqual(1)
  })

  test('two passes over one registry follow one another', async () => {
    for (const n of [1, 2, 3]) await s.image('cut/e', `${n}`, [`e${n}`])
    const [one, two] = await Promise.all([
      reconcile(s.d, { registry: familyHost, keep: 1000 }),
      reconcile(s.d, { registry: familyHost, keep: 1000 }),
    ])
    const found = [...one!.differences, ...two!.differences].map((difference) => difference.ref)
    expect(found.filter((name) => name.startsWith(ref('cut/e:'))).sort()).toEqual(
      [1, 2, 3].map((n) => ref(`cut/e:${n}`)),
    )
  })
})

describe('what seems gone', () => {
  const here = async () => Object.values(await s.rows.heads()).filter((head) => head !== null).length
  const fill = async (count: number) => {
    for (let n = 0; n < count; n++) await s.image(`gone/r${n % 3}`, `t${n}`, [`layer ${n}`])
    await pass()
  }
  beforeEach(() => s.pg.sql`update registry set gone_since = null, pass_started_at = null`)

  test("is there, where something else answers in the registry's place", async () => {
    await fill(3)
    const before = await here()
    s.proxy.misbehave(() => ({ status: 404, body: '404 page not found', headers: { 'content-type': 'text/plain' } }))
    await expect(pass()).rejects.toMatchObject({ code: 'reconcile-failed' })
    s.proxy.misbehave((_, path) =>
      path.includes('_catalog')
        ? undefined
        : { status: 404, body: '<html>not found</html>', headers: { 'content-type': 'text/html' } },
    )
    await expect(pass()).rejects.toMatchObject({ code: 'reconcile-failed' })
    expect(await here()).toBe(before)
  })

  test('is there, where the registry cannot be listed', async () => {
    await fill(3)
    const before = await here()
    const unknown = {
      status: 404,
      body: '{"errors":[{"code":"NAME_UNKNOWN"}]}',
      headers: { 'content-type': 'application/json' },
    }
    s.proxy.misbehave((_, path) => (path.includes('_catalog') ? { status: 401 } : unknown))
    await expect(pass()).rejects.toMatchObject({ code: 'reconcile-failed' })
    expect(await here()).toBe(before)
  })

  test('is asked for twice', async () => {
    await fill(3)
    const before = await here()
    const asked = new Map<string, number>()
    const unknown = {
      status: 404,
      body: '{"errors":[{"code":"NAME_UNKNOWN"}]}',
      headers: { 'content-type': 'application/json' },
    }
    s.proxy.misbehave((method, path) => {
      const times = (asked.get(`${method} ${path}`) ?? 0) + 1
      asked.set(`${method} ${path}`, times)
      return path.includes('gone/') && times === 1 ? unknown : undefined
    })
    expect(await pass()).toEqual([])
    expect(await here()).toBe(before)
  })

  test('is believed of most of a registry only by a pass a minute later', async () => {
    await fill(14)
    const before = await here()
    const empty = { status: 200, body: '{"repositories":[]}', headers: { 'content-type': 'application/json' } }
    const unknown = {
      status: 404,
      body: '{"errors":[{"code":"NAME_UNKNOWN"}]}',
      headers: { 'content-type': 'application/json' },
    }
    s.proxy.misbehave((_, path) => (path.includes('_catalog') ? empty : unknown))
    await expect(pass()).rejects.toMatchObject({ message: expect.stringContaining('gone at once') })
    expect(await here()).toBe(before)
    await expect(pass()).rejects.toMatchObject({ code: 'reconcile-failed' })
    await s.pg.sql`update registry set gone_since = gone_since - interval '61 seconds'`
    expect((await pass()).filter(({ kind }) => kind === 'deleted')).toHaveLength(before)
    expect(await here()).toBe(0)
  })
})

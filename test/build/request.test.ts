import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { cancelBuild } from '../../src/build/cancel.ts'
import { claimBuild } from '../../src/build/claim.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { getRecipe, listRecipes, putRecipe, removeRecipe } from '../../src/build/recipes.ts'
import { type BuildRequest, requestBuild, requestBuilds } from '../../src/build/request.ts'
import { defaultBuildSettings } from '../../src/build-settings.ts'
import type { Config } from '../../src/config.ts'
import type { Deps } from '../../src/deps.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
let d: ReturnType<typeof testDeps> & Pick<Deps, 'config'>
beforeAll(async () => {
  pg = await testDatabase()
  d = {
    ...testDeps(pg),
    config: { registries: [{ name: 'localhost:5000' }], ...defaultBuildSettings() } as unknown as Config,
  }
})
afterAll(() => pg.close())
beforeEach(async () => {
  await pg.sql`truncate recipe, build, build_log, dirty, tag, repository, registry, manifest cascade`
  await pg.sql`delete from graphile_worker._private_jobs`
})

const ref = 'localhost:5000/app/run:1'
const recipe = Recipe.parse({
  git: { url: 'https://git.example/a', ref: 'main' },
  args: { BASE_IMAGE: 'x', lower_case: 'y' },
})
const manual: BuildRequest = { ref, reason: { kind: 'manual' }, root: null }
const jobs = async () =>
  (
    await pg.sql<{ task: string }[]>`
    select t.identifier as task from graphile_worker._private_jobs j
    join graphile_worker._private_tasks t on t.id = j.task_id order by 1`
  ).map((row) => row.task)

describe('recipes', () => {
  it('come back as they were stored, build arguments letter by letter', async () => {
    await putRecipe(d, ref, recipe)
    expect((await getRecipe(d, ref))?.recipe).toEqual(recipe)
    await putRecipe(d, ref, { ...recipe, auto: true })
    expect((await listRecipes(d)).map((stored) => stored.recipe.auto)).toEqual([true])
    expect(await listRecipes(d, { after: ref })).toEqual([])
  })

  it('set off a judgement, a plan and a reading, stored and removed', async () => {
    await putRecipe(d, ref, recipe)
    expect(await jobs()).toEqual(['plan', 'recipe', 'refresh'])
    expect(await pg.sql`select kind, key from dirty order by key`).toMatchObject([
      { kind: 'tag', key: ref },
      { kind: 'tag', key: `${ref}-prev` },
    ])
    expect(await removeRecipe(d, ref)).toBe(true)
    expect(await removeRecipe(d, ref)).toBe(false)
    expect(await getRecipe(d, ref)).toBeNull()
  })
})

describe('a wish for a build', () => {
  it('needs a recipe', async () => {
    expect(await requestBuild(d, manual)).toBe('no-recipe')
  })

  it('queues one build and its job; the same wish again finds it', async () => {
    await putRecipe(d, ref, recipe)
    const first = await requestBuild(d, { ...manual, note: 'first' })
    const second = await requestBuild(d, manual)
    if (first === 'no-recipe' || second === 'no-recipe') throw new Error('there is a recipe')
    expect([first.created, second.created]).toEqual([true, false])
    expect(second.build).toEqual(first.build)
    expect((await jobs()).filter((task) => task === 'build')).toHaveLength(1)
    const row = await d.db.build.findUniqueOrThrow({ where: { id: first.build.id } })
    expect(row).toMatchObject({ ref, state: 'queued', recipe, reason: { kind: 'manual' }, note: 'first' })
  })

  it('is one build, however many wish at once', async () => {
    await putRecipe(d, ref, recipe)
    const all = await Promise.all(Array.from({ length: 8 }, () => requestBuild(d, manual)))
    expect(all.filter((one) => one !== 'no-recipe' && one.created)).toHaveLength(1)
    expect(await pg.sql`select count(*)::int as n from build`).toMatchObject([{ n: 1 }])
  })

  it('gives a queued build the newest inputs and reason', async () => {
    await putRecipe(d, ref, recipe)
    await requestBuild(d, manual)
    await putRecipe(d, ref, { ...recipe, dockerfile: 'Other' })
    const moved = { kind: 'base-moved' as const, base: 'h/b:1', from: null, to: 'sha256:a' }
    expect(await requestBuild(d, { ref, reason: moved, root: 'h/b:1@sha256:a' })).toMatchObject({ created: false })
    const [row] = await d.db.build.findMany()
    expect(row).toMatchObject({ reason: moved, root: 'h/b:1@sha256:a', recipe: { dockerfile: 'Other' } })
  })

  it('comes to nothing with the transaction it is made in', async () => {
    await putRecipe(d, ref, recipe)
    const failing = d.sql.begin(async (tx) => {
      await requestBuild(d, manual, tx)
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await d.db.build.count()).toBe(0)
    expect(await jobs()).not.toContain('build')
  })

  it('has another key once a base points at another release, but not for another digest of the same', async () => {
    await putRecipe(d, ref, { ...recipe, base: 'localhost:5000/lib/base:1' })
    const keyWithBaseAt = async (digest: string, release: string) => {
      await pg.sql`truncate build, tag, repository, registry, manifest cascade`
      await pg.sql`insert into registry (name) values ('localhost:5000')`
      await pg.sql`insert into repository (registry_id, name, namespace) select id, 'lib/base', 'lib' from registry`
      await pg.sql`
        insert into tag (repository_id, name, ref, head_digest)
        select id, '1', 'localhost:5000/lib/base:1', ${digest} from repository`
      await pg.sql`
        insert into manifest (digest, media_type, kind, chain_ids, step_ids, solid_ids, release_id)
        values (${digest}, 'm', 'image', '{}', '{}', '{}', ${release})`
      const requested = await requestBuild(d, manual)
      return requested === 'no-recipe' ? null : requested.build.key
    }
    const [one, two] = ['00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000002']
    const key = await keyWithBaseAt('sha256:a', one)
    expect(await keyWithBaseAt('sha256:b', one)).toBe(key)
    expect(await keyWithBaseAt('sha256:c', two)).not.toBe(key)
  })
})

describe('claiming and cancelling', () => {
  const queued = async () => {
    await putRecipe(d, ref, recipe)
    const requested = await requestBuild(d, manual)
    if (requested === 'no-recipe') throw new Error('there is a recipe')
    return requested.build.id
  }

  it('gives a build to one worker; a second build of the tag waits', async () => {
    const first = await queued()
    expect(await claimBuild(d, first)).toMatchObject({ ref, recipe, takenOver: false, intent: null })
    const second = await queued()
    expect(second).not.toBe(first)
    expect(await claimBuild(d, second)).toBe('busy')
  })

  it('lets a build without a live worker be taken over, with a new token', async () => {
    const id = await queued()
    const first = await claimBuild(d, id)
    expect(await claimBuild(d, id)).toBe('busy')
    await pg.sql`update build set lease_until = null where id = ${id}`
    const second = await claimBuild(d, id)
    if (typeof first === 'string' || typeof second === 'string') throw new Error('it can be claimed')
    expect(second.takenOver).toBe(true)
    expect(second.token).not.toBe(first.token)
  })

  it('ends a queued build at once, and asks a running one to end', async () => {
    const id = await queued()
    expect(await cancelBuild(d, id)).toBe('cancelled')
    expect(await cancelBuild(d, id)).toBe('over')
    expect(await claimBuild(d, id)).toBe('over')
    const row = await d.db.build.findUniqueOrThrow({ where: { id } })
    expect(row).toMatchObject({ state: 'cancelled', error: { code: 'cancelled' }, finishedAt: expect.any(Date) })
    const running = await queued()
    await claimBuild(d, running)
    expect(await cancelBuild(d, running)).toBe('asked')
    expect(await cancelBuild(d, '00000000-0000-0000-0000-000000000000')).toBe('absent')
  })
})

describe('hundreds of wishes at once', () => {
  const refs = Array.from({ length: 300 }, (_, i) => `localhost:5000/n${i % 7}/run:${i}`)
  const wishes = refs.map((one, i): BuildRequest => {
    const reason = { kind: 'base-moved', base: 'b', from: null, to: `t${i}` } as const
    return { ref: one, reason, root: `b@t${i}`, automatic: true }
  })
  const ask = (some: BuildRequest[]) => pg.sql.begin((tx) => requestBuilds(d, tx, some))
  type Row = {
    id: string
    ref: string
    namespaceKey: string
    automatic: boolean
    priority: number
    root: string
    key: string
    to: string
  }
  const rows = () => pg.sql<Row[]>`
    select id, ref, namespace_key, automatic, priority, root, key, reason->>'to' as to from build order by ref collate "C"`
  beforeEach(async () => {
    for (const one of refs.slice(0, 299))
      await pg.sql`
        insert into recipe (ref, spec, auto, count_on, updated_at)
        values (${one}, ${JSON.stringify({ ...recipe, auto: true })}::text::jsonb, true, 'runtime', now())`
  })

  it('queue one build a tag, each with its own reason, and none of what has no recipe', async () => {
    const answer = await ask([...wishes].reverse())
    expect(answer.size).toBe(299)
    expect([...answer.values()].every(({ created }) => created)).toBe(true)
    expect(answer.has(refs[299]!)).toBe(false)
    const stored = await rows()
    expect(stored).toHaveLength(299)
    for (const build of stored) {
      const i = refs.indexOf(build.ref)
      expect(build).toMatchObject({
        namespaceKey: `n${i % 7}`,
        automatic: true,
        priority: 1,
        root: `b@t${i}`,
        to: `t${i}`,
      })
      expect(answer.get(build.ref)!.build).toEqual({ id: build.id, ref: build.ref, key: build.key })
    }
  })

  it('asked again, by many at the same time, find those that are queued', async () => {
    await Promise.all([ask(wishes), ask([...wishes].reverse()), ask(wishes.slice(100))])
    const before = await rows()
    expect(before).toHaveLength(299)
    const again = await ask(wishes.slice(0, 200))
    expect([...again.values()].every(({ created }) => !created)).toBe(true)
    expect(await rows()).toEqual(before)
  })

  it('of which a person asks for one: that one is theirs, the others stay as they are', async () => {
    await ask(wishes)
    await ask([{ ref: refs[5]!, reason: { kind: 'manual' }, root: null }])
    const stored = await rows()
    expect(stored.filter(({ automatic, priority }) => !automatic && priority === 0).map((build) => build.ref)).toEqual([
      refs[5],
    ])
    expect(stored).toHaveLength(299)
  })

  it('of none at all change nothing', async () => {
    expect((await ask([])).size).toBe(0)
    expect(await rows()).toEqual([])
  })
})

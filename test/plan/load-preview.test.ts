import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { loadPreview } from '../../src/plan/load-preview.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { preview } from '../../src/plan/preview.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { family as familyOf, storeRecipe } from './family.ts'
import { planDeps } from './stored-verdicts.ts'

/** What is foreseen against what the real judge and the real planner then do, in a real database. Only the builders are played. */
let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  await pg.sql`truncate tag_span, cause, tag_fact, tag, repository, declaration, index_entry, manifest, dirty, recipe, registry, build, snooze cascade`
})

const d = () => planDeps(pg, () => new Date())
const host = 'reg:5000'
const family = () => familyOf(d())
const recipe = (name: string, more: Parameters<typeof storeRecipe>[2] = {}) => storeRecipe(pg.sql, name, more)

const short = (ref: string) => ref.replace(`${host}/`, '')
async function foreseen(ref: string) {
  const loaded = await pg.sql.begin('isolation level repeatable read read only', (tx) =>
    loadPreview(d(), tx, `${host}/${ref}`),
  )
  return { ...loaded, ...preview(loaded.input) }
}
const levels = (nodes: { ref: string; level: number | null }[]) =>
  Object.fromEntries(nodes.flatMap(({ ref, level }) => (level === null ? [] : [[short(ref), level]])))

/** Everything the planner queues, round by round, each round built as a whole. */
async function happened(f: ReturnType<typeof familyOf>): Promise<Record<string, number>> {
  const rounds: Record<string, number> = {}
  for (let round = 1; round < 20; round++) {
    await plan(d())
    const queued = await pg.sql<
      { id: string; ref: string }[]
    >`select id, ref from build where state = 'queued' order by ref`
    if (queued.length === 0) return rounds
    for (const build of queued) {
      rounds[short(build.ref)] ??= round
      const made = f.rebuild(short(build.ref))
      await pg.sql`update build set state = 'succeeded', started_at = now(), finished_at = now(), digest = ${f.e.digest(made)} where id = ${build.id}`
    }
    await f.store()
  }
  throw new Error('it does not end')
}

describe('a push of the base', () => {
  test('rebuilds what was foreseen, in that order, and leaves the rest as was foreseen', async () => {
    const f = family()
    f.push('lib/base:1')
    const first = f.digest('lib/base:1')
    f.push('app/run:1', [{ base: 'lib/base:1' }])
    f.push('app/leaf:1', [{ base: 'app/run:1' }])
    f.push('app/two:1', [{ base: 'app/run:1' }, { base: 'lib/base:1', role: 'build' }])
    f.push('app/tools:1', [{ base: 'app/leaf:1' }, { base: 'app/two:1', role: 'build' }])
    f.push('app/hand:1', [{ base: 'lib/base:1' }])
    f.push('app/on-hand:1', [{ base: 'app/hand:1' }])
    f.push('app/none:1', [{ base: 'lib/base:1' }])
    f.push('app/fixed:1', [{ base: 'lib/base:1', pinned: true }])
    f.push('app/docker:1', [{ base: 'lib/base:1' }])
    f.push('app/stage:1', [{ base: 'lib/base:1', role: 'build' }])
    f.push('app/all:1', [{ base: 'lib/base:1', role: 'build' }])
    for (const name of ['run', 'leaf', 'two', 'on-hand', 'fixed', 'stage']) await recipe(`app/${name}:1`)
    await recipe('app/tools:1', { on: 'all' })
    await recipe('app/all:1', { on: 'all' })
    await recipe('app/hand:1', { auto: false })
    await recipe('app/docker:1', { strategy: 'dockerfile' })
    await f.store()

    const said = await foreseen('lib/base:1')
    expect([said.dependents, said.truncated, said.cut]).toEqual([11, false, false])
    expect(levels(said.nodes)).toEqual({
      'app/run:1': 1,
      'app/all:1': 1,
      'app/leaf:1': 2,
      'app/two:1': 2,
      'app/tools:1': 3,
    })
    expect(said.nodes.filter(({ level }) => level === null).map(({ ref, decision }) => [short(ref), decision])).toEqual(
      [
        ['app/docker:1', 'no-builder'],
        ['app/fixed:1', 'pinned'],
        ['app/hand:1', 'manual'],
        ['app/none:1', 'no-recipe'],
        ['app/on-hand:1', 'waits'],
        ['app/stage:1', 'not-counted'],
      ],
    )

    f.push('lib/base:1')
    await f.store()
    expect(await happened(f)).toEqual(levels(said.nodes))
    expect(f.digest('lib/base:1')).not.toBe(first)
    const outdated = await pg.sql<{ ref: string }[]>`select ref from tag where status = 'outdated' order by ref`
    const left = said.nodes.filter(({ decision, level }) => level === null && decision !== 'not-counted')
    expect(outdated.map(({ ref }) => ref)).toEqual(left.map(({ ref }) => ref))
  })

  test('is not certain where another tag stays at that content, found after the child too', async () => {
    const f = family()
    const base = f.push('lib/base:1')
    f.push('app/tool:1', [{ base: 'lib/base:1' }], null)
    await recipe('app/tool:1')
    await f.store()
    expect(levels((await foreseen('lib/base:1')).nodes)).toEqual({ 'app/tool:1': 1 })
    f.e.push('lib/copy:1', base)
    await f.store()
    const said = await foreseen('lib/base:1')
    expect(said.nodes).toMatchObject([{ decision: 'ambiguous', level: null, because: [`${host}/lib/base:1`] }])
    f.push('lib/base:1')
    await f.store()
    expect(await happened(f)).toEqual({})
    expect(await pg.sql`select confidence from cause`).toMatchObject([{ confidence: 'ambiguous' }])
  })

  test('changes nothing, and waits for what is stale already', async () => {
    const f = family()
    f.push('lib/other:1')
    f.push('lib/base:1')
    f.push('app/stuck:1', [{ base: 'lib/other:1' }])
    f.push('app/both:1', [{ base: 'app/stuck:1' }, { base: 'lib/base:1', role: 'build' }])
    await recipe('app/both:1', { on: 'all' })
    f.push('lib/other:1')
    await f.store()
    const before = await pg.sql`select ref, status, head_digest from tag order by ref`
    const said = await foreseen('lib/base:1')
    expect(said.nodes).toMatchObject([{ decision: 'waits', waitsFor: [`${host}/app/stuck:1`] }])
    expect(await pg.sql`select ref, status, head_digest from tag order by ref`).toEqual(before)
    expect(await pg.sql`select from build`).toHaveLength(0)
    f.push('lib/base:1')
    await f.store()
    expect(await happened(f)).toEqual({})
  })

  test('asks for nothing where a tag is ignored or snoozed, or the base is', async () => {
    const f = family()
    f.push('lib/base:1')
    for (const name of ['old', 'quiet', 'plain']) {
      f.push(`app/${name}:1`, [{ base: 'lib/base:1' }])
      await recipe(`app/${name}:1`)
    }
    await f.store()
    await pg.sql`update tag set ignored = '{"rule":"exclude","scope":"app","detail":"old"}' where ref = ${`${host}/app/old:1`}`
    const snooze = (kind: 'tag' | 'base', ref: string) => pg.sql`
      insert into snooze (kind, ref, reason, author, created_at, expires_at)
      values (${kind}, ${`${host}/${ref}`}, 'r', 'ann', now(), now() + interval '1 day')`
    await snooze('tag', 'app/quiet:1')
    const decisions = async () =>
      (await foreseen('lib/base:1')).nodes.map(({ ref, decision }) => `${short(ref)} ${decision}`).sort()
    expect(await decisions()).toEqual(['app/old:1 ignored', 'app/plain:1 rebuild', 'app/quiet:1 snoozed'])
    await snooze('base', 'lib/base:1')
    expect(await decisions()).toEqual(['app/old:1 ignored', 'app/plain:1 snoozed', 'app/quiet:1 snoozed'])
    f.push('lib/base:1')
    await f.store()
    expect(await happened(f)).toEqual({})
  })

  test('takes as long as the builds before it took', async () => {
    const f = family()
    f.push('lib/base:1')
    f.push('app/run:1', [{ base: 'lib/base:1' }])
    f.push('app/leaf:1', [{ base: 'app/run:1' }])
    await recipe('app/run:1')
    await recipe('app/leaf:1')
    await f.store()
    const took = (name: string, ...seconds: number[]) =>
      Promise.all(
        seconds.map(
          (s, i) => pg.sql`
            insert into build (ref, key, state, reason, recipe, created_at, started_at, finished_at)
            values (${`${host}/app/${name}:1`}, 'k', 'succeeded', '{}', '{}', now() - ${`${i} days`}::interval, now(),
              now() + ${`${s} seconds`}::interval)`,
        ),
      )
    await took('run', 10, 30, 20, 20, 20, 9999)
    expect((await foreseen('lib/base:1')).seconds).toBe(null)
    await took('leaf', 7)
    const said = await foreseen('lib/base:1')
    expect([said.seconds, ...said.nodes.map((node) => node.seconds)]).toEqual([27, 20, 7])
  })
})

import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { requestBuild } from '../../src/build/request.ts'
import { storeKeyAsBuilt } from '../../src/build/store-key.ts'
import { plan } from '../../src/plan/make-plan.ts'
import { rebuildStates } from '../../src/plan/rebuild-states.ts'
import { refresh } from '../../src/staleness/refresh.ts'
import { type Built, estate, layer } from '../support/estate.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { markDirty, storeEstate } from '../support/store-estate.ts'
import { planDeps } from './stored-verdicts.ts'

/** The real judge and planner on a real database: a build resolves its base later than it was queued, and the base goes back. */
let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  await pg.sql`truncate tag_span, cause, tag_fact, tag, repository, declaration, index_entry, manifest, dirty, recipe, registry, build, snooze, plan cascade`
})

const d = () => planDeps(pg, () => new Date())
const [base, app] = ['reg:5000/lib/base:1', 'reg:5000/app/run:1']

function world() {
  const e = estate()
  let n = 0
  const fresh = () => layer(`layer ${++n}`)
  return {
    e,
    pushBase(): Built {
      const made = e.build([fresh()])
      e.push('lib/base:1', made)
      return made
    },
    buildOn(on: Built, evidence: 'annotation' | 'build'): Built {
      const made = e.from(on, [fresh()])
      e.declare(made, evidence, { name: base, digest: e.digest(on) })
      e.push('app/run:1', made)
      return made
    },
    async store(): Promise<void> {
      await storeEstate(pg.sql, e.rows())
      await markDirty(
        pg.sql,
        e.rows().tags.map((tag) => ({ kind: 'tag' as const, key: tag.ref })),
      )
      await refresh(d())
    },
  }
}

const builds = () =>
  pg.sql<{ id: string; state: string }[]>`select id, state from build where ref = ${app} order by created_at`
const run = (id: string) => pg.sql`update build set state = 'running', started_at = now() where id = ${id}`

test.each(['planner', 'schedule'] as const)(
  'a base is rolled back after a build that the %s queued took a bad one',
  async (by) => {
    const { e, pushBase, buildOn, store } = world()
    buildOn(pushBase(), 'annotation')
    const spec = { auto: true, on: 'runtime', strategy: 'rebase', git: { url: 'https://git.test/x', ref: 'main' } }
    await pg.sql`
    insert into recipe (ref, spec, auto, count_on, updated_at) values (${app}, ${JSON.stringify(spec)}::text::jsonb, true, 'runtime', now())`
    await store()
    const good = pushBase()
    await store()
    if (by === 'planner') await plan(d())
    else await requestBuild(d(), { ref: app, reason: { kind: 'schedule' }, root: null, priority: 1 })
    const { id } = (await builds())[0]!
    if (by === 'planner') await run(id)
    const bad = pushBase()
    await store()
    await plan(d())
    if (by === 'schedule') await run(id)
    const made = buildOn(bad, 'build')
    await pg.sql.begin(async (tx) => {
      await tx`
      update build set state = 'succeeded', finished_at = now(), digest = ${e.digest(made)},
        bases = ${JSON.stringify([{ name: base, digest: e.digest(bad) }])}::text::jsonb where id = ${id}`
      await storeKeyAsBuilt(tx, id)
    })
    await store()
    await plan(d())
    expect((await builds()).map(({ state }) => state)).toEqual(['succeeded'])
    e.push('lib/base:1', good)
    await store()
    await plan(d())
    expect((await builds()).map(({ state }) => state)).toEqual(['succeeded', 'queued'])
    expect((await rebuildStates(d(), [app])).get(app)?.state).toBe('queued')
  },
)

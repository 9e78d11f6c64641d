/** Stories in which what is kept of a tag could be mistaken for what it shows now: each ends with stored = judged from scratch. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { saveAll } from '../../src/ingest/save.ts'
import { loadWholeWorld } from '../../src/lineage/load-world.ts'
import { judge } from '../../src/staleness/judge.ts'
import { refresh } from '../../src/staleness/refresh.ts'
import { forgetHost } from '../../src/watch/forget-host.ts'
import { testDeps } from '../support/deps.ts'
import { type Built, estate, type Index, layer } from '../support/estate.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { markDirty, storeEstate } from '../support/store-estate.ts'
import { inStoredForm, storedVerdicts } from './stored-verdicts.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  await pg.sql`
    truncate tag_span, cause, tag_base, tag_fact, tag, repository, declaration, index_entry, manifest, dirty, recipe, registry cascade`
})

async function expectScratch(): Promise<void> {
  await refresh(testDeps(pg))
  const whole = await loadWholeWorld(pg.sql)
  expect(await storedVerdicts(pg.sql)).toEqual(inStoredForm(judge(whole.world, whole.refs)))
}

/** Stores the estate as it is now, says what changed, refreshes and compares. */
const goes = (e: ReturnType<typeof estate>) => async (tags: string[], things: (Built | Index)[]) => {
  await storeEstate(pg.sql, e.rows())
  await markDirty(pg.sql, [
    ...tags.map((ref) => ({ kind: 'tag' as const, key: e.full(ref) })),
    ...things.map((thing) => ({ kind: 'manifest' as const, key: e.digest(thing) })),
  ])
  await expectScratch()
}

test('a label that was inherited through two levels, the lowest known last', async () => {
  const e = estate()
  const go = goes(e)
  const other = e.build([layer('other')])
  e.push('other:1', other)
  const low = e.build([layer('low')])
  const mid = e.from(low, [layer('mid')])
  const top = e.from(mid, [layer('top')])
  for (const labelled of [low, top]) e.declare(labelled, 'label', { name: 'other:1', digest: e.digest(other) })
  e.push('mid:1', mid)
  e.push('top:1', top)
  await go(['other:1', 'mid:1', 'top:1'], [other, mid, top])
  e.push('low:1', low)
  await go(['low:1'], [low])
})

describe('a bare digest', () => {
  test('whose content is known later', async () => {
    const e = estate()
    const go = goes(e)
    const base = e.build([layer('b')])
    const flat = e.build([layer('f')])
    e.declare(flat, 'annotation', { digest: e.digest(base) })
    e.push('flat:1', flat)
    await go(['flat:1'], [flat])
    e.push('base:1', base)
    await go(['base:1'], [base])
    e.push('base:1', e.build([layer('b2')]))
    await go(['base:1'], [])
  })

  test('an ancestor of which moves, and goes', async () => {
    const e = estate()
    const go = goes(e)
    const base = e.build([layer('b')])
    const kid = e.from(base, [layer('k')])
    const flat = e.build([layer('f')])
    e.pushUntagged(kid)
    e.push('base:1', base)
    e.declare(flat, 'annotation', { digest: e.digest(kid) })
    e.push('flat:1', flat)
    await go(['flat:1', 'base:1'], [flat, kid, base])
    const next = e.build([layer('b2')])
    e.push('base:1', next)
    await go(['base:1'], [next])
    e.remove('base:1')
    await go(['base:1'], [])
  })
})

test('two names tie for the nearest base; one moves, the other too, and the one between goes', async () => {
  const e = estate()
  const go = goes(e)
  const base = e.build([layer('b')])
  e.push('base:1', base)
  e.push('alias:1', base)
  const kid = e.from(base, [layer('k')])
  e.push('kid:1', kid)
  const grand = e.from(kid, [layer('g')])
  e.push('grand:1', grand)
  await go(['base:1', 'alias:1', 'kid:1', 'grand:1'], [base, kid, grand])
  e.push('base:1', e.build([layer('b2')]))
  await go(['base:1'], [])
  e.push('alias:1', e.build([layer('b3')]))
  await go(['alias:1'], [])
  e.remove('kid:1')
  await go(['kid:1'], [])
  e.push('base:1', base)
  await go(['base:1'], [])
})

test('one platform finds a near base, the other a far one', async () => {
  const e = estate()
  const go = goes(e)
  const arm = { platform: 'linux/arm64' }
  const a = e.build([layer('a')])
  const b = e.build([layer('b')], arm)
  const both = e.index(a, b)
  e.push('base:1', both)
  const near = e.from(a, [layer('a1')])
  e.push('mid:1', near)
  const [kidA, kidB] = [e.from(near, [layer('ka')]), e.from(b, [layer('kb')], arm)]
  const kid = e.index(kidA, kidB)
  e.push('kid:1', kid)
  await go(['base:1', 'mid:1', 'kid:1'], [both, a, b, near, kidA, kidB, kid])
  const b2 = e.build([layer('b2')], arm)
  const second = e.index(a, b2)
  e.push('base:1', second)
  await go(['base:1'], [b2, second])
  const a2 = e.build([layer('a2')])
  const third = e.index(a2, b)
  e.push('base:1', third)
  await go(['base:1'], [a2, third])
})

test('a base on a host that is forgotten', async () => {
  const e = estate()
  const base = e.build([layer('os')])
  e.push('base:1', base)
  e.push('app:1', e.from(base, [layer('app')]))
  await storeEstate(pg.sql, e.rows())
  await pg.sql`insert into registry (name, outside) values ('docker.io', true)`
  await pg.sql`update repository set registry_id = (select id from registry where name = 'docker.io') where name = 'base'`
  await pg.sql`update tag set ref = 'docker.io/base:1' where ref = ${e.full('base:1')}`
  await markDirty(pg.sql, [
    { kind: 'tag', key: e.full('app:1') },
    { kind: 'tag', key: 'docker.io/base:1' },
  ])
  await expectScratch()
  await pg.sql.begin((tx) => forgetHost(testDeps(pg), tx, 'docker.io'))
  await expectScratch()
})

test('a stay of no length that falls out of the timeline', async () => {
  const e = estate()
  const [a, b, c] = ['a', 'b', 'c'].map((name) => e.build([layer(name)])) as [Built, Built, Built]
  const app = e.from(b, [layer('app')])
  for (const built of [a, b, c, app]) e.pushUntagged(built)
  await storeEstate(pg.sql, { ...e.rows(), tags: [] })
  const host = 'reg:5000'
  const [{ id: registryId } = { id: 0 }] = await pg.sql<{ id: number }[]>`select id from registry where name = ${host}`
  const d = { ...testDeps(pg), registries: { canonicalHost: (name: string) => name } as never }
  const see = (repository: string, seen: Built, seconds: bigint, sourceId: string, exact: boolean) => {
    const digest = seen.facts.digest
    const at = seconds * 1_000_000_000n
    const observation = { registryId, host, repository, tag: '1', kind: 'push' as const, digest, at, sourceId, exact }
    const learned = { manifests: [], entries: [], declarations: [], sighted: [digest] }
    return pg.sql.begin((tx) => saveAll(d, tx, [{ observation, learned }]))
  }
  await see('base', a, 10n, 'event-1', true)
  await see('app', app, 2000n, 'event-2', true)
  await see('base', b, 1000n, 'look:1', false)
  await expectScratch()
  await see('base', c, 1000n, 'reconcile:2', false)
  await expectScratch()
})

test('a platform with a space in its name, its base judged before', async () => {
  const e = estate()
  const go = goes(e)
  const odd = { platform: 'linux/amd 64' }
  const root = e.build([layer('os')], odd)
  e.push('root:1', root)
  const base = e.from(root, [layer('b')], odd)
  e.push('base:1', base)
  e.push('root:1', e.build([layer('os2')], odd))
  await go(['root:1', 'base:1'], [])
  e.push('app:1', e.from(base, [layer('app')], odd))
  await go(['app:1'], [])
})

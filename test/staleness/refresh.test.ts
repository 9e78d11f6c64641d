import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { loadWholeWorld } from '../../src/lineage/load-world.ts'
import { judge } from '../../src/staleness/judge.ts'
import { refresh } from '../../src/staleness/refresh.ts'
import { testDeps } from '../support/deps.ts'
import { type Built, empty, estate, layer } from '../support/estate.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { runsOf } from '../support/runs-of.ts'
import { markDirty, storeEstate } from '../support/store-estate.ts'
import { inStoredForm, storedVerdicts } from './stored-verdicts.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  await pg.sql`truncate tag_span, cause, tag_fact, tag, repository, declaration, index_entry, manifest, dirty, recipe, registry cascade`
})

type Op = {
  build: number | null
  env: boolean
  flat: boolean
  ref: string
  image: number
  remove: boolean
  say: string | null
  refresh: boolean
  index: boolean
}
const ref = fc.constantFrom('base:1', 'base:2', 'app:1', 'x/y:1', 'z:1', 'z:2')
const op: fc.Arbitrary<Op> = fc.record({
  build: fc.option(fc.nat(9), { freq: 4 }),
  env: fc.boolean(),
  flat: fc.boolean(),
  ref,
  image: fc.nat(9),
  remove: fc.boolean().chain((b) => (b ? fc.boolean() : fc.constant(false))),
  say: fc.option(ref, { freq: 2 }),
  refresh: fc.boolean(),
  index: fc.boolean(),
})

test('what is stored after any story, refreshed at any moments, equals a judgement from scratch', async () => {
  const d = testDeps(pg)
  await fc.assert(
    fc.asyncProperty(fc.array(op, { minLength: 3, maxLength: 14 }), async (ops) => {
      await pg.sql`truncate tag_span, cause, tag_fact, tag, repository, declaration, index_entry, manifest, dirty, recipe, registry cascade`
      const e = estate()
      const images: Built[] = []
      for (const [at, o] of ops.entries()) {
        const on = o.build === null || images.length === 0 ? null : images[o.build % images.length]!
        const more = [layer(`l${at}`), ...(o.env ? [empty(`ENV E=${at}`)] : [])]
        const image = on ? e.from(on, more, { salt: `${at}` }) : e.build(more, { salt: `${at}` })
        if (o.say)
          e.declare(image, o.flat ? 'annotation' : 'provenance', {
            name: o.say,
            ...(on && o.env ? { digest: e.digest(on) } : {}),
          })
        images.push(image)
        const pushed = images[o.image % images.length]!
        if (o.remove) e.remove(o.ref)
        else e.push(o.ref, o.index ? e.index(pushed, image) : pushed)
        await storeEstate(pg.sql, e.rows())
        await markDirty(pg.sql, [
          { kind: 'tag', key: e.full(o.ref) },
          { kind: 'manifest', key: e.digest(pushed) },
          { kind: 'manifest', key: e.digest(image) },
        ])
        if (o.refresh) await refresh(d)
      }
      await refresh(d)
      const rows = e.rows()
      const scratch = judge(
        e.world(),
        rows.tags.map((t) => t.ref),
      )
      const whole = await loadWholeWorld(pg.sql)
      expect(await storedVerdicts(pg.sql)).toEqual(inStoredForm(scratch))
      expect(inStoredForm(judge(whole.world, whole.refs))).toEqual(inStoredForm(scratch))
    }),
    runsOf(60),
  )
}, 3_600_000)

test('a flattened child that declares a name is judged again when that name moves, and so are its own children', async () => {
  const d = testDeps(pg)
  const e = estate()
  const base = e.build([layer('os')])
  e.push('base:1', base)
  const flat = e.build([layer('flat')])
  e.declare(flat, 'annotation', { name: 'base:1', digest: e.digest(base) })
  e.push('flat:1', flat)
  e.push('grand:1', e.from(flat, [layer('grand')]))
  await storeEstate(pg.sql, e.rows())
  await markDirty(
    pg.sql,
    ['base:1', 'flat:1', 'grand:1'].map((r) => ({ kind: 'tag' as const, key: e.full(r) })),
  )
  await refresh(d)
  e.push('base:1', e.build([layer('os2')]))
  await storeEstate(pg.sql, e.rows())
  await markDirty(pg.sql, [{ kind: 'tag', key: e.full('base:1') }])
  await refresh(d)
  const causes = await pg.sql`select t.ref, c.base, c.via from cause c join tag t on t.id = c.tag_id order by t.ref`
  expect([...causes]).toEqual([
    { ref: e.full('flat:1'), base: e.full('base:1'), via: null },
    { ref: e.full('grand:1'), base: e.full('base:1'), via: e.full('flat:1') },
  ])
})

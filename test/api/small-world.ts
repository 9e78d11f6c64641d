import { refresh } from '../../src/staleness/refresh.ts'
import { testDeps } from '../support/deps.ts'
import { estate, layer } from '../support/estate.ts'
import type { TestDatabase } from '../support/postgres.ts'
import { markDirty, storeEstate } from '../support/store-estate.ts'

export const host = 'reg:5000'
export const at = (ref: string): string => encodeURIComponent(ref)

/**
 * lib/base:1 ← app/run:1 ← app/leaf:1, and lib/base:1 ← app/tool:1; then lib/base:1 moves (its old content stays at lib/base:old) and
 * app/gone:1 goes. app/late:1 is known and not judged. All by the real judge.
 */
export async function storeSmallWorld(pg: TestDatabase): Promise<{ oldBase: string; newBase: string; run: string }> {
  const e = estate()
  const base = e.build([layer('a')])
  const run = e.from(base, [layer('run')])
  const moved = e.build([layer('a2')])
  e.push('lib/base:1', base)
  e.push('lib/base:old', base)
  e.push('app/gone:1', e.from(base, [layer('gone')]))
  e.push('app/run:1', run)
  e.declare(run, 'annotation', { name: 'reg:5000/lib/base:1', digest: e.digest(base) })
  const leaf = e.from(run, [layer('leaf')])
  e.declare(leaf, 'annotation', { name: 'reg:5000/app/run:1', digest: e.digest(run) })
  e.push('app/leaf:1', leaf)
  e.push('app/tool:1', e.from(base, [layer('tool')]))
  e.push('solo:latest', e.build([layer('solo')]))
  e.push('lib/base:1', moved)
  e.remove('app/gone:1')
  await storeEstate(pg.sql, e.rows())
  await markDirty(
    pg.sql,
    e.rows().tags.map((tag) => ({ kind: 'tag' as const, key: tag.ref })),
  )
  await refresh(testDeps(pg))
  e.push('app/late:1', e.from(moved, [layer('late')]))
  await storeEstate(pg.sql, e.rows())
  return { oldBase: e.digest(base), newBase: e.digest(moved), run: e.digest(run) }
}

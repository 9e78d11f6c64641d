import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals'
import type { Deps } from '../../src/deps.ts'
import { listPlans } from '../../src/plan/read-plans.ts'
import { rebuildStates } from '../../src/plan/rebuild-states.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { planDeps, ref, storedVerdicts } from './stored-verdicts.ts'

/**
 * What plans are made of, for the file that calls this: a database whose verdicts a test writes down (`s`), a clock that it moves (`seconds`
 * since `start`, milliseconds since the epoch), and questions to ask of what was planned. Everything is new before each test.
 */
export function planWorld(start = Date.parse('2026-01-05T12:00:00Z')) {
  let pg: TestDatabase
  let s: ReturnType<typeof storedVerdicts>
  const clock = () => new Date(start + w.seconds * 1000)
  const d = (builds: Partial<Deps['config']['builds']> = {}, settle = 0) => {
    const deps = planDeps(pg, clock, settle)
    return { ...deps, config: { ...deps.config, builds: { ...deps.config.builds, ...builds } } }
  }
  /** The oldest first. */
  const plans = async () => (await listPlans(d(), { state: null, after: null, limit: 10 })).reverse()
  const w = {
    seconds: 0,
    clock,
    d,
    plans,
    get pg() {
      return pg
    },
    get s() {
      return s
    },
    /** The one plan there is. */
    async only() {
      const [one, ...more] = await plans()
      expect(more).toEqual([])
      if (!one) throw new Error('there is no plan')
      return one
    },
    /** What becomes of a tag, given without host and tag. */
    state: async (name: string) => (await rebuildStates(d(), [ref(name)])).get(ref(name))!,
    inState: async (state: string) =>
      (await s.builds()).filter((build) => build.state === state).map((build) => build.ref),
    /** The queued build of a tag runs, pushes this, which is judged to be current, and ends. */
    async built(name: string, digest: string, bases: { name: string }[] = []) {
      await s.run(name)
      w.seconds += 5
      await s.push(name, digest)
      await s.judge(name, bases)
      await s.end(name, digest)
    },
  }
  beforeAll(async () => {
    pg = await testDatabase()
    s = storedVerdicts(pg.sql, clock)
  })
  afterAll(() => pg.close())
  beforeEach(async () => {
    w.seconds = 0
    await s.clear()
    await pg.sql`truncate setting, member, person, namespace cascade`
  })
  return w
}

/** Names of so many tags on one base, in order. */
export const children = (n: number) => Array.from({ length: n }, (_, i) => `app/c${String(i).padStart(2, '0')}`)
/** A base with so many children, the first of which has a child; then the base moves. */
export async function movedFamily(w: ReturnType<typeof planWorld>, n: number, to = 'base-2'): Promise<void> {
  await w.s.push('lib/base', 'base-1')
  await w.s.judge('lib/base', [])
  for (const name of [...children(n), 'app/grand']) {
    await w.s.push(name, `${name}-1`)
    await w.s.recipe(name)
  }
  w.seconds += 10
  await w.s.push('lib/base', to)
  for (const name of children(n)) await w.s.judge(name, [{ name: 'lib/base' }], [{ base: 'lib/base', to }])
  await w.s.judge('app/grand', [{ name: children(1)[0]! }], [{ base: 'lib/base', to, via: children(1)[0]! }])
}

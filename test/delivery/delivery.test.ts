import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { loadWholeWorld } from '../../src/lineage/load-world.ts'
import { judge } from '../../src/staleness/judge.ts'
import { bruteJudge } from '../staleness/brute-judge.ts'
import { outcomeOf } from '../staleness/outcome-of.ts'
import { inStoredForm, storedVerdicts } from '../staleness/stored-verdicts.ts'
import { runsOf } from '../support/runs-of.ts'
import { host, type Machine, openMachine } from './machine.ts'
import { play } from './play.ts'
import { anyStory } from './story.ts'

let m: Machine
beforeAll(async () => {
  m = await openMachine()
})
afterAll(() => m.close())

const short = (text: string) => text.replaceAll(`${host}/`, '')

test('whatever happens and however it is told: stored = judged from scratch = the brute-force judge', async () => {
  await fc.assert(
    fc.asyncProperty(anyStory, async (story) => {
      const { known, heads } = await play(m, story)
      const stored = await storedVerdicts(m.pg.sql)
      expect(new Map([...stored].map(([ref, v]) => [short(ref), v.digest]))).toEqual(heads)
      const whole = await loadWholeWorld(m.pg.sql)
      expect(stored).toEqual(inStoredForm(judge(whole.world, whole.refs)))
      const outcomes = new Map([...stored].map(([ref, verdict]) => [short(ref), outcomeOf(verdict, short)]))
      expect(outcomes).toEqual(bruteJudge(known))
    }),
    runsOf(60),
  )
}, 3_600_000)

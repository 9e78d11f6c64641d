import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { bruteJudge } from '../staleness/brute-judge.ts'
import { outcomeOf } from '../staleness/outcome-of.ts'
import { storedVerdicts } from '../staleness/stored-verdicts.ts'
import { host, type Machine, openMachine } from './machine.ts'
import { play } from './play.ts'
import type { Build, Fate, Op } from './story.ts'

let m: Machine
beforeAll(async () => {
  m = await openMachine()
})
afterAll(() => m.close())

const short = (text: string) => text.replaceAll(`${host}/`, '')
const told = { fates: ['now'] as Fate[], refresh: false }
const image: Build = {
  ...{ do: 'build', on: null, layers: 1, env: false, history: 'full', platforms: ['amd64'], index: false },
  ...{ dated: false, says: [] },
}
const build = (more: Partial<Build> = {}): Op => ({ ...image, ...more, ...told })
const push = (ref: string, thing: number, ...fates: Fate[]): Op => ({
  ...{ do: 'push', ref, thing, refresh: false },
  fates: fates.length > 0 ? fates : ['now'],
})

/** Stories of random worlds that went wrong once: what went wrong, how, and what must come out. */
const stories: [what: string, ops: Op[], expected: Record<string, string[]>][] = [
  [
    'an index that is gone when its event comes, and is read later elsewhere: its images were there when it was pushed',
    [
      build(),
      build(),
      build({ on: 0, index: true }),
      push('base:1', 0),
      push('app:1', 2, 'lost', 'late'),
      { do: 'purge', ref: 'app:1', ...told },
      { do: 'catch-up', share: 3, ...told },
      push('z:1', 0),
      push('base:1', 1),
      push('x/y:1', 2),
    ],
    { 'base:1': [], 'x/y:1': ['runtime base:1 on linux/amd64'], 'z:1': [] },
  ],
]

test.each(stories)('%s', async (_, ops, expected) => {
  const { known } = await play(m, { ops, countBuild: [], reconcile: false, order: 0 })
  const stored = await storedVerdicts(m.pg.sql)
  const outcomes = new Map([...stored].map(([ref, verdict]) => [short(ref), outcomeOf(verdict, short)]))
  expect(Object.fromEntries([...outcomes].map(([ref, { causes }]) => [ref, causes]))).toEqual(expected)
  expect(outcomes).toEqual(bruteJudge(known))
})

import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { simulatedEstate } from './simulated-estate.ts'

/** Acyclic: each tag is on some of those before it. */
const graph = fc
  .array(fc.uniqueArray(fc.nat(8), { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 })
  .map((rows) => [[], ...rows.map((bases, i) => [...new Set(bases.map((base) => base % (i + 1)))])])

test('a base that moves to and fro while builds are queued and run leaves nothing outdated', () => {
  fc.assert(
    fc.property(
      graph,
      fc.infiniteStream(fc.nat(1000)),
      fc.array(fc.nat(2), { minLength: 1, maxLength: 6 }),
      (bases, stream, moves) => {
        const estate = simulatedEstate(bases)
        const left = [...moves]
        for (let n = 0; n < 5000; n++) {
          const { start, finish } = estate.able()
          const running = new Set(finish.map((build) => build.ref))
          const turns: (() => void)[] = [
            ...start.filter((build) => !running.has(build.ref)).map((build) => () => estate.start(build)),
            ...finish.map((build) => () => estate.finish(build, false)),
            ...(left.length > 0 ? [() => estate.moveTo('t0', `t0-c${left.shift()}`)] : []),
            ...(start.length + finish.length + left.length > 0 ? [() => void estate.plan()] : []),
          ]
          if (turns.length === 0 && !estate.plan()) break
          turns[stream.next().value! % Math.max(turns.length, 1)]?.()
        }
        expect([...estate.states()].filter(([, { state }]) => state !== 'none')).toEqual([])
      },
    ),
    { numRuns: 2000 },
  )
})

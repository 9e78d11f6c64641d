import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from '@jest/globals'
import fc from 'fast-check'
import { gather } from '../../src/build/gather.ts'

it('gives each its own result, never works twice at once, never takes more than `most`, and keeps the order of those with one key', async () => {
  const asked = fc.array(fc.record({ key: fc.nat(3), turns: fc.nat(3), fails: fc.boolean() }), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(asked, fc.integer({ min: 1, max: 5 }), async (all, most) => {
      type Item = (typeof all)[number] & { number: number }
      let working = 0
      const done: Item[] = []
      const ask = gather<Item, number>(
        async (items) => {
          working++
          expect(working).toBe(1)
          expect(items.length).toBeLessThanOrEqual(most)
          expect(new Set(items.map(({ key }) => key)).size).toBe(items.length)
          await turn()
          working--
          if (items.some(({ fails }) => fails)) throw new Error(items.length === 1 ? 'mine' : 'of several')
          done.push(...items)
          return items.map(({ number }) => number)
        },
        { most, key: ({ key }) => key, apart: () => true },
      )
      const answers = await Promise.allSettled(
        all.map(async (one, number) => {
          for (let i = 0; i < one.turns; i++) await turn()
          return ask({ ...one, number })
        }),
      )
      for (const [number, answer] of answers.entries()) {
        if (all[number]!.fails) expect(answer).toMatchObject({ status: 'rejected', reason: { message: 'mine' } })
        else expect(answer).toEqual({ status: 'fulfilled', value: number })
      }
      for (const key of [0, 1, 2, 3]) {
        const served = done.filter((one) => one.key === key && one.turns === 0).map(({ number }) => number)
        expect(served).toEqual(served.toSorted((a, b) => a - b))
      }
    }),
  )
})

it('serves together who asks in one turn, and who asks meanwhile with the others by the next', async () => {
  const groups: (readonly string[])[] = []
  const working = Promise.withResolvers<void>()
  const ask = gather<string, string>(
    async (items) => {
      groups.push(items)
      if (groups.length === 1) await working.promise
      return items
    },
    { most: 10 },
  )
  const first = ['a', 'b'].map(ask)
  while (groups.length === 0) await turn()
  const next = ['c', 'd', 'e'].map(ask)
  working.resolve()
  expect(await Promise.all([...first, ...next])).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(groups).toEqual([
    ['a', 'b'],
    ['c', 'd', 'e'],
  ])
})

it('fails all of a group at once where trying each would not help', async () => {
  let tries = 0
  const ask = gather(
    async () => {
      tries++
      throw new Error('the database is away')
    },
    { most: 10 },
  )
  const answers = await Promise.allSettled([ask(1), ask(2), ask(3)])
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  expect(tries).toBe(1)
})

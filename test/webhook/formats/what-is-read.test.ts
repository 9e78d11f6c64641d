import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { isDigest } from '../../../src/oci/digest.ts'
import { isRepository, isTagName } from '../../../src/oci/reference.ts'
import { formats } from '../../../src/webhook/formats/formats.ts'
import { deliveryOf, documented } from './documented.ts'
import { named, senders } from './senders.ts'

/** One suite for every format there is. */
test('every format has senders, and every sender its format', () => {
  expect([...new Set(senders.map(({ format }) => format))].sort()).toEqual([...formats.keys()].sort())
})

describe.each(named)('%s: what is read', (_, { format, example, host, ids }) => {
  const adapter = formats.get(format)!
  const { headers, body } = documented(example)

  test('is a function of the delivery', () => {
    const delivery = deliveryOf({ headers, body }, { host })
    expect(adapter.read(delivery)).toEqual(adapter.read(delivery))
  })

  test(ids ? 'sent again it is the same event' : 'each delivery is an event of its own', () => {
    const idsOf = (id: string) => {
      const said = adapter.read(deliveryOf({ headers, body }, { host, id }))!
      return 'verdicts' in said ? said.verdicts.map((v) => v.kind !== 'irrelevant' && v.event.eventId) : []
    }
    expect(idsOf('first').length).toBeGreaterThan(0)
    if (ids) expect(idsOf('second')).toEqual(idsOf('first'))
    else expect(idsOf('second')).not.toEqual(idsOf('first'))
    expect(new Set(idsOf('first')).size).toBe(idsOf('first').length)
  })

  /** The example with one of its values, wherever it stands, replaced. */
  const spoilt = fc
    .record({
      nth: fc.nat(),
      value: fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary', maxLength: 3000 }), fc.constant('\0')),
    })
    .map(({ nth, value }) => spoil(body, nth, value))

  test.each<[string, fc.Arbitrary<unknown>]>([
    ['any JSON', fc.jsonValue()],
    ['itself, spoilt', spoilt],
    ['any bytes', fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1'))],
  ])('whatever comes (%s), it does not throw, and gives what can be stored and asked for', (_, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (payload) => {
        const said = adapter.read(deliveryOf({ headers, body: payload }, { host }))
        if (said === null || 'reply' in said) return
        for (const verdict of said.verdicts) {
          if (verdict.kind === 'irrelevant') {
            expect(verdict.action.length).toBeLessThanOrEqual(64)
            continue
          }
          const { event } = verdict
          for (const [name, value] of Object.entries(event))
            if (typeof value === 'string')
              expect([name, value.length < 600 && !value.includes('\0')]).toEqual([name, true])
          expect(event.eventId).not.toBe('')
          if (verdict.kind === 'ignored') continue
          expect(['push', 'delete', 'look']).toContain(event.action)
          expect(isRepository(event.repository)).toBe(true)
          expect(event.tag === null || isTagName(event.tag)).toBe(true)
          expect(event.digest === null || isDigest(event.digest)).toBe(true)
          expect(event.tag ?? event.digest).not.toBeNull()
        }
      }),
      { numRuns: 200 },
    )
  })
})

/** The value of which the `nth` part, counted from the top, is another. */
function spoil(whole: unknown, nth: number, value: unknown): unknown {
  const places: (string | number)[][] = []
  const walk = (part: unknown, path: (string | number)[]) => {
    places.push(path)
    if (typeof part === 'object' && part !== null)
      for (const [key, inner] of Object.entries(part)) walk(inner, [...path, key])
  }
  walk(whole, [])
  const set = (part: unknown, path: (string | number)[]): unknown => {
    const [key, ...rest] = path
    if (key === undefined) return value
    if (Array.isArray(part)) return part.map((inner, i) => (i === Number(key) ? set(inner, rest) : inner))
    return { ...(part as object), [key]: set((part as Record<string, unknown>)[key], rest) }
  }
  return set(whole, places[nth % places.length]!)
}

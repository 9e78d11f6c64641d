import { randomUUID } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { CloudEvent, HTTP } from 'cloudevents'
import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { OutdatedTag } from '../../src/api/schemas/tag.ts'
import type { ToldItem } from '../../src/channels/notifier.ts'
import { mostBytes, mostItems, webhook } from '../../src/channels/webhook.ts'
import { item, message, publicUrl } from './told.ts'

const write = (items: ToldItem[]) => webhook.write(message(items), { publicUrl }, randomUUID)
const dataOf = ({ body }: { body: object }): { items: ToldItem[]; part: number; parts: number; total: number } =>
  JSON.parse(JSON.stringify(body)).data

describe('an event', () => {
  const [written] = write([item('r.test/app/run:1')])
  const headers = webhook.headers({ id: written!.id, body: '' }, [], new Date())

  test('is a CloudEvent to whoever reads these', () => {
    const event = HTTP.toEvent({ headers, body: JSON.stringify(written!.body) })
    if (!(event instanceof CloudEvent)) throw new Error('one event was sent')
    expect(event.validate()).toBe(true)
    expect(event.toJSON()).toMatchObject({
      ...{ specversion: '1.0', id: written!.id, type: 'dev.drydock.tags.outdated', subject: 'r.test/lib/base:1' },
      ...{ source: `${publicUrl}/api/v1/namespaces/app`, time: '2026-11-21T03:00:00.000Z' },
      data: { namespace: 'app', base: 'r.test/lib/base:1', total: 1, part: 1, parts: 1 },
    })
  })

  test('has its tags in the shape of GET /outdated, and says how each stands now', () => {
    const { now, ...shape } = dataOf(written!).items[0]!
    expect(now).toBe('outdated')
    const known = OutdatedTag.omit({ ignored: true, snoozed: true }).strict()
    expect(known.parse(shape)).toEqual(shape)
  })
})

describe('the signature', () => {
  const secret = `whsec_${Buffer.alloc(24, 3).toString('base64')}`
  const body = '{"a":"ü"}'
  const now = new Date()
  const headers = webhook.headers({ id: 'an-id', body }, [secret], now)

  test('is right to whoever follows Standard Webhooks', () => {
    expect(new Webhook(secret).verify(body, headers)).toEqual({ a: 'ü' })
    expect(headers['webhook-id']).toBe('an-id')
    expect(Math.abs(Number(headers['webhook-timestamp']) - now.getTime() / 1000)).toBeLessThanOrEqual(1)
  })

  test.each([
    ['another body', body.replace('a', 'b'), headers, secret],
    ['another id', body, { ...headers, 'webhook-id': 'b' }, secret],
    ['another time', body, { ...headers, 'webhook-timestamp': String(Math.floor(now.getTime() / 1000) + 1) }, secret],
    ['another secret', body, headers, `whsec_${Buffer.alloc(24, 4).toString('base64')}`],
  ])('is wrong for %s', (_what, said, with_, by) => {
    expect(() => new Webhook(by).verify(said, with_)).toThrow('No matching signature found')
  })
})

describe('what is too much for one event', () => {
  test('comes as several, that together hold each tag once, in order', () => {
    const sizes = fc.array(fc.record({ count: fc.integer({ min: 1, max: 900 }), platforms: fc.nat(2000) }), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(sizes, (groups) => {
        const items = groups.flatMap(({ count, platforms }, g) =>
          Array.from({ length: count }, (_, i) =>
            item(`r.test/app/g${g}-${i}:1`, i % 100 === 0 ? { platforms: Array(platforms).fill('linux/amd64') } : {}),
          ),
        )
        const written = write(items)
        const data = written.map(dataOf)
        expect(data.flatMap((part) => part.items.map(({ ref }) => ref))).toEqual(items.map(({ ref }) => ref))
        expect(data.map(({ part }) => part)).toEqual(written.map((_, i) => i + 1))
        for (const { parts, total, items: some } of data) {
          expect([parts, total]).toEqual([written.length, items.length])
          expect(some.length).toBeLessThanOrEqual(mostItems)
          const bytes = some.reduce((sum, one) => sum + Buffer.byteLength(JSON.stringify(one)), 0)
          if (some.length > 1) expect(bytes).toBeLessThanOrEqual(mostBytes)
        }
        expect(new Set(written.map(({ id }) => id)).size).toBe(written.length)
      }),
      { numRuns: 15 },
    )
  })
})

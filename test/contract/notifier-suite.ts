import { randomUUID } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Message, Notifier } from '../../src/channels/notifier.ts'
import { item, message, publicUrl, test as trial } from '../channels/told.ts'

/**
 * What holds of every kind of channel. `named`: the tags that a body names. `foreign`: all in it that a reader takes for text, of names from
 * outside; `most`: bytes that its receivers take.
 */
export function notifierSuite(name: string, notifier: Notifier, reader: Reader): void {
  const write = (told: Message) => notifier.write(told, { publicUrl }, randomUUID)

  describe(name, () => {
    test('tells of few tags by name, and of what they are outdated by', () => {
      const [only, ...others] = write(message([item('r.test/app/a:1'), item('r.test/app/b:1')]))
      expect(others).toEqual([])
      expect(only!.type).toBe('dev.drydock.tags.outdated')
      const said = reader.text(only!.body)
      for (const word of ['r.test/app/a:1', 'r.test/app/b:1', 'r.test/lib/base:1', 'app']) expect(said).toContain(word)
    })

    test.each(['outdated', 'rebuilt', 'failed', 'still'] as const)('has words of its own for what is %s', (kind) => {
      const others = (['outdated', 'rebuilt', 'failed', 'still'] as const).filter((other) => other !== kind)
      const build = {
        id: randomUUID(),
        finishedAt: '2026-11-21T03:00:00.000Z',
        code: 'disk-full',
        message: 'no space left',
      }
      const said = (which: typeof kind) =>
        reader.text(write(message([item('r.test/app/a:1', { build })], { kind: which }))[0]!.body)
      for (const other of others) expect(said(kind)).not.toBe(said(other))
      if (kind === 'failed') expect(said(kind)).toContain('no space left')
    })

    test('tells of a trial what it is', () => {
      const [only, ...others] = write(trial)
      expect([only!.type, others]).toEqual(['dev.drydock.channel.test', []])
      expect(reader.text(only!.body)).toContain('app')
    })

    test('500 tags by one base are one message, and all of them are accounted for', () => {
      const refs = Array.from({ length: 500 }, (_, i) => `r.test/app/image-${i}:1`)
      const [only, ...others] = write(message(refs.map((ref) => item(ref))))
      expect(others).toEqual([])
      const named = refs.filter((ref) => reader.text(only!.body).includes(ref))
      expect(named.length + reader.more(only!.body)).toBe(500)
      expect(named.length).toBeGreaterThan(0)
    })

    test('whatever it tells, each body is small enough, has an id of its own, and none of it becomes markup', () => {
      const nasty = fc.oneof(
        fc.string({ unit: 'grapheme', maxLength: 60 }),
        fc.constantFrom(
          '<!channel>',
          '@here',
          '@room',
          '`</code>',
          '<https://evil.test|ok>',
          '&lt;',
          '\r\n* x',
          '"\'<b>',
        ),
      )
      const items = fc.array(
        fc.record({ ref: nasty, message: fc.option(nasty), waitsFor: fc.array(nasty, { maxLength: 2 }) }),
        { minLength: 1, maxLength: 30 },
      )
      fc.assert(
        fc.property(items, nasty, fc.constantFrom('outdated', 'failed', 'rebuilt', 'still'), (some, ofBase, kind) => {
          const told = some.map(({ ref, message: failure, waitsFor }) =>
            item(ref, {
              rebuild: { state: 'waiting', build: null, waitsFor },
              build: { id: randomUUID(), finishedAt: '2026-11-21T03:00:00.000Z', code: 'disk-full', message: failure },
            }),
          )
          const written = write(message(told, { base: ofBase, kind }))
          expect(new Set(written.map(({ id }) => id)).size).toBe(written.length)
          for (const { body } of written) {
            expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThan(reader.most)
            expect(reader.strange(body)).toEqual([])
          }
        }),
      )
    })

    test('is the same at each try, but for what says when', () => {
      const sent = { id: randomUUID(), body: '{"a":1}' }
      const at = new Date('2026-11-21T03:00:00.900Z')
      const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
      expect(notifier.headers(sent, [secret], at)).toEqual(notifier.headers(sent, [secret], at))
      expect(notifier.headers(sent, [secret], at)['content-type']).toMatch(/json/)
    })
  })
}

/** How a receiver of that kind reads a body. `strange`: what it would take for markup or a mention and is none of ours. */
export type Reader = {
  text(body: object): string
  /** how many tags it says there are besides those it names */
  more(body: object): number
  strange(body: object): string[]
  most: number
}

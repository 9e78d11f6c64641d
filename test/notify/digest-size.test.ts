import { describe, expect, test } from '@jest/globals'
import { digest } from '../../src/notify/digest.ts'
import type { Outlook, Told } from '../../src/notify/digest-outline.ts'
import { ada, base, content, outdated, readable, squeezed, told } from './told.ts'

describe('whatever others say', () => {
  const evil = 'amd64\n\n-- \nNo more mail at all:\nhttps://evil.example/phish \u001b[2J\u202e\u2028'
  test('no text of others begins a line, or moves, turns or hides what stands beside it', () => {
    const build = { id: 'x', error: evil, log: [evil], digest: null }
    const outlook = outdated('failed', { because: evil, waitsFor: [evil], movesWith: evil })
    const more = content({
      ...{ platforms: [evil], evidence: [evil], stillAt: [evil], confidence: 'ambiguous', via: evil, base: evil },
    })
    const { subject, text, html } = digest(
      [
        told({ kind: 'failed', ref: evil, namespace: evil, content: more, outlook, build }),
        told({ content: more, outlook: outdated('pinned') }),
      ],
      { ...ada, name: evil, leave: () => 'https://drydock.example.org/unsubscribe/x' },
    )
    for (const part of [subject, text, html]) {
      expect(part).toContain('evil.example')
      expect(part).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}\u001b]/u)
    }
    for (const line of [/^-- $/gm, /^No more mail at all:$/gm]) expect(text.match(line)).toHaveLength(1)
  })

  test.each([['(withheld)'], ['(withheld 2)']])('%s is no base to ask for', (name) => {
    const notices = ['r/app/a:1', 'r/app/b:1'].map((ref) => told({ ref, content: content({ base: name }) }))
    const { text, html } = digest(notices, ada)
    expect(text).toContain('https://drydock.example.org/?namespace=app\n')
    for (const part of [text, html]) expect(part).not.toMatch(/withheld[^ ]*&|base=/)
  })
})

describe('a mail stays small', () => {
  const many = (count: number, more: (n: number) => Partial<Told> = () => ({})) =>
    Array.from({ length: count }, (_, n) => told({ ref: `localhost:5000/app/some-image-${n}:1.${n}`, ...more(n) }))
  const sizes = ({ text, html }: { text: string; html: string }) => [text, html].map((part) => Buffer.byteLength(part))

  test('of 500 the facts come first, then 50 names, and the number of the others with a link', () => {
    const { subject, text, html } = digest(many(500), ada)
    expect(subject).toBe(`500 tags are outdated: ${base} has moved`)
    expect(text.match(/^\* /gm)).toHaveLength(50)
    expect(html.match(/<strong><a /g)).toHaveLength(50)
    expect(squeezed(text)).toContain('and 450 more')
    expect(readable(html)).toContain('and 450 more')
    expect(text.indexOf('what next')).toBeLessThan(text.indexOf('* localhost'))
    expect(html.indexOf('what next')).toBeLessThan(html.indexOf('<strong><a '))
    expect(Math.max(...sizes({ text, html }))).toBeLessThan(30_000)
  })

  test.each<[string, (n: number) => Partial<Told>]>([
    ['of one base', () => ({})],
    ['of as many bases', (n) => ({ content: content({ base: `localhost:5000/lib/base-${n}:1` }) })],
    ['of as many namespaces', (n) => ({ namespace: `team-${n}` })],
    [
      'of which each is another thing',
      (n) => ({ content: content({ since: `${1795229881000000000n + BigInt(n)}000` }) }),
    ],
    ['with longest names', (n) => ({ ref: `localhost:5000/${'a/'.repeat(200)}${n}:${'x'.repeat(128)}` })],
  ])('40,000 images %s are less than 100,000 bytes, and none is forgotten', (_what, more) => {
    const mail = digest(many(40_000, more), { ...ada, leave: () => 'https://drydock.example.org/unsubscribe/x' })
    expect(Math.max(...sizes(mail))).toBeLessThan(100_000)
    const named = mail.text.match(/^\* /gm)!.length
    const others = [...squeezed(mail.text).matchAll(/(?:and (\d+) more, by|room for more\. (\d+) more)/g)]
    expect(named + others.reduce((sum, [, a, b]) => sum + Number(a ?? b), 0)).toBe(40_000)
  })

  test.each([3, 2000])(
    '%d builds that failed are told with their logs beside 2,000 tags of each of which another thing is said',
    (count) => {
      const planned = many(2000, (n) => ({
        outlook: { ...outdated('waiting'), place: { at: n, of: 2000, wave: 1, waves: 1 } } as Outlook,
      }))
      const failed = many(count, (n) => ({
        kind: 'failed',
        outlook: outdated('failed', { build: `b${n}` }),
        build: {
          id: `b${n}`,
          error: `boom ${n}`,
          log: Array.from({ length: 12 }, (_, line) => `line ${line} of ${n} ${'x'.repeat(150)}`),
          digest: null,
        },
      }))
      const mail = digest([...planned, ...failed], ada)
      expect(Math.max(...sizes(mail))).toBeLessThan(100_000)
      expect(mail.text.match(/^ {2}\| line 11 of \d+ /gm)!.length).toBeGreaterThanOrEqual(3)
      expect(squeezed(mail.text).match(/; place \d+ of 2000 in/g)!.length).toBeGreaterThan(10)
      expect(squeezed(mail.text)).toMatch(
        new RegExp(`room for more. ${2000 + count - mail.text.match(/^\* /gm)!.length} more`),
      )
    },
  )

  test('of failed builds with long logs', () => {
    const mail = digest(
      many(2000, (n) => ({
        kind: 'failed',
        outlook: outdated('failed', { build: `b${n}` }),
        build: { id: `b${n}`, error: '<&>'.repeat(5000), log: Array(12).fill('"<&>"'.repeat(40)), digest: null },
      })),
      ada,
    )
    expect(Math.max(...sizes(mail))).toBeLessThan(100_000)
    expect(mail.text).toMatch(/^\* /m)
  })
})

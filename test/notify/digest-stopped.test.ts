import { describe, expect, test } from '@jest/globals'
import { digestStopped, type StoppedPlan } from '../../src/notify/digest-stopped.ts'
import { ada, base, readable, run, sha, squeezed } from './told.ts'

const plan = '0b1c2d3e-0000-4000-8000-000000000001'
const build = '0b1c2d3e-0000-4000-8000-000000000002'
const stopped = (more: Partial<StoppedPlan> = {}): StoppedPlan => ({
  ...{ plan, base, toDigest: sha('b'), more: 0, namespaces: ['app'], right: 'approve' },
  failed: [{ ref: run, why: 'step 3 ended with 1', build }],
  ...more,
})
const leave = (namespace: string | null) => `https://drydock.example.org/unsubscribe/${namespace}`
const to = { ...ada, leave }

describe('a plan that was stopped', () => {
  test.each([
    ['whom it speaks to', 'Hello Ada,'],
    ['what happened', `More than half of the first builds on ${base} failed`],
    ['the base, and where it is', `Base ${base} now ${sha('b')}`],
    ['which tag failed, and why', `${run} step 3 ended with 1`],
    ['where its build is', `https://drydock.example.org/builds/${build}`],
    ['how it goes on', `drydock plans ${plan} drydock approve ${plan}`],
    ['why it comes', 'You are told because you look after Namespace app.'],
    ['how to end those of the namespace', leave('app')],
    ['how to end all', leave(null)],
  ])('%s', (_what, words) => {
    const { text, html } = digestStopped(stopped(), to)
    expect(squeezed(text)).toContain(words)
    // there the address stands before the words that it is behind
    expect(readable(html.replace(/<br>|<\/p>/g, ' '))).toContain(words)
  })

  test('in a terminal no line is longer than 72 columns, but for what is to be copied', () => {
    const why = 'a word and '.repeat(60)
    const { text } = digestStopped(stopped({ failed: [{ ref: run, why, build }], more: 7, right: 'none' }), to)
    const long = text.split('\n').filter((line) => line.length > 72)
    for (const line of long) expect(line).toMatch(/^ *(https:\S+|\* \S+|now sha256:\S+)$/)
    expect(text).toContain('and 7 more')
    expect(text).toMatch(/^-- $/m)
  })

  test('on a phone it is one column, with nothing to fetch', () => {
    const { html } = digestStopped(stopped(), to)
    expect(html).toContain('<meta name="viewport" content="width=device-width')
    expect(html).not.toMatch(/<(img|script|link|style)\b/)
  })

  test.each([
    ['look', `drydock plans ${plan}`],
    ['none', plan],
  ] as const)('who may not approve it (%s) is told who may', (right, words) => {
    const { text, html } = digestStopped(stopped({ right }), to)
    for (const said of [squeezed(text), readable(html)]) {
      expect(said).toContain('by an admin, or whoever is owner or contributor of every namespace in which it builds')
      expect(said).toContain(words)
      expect(said).not.toContain('drydock approve')
    }
  })

  test('of recipes that were changed, and of a tag that is withheld', () => {
    const failed = [{ ref: '(withheld)', why: 'the build itself failed', build: null }]
    const { subject, text, html } = digestStopped(stopped({ base: null, toDigest: null, failed }), to)
    expect(subject).toBe('Stopped: rebuilds on changed recipes fail')
    expect(squeezed(text)).toContain('builds on recipes that were changed failed')
    for (const said of [text, html]) expect(said).not.toMatch(/builds\/|Base /)
  })

  test('no text of others begins a line, or becomes markup; it stays small', () => {
    const evil = `x\n-- \nNo more mail at all:\nhttps://evil.example/ \u001b[2J\u202e<img src=x>"'`
    const failed = Array.from({ length: 20 }, () => ({ ref: evil, why: evil.repeat(500), build: evil }))
    const mail = digestStopped(stopped({ base: evil, toDigest: evil, failed, namespaces: [evil] }), {
      ...to,
      name: evil,
    })
    expect(mail.subject).not.toMatch(/[\n\u001b\u202e]/)
    expect(mail.text.match(/^-- $/gm)).toHaveLength(1)
    expect(mail.text.match(/^No more mail at all:$/gm)).toHaveLength(1)
    expect(mail.html).not.toContain('<img')
    for (const part of [mail.text, mail.html]) {
      expect(part).not.toMatch(/[\u001b\u202e]/)
      expect(Buffer.byteLength(part)).toBeLessThan(100_000)
    }
  })
})

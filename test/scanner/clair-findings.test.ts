import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { findingsOf, nothingFound } from '../../src/scanner/clair-findings.ts'

const answer = (...Features: object[]) => ({ Layer: { Name: 'x', IndexedByVersion: 3, Features } })
const words = { unit: 'binary' as const, maxLength: 5 }
const vulnerability = fc.record({ Name: fc.string(words), Description: fc.string(words), Link: fc.string(words) })
const feature = fc.record({ Name: fc.string(words), Vulnerabilities: fc.array(vulnerability, { maxLength: 4 }) })
const anyOrder = <T>(all: readonly T[]) => fc.shuffledSubarray([...all], { minLength: all.length })

test('the same in whatever order has one text and one hash; all that is vulnerable is in it, as it was said', () => {
  const twice = fc
    .array(feature, { maxLength: 5 })
    .chain((features) =>
      anyOrder(features).chain((order) =>
        fc.tuple(
          fc.constant(features),
          fc.tuple(
            ...order.map((one) =>
              anyOrder(one.Vulnerabilities).map((Vulnerabilities) => ({ ...one, Vulnerabilities })),
            ),
          ),
        ),
      ),
    )
  fc.assert(
    fc.property(twice, ([features, turned]) => {
      const found = findingsOf(answer(...features))
      expect(findingsOf(answer(...turned))).toEqual(found)
      const names = (all: { Name: string; Vulnerabilities: object[] }[]) =>
        all.filter((one) => one.Vulnerabilities.length > 0).map((one) => [one.Name, one.Vulnerabilities.length])
      const clean = (text: string) => text.replaceAll('\0', '\ufffd')
      expect(names(JSON.parse(found!.features)).sort()).toEqual(
        names(features)
          .map(([name, count]) => [clean(String(name)), count])
          .sort(),
      )
    }),
  )
})

test.each([
  ['packages without vulnerabilities', answer({ Name: 'a' }, { Name: 'b', Vulnerabilities: [] })],
  ['no packages', { Layer: { Name: 'x' } }],
])('%s are nothing', (_, said) => {
  expect(findingsOf(said)).toEqual(nothingFound)
})

test('what no database takes as text is left out of a finding, and nothing else', () => {
  const said = (Description: string) => answer({ Vulnerabilities: [{ Name: 'CVE-1', Description }] })
  const kept = (text: string) => JSON.parse(findingsOf(said(text))!.features)[0].Vulnerabilities[0].Description
  expect(kept('a\0b\ud800c\udfffd')).toBe('a\ufffdb\ufffdc\ufffdd')
  for (const text of ['\\u0000', '\\\\u0000', '"\\', '\u{1f600}', '\n\u0001']) expect(kept(text)).toBe(text)
})

test.each([
  ['<html>'],
  [null],
  [{ Error: { Message: 'no' } }],
  [answer({ Vulnerabilities: [{ Name: 7 }] })],
  [answer({ Vulnerabilities: 'none' })],
])('%j is no answer of Clair', (said) => {
  expect(findingsOf(said)).toBeNull()
})

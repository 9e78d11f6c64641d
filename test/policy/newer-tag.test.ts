import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { newerTag } from '../../src/policy/newer-tag.ts'
import { compareShapes, isNewer, majorOf, tagShape } from '../../src/policy/tag-shape.ts'

/** Name, the repository's tags, the newest within the major version, the newest of all. */
const cases: [string, string, string | null, string | null][] = [
  ['12.5', '12.4 12.5 12.6 12 12.6.1 latest bookworm', '12.6', null],
  ['12.5', '12.5 13.1 12.10 12.9', '12.10', '13.1'],
  ['15.3', '16.1 15.2', null, '16.1'],
  ['22.1-slim', '22-slim 22.2-slim 22.2.1-slim 22.3 22.3-alpine', '22.2-slim', null],
  ['v1.2.3-alpine3.19', 'v1.3.0-alpine3.19 1.4.0-alpine3.19 v1.5.0-alpine3.20 v1.4.0', 'v1.3.0-alpine3.19', null],
  ['v1.2.3', '1.2.4 v1.2.4 V1.2.5', 'v1.2.4', null],
  ['20240127', '20240126 20240210 12.7 2024 20240210.1', '20240210', null],
  ['12.5', '20240127 2024.1', null, null],
  ['8.0.100-jammy-amd64', '8.0.101-jammy-amd64 8.0.102-jammy-arm64 8.0.200-noble-amd64', '8.0.101-jammy-amd64', null],
  [
    '3.12-slim-bookworm',
    '3.13-slim-bookworm 3.14-slim-trixie 3.13-slim 4.0-slim-bookworm',
    '3.13-slim-bookworm',
    '4.0-slim-bookworm',
  ],
  [
    'bookworm-20240110-slim',
    'bookworm-20240211-slim trixie-20240301-slim bookworm-20240301 bookworm-slim',
    'bookworm-20240211-slim',
    null,
  ],
  ['22-slim-20240110', '22-slim-20240115 23-slim-20240115', '22-slim-20240115', null],
  ['2024-01-27', '2024-02-01 2025-01-01', '2025-01-01', null],
  ['202401271030', '202401280000 20240201', '202401280000', null],
  ['20240101.0.204074', '20240107.0.204990 20240201', '20240107.0.204990', null],
  ['2024.1.3', '2024.10.1 2025.1.0 3.0.0', '2025.1.0', null],
  ['22.04', '22.10 24.04 22.4', '22.10', '24.04'],
  ['17.0.9_9-jdk', '17.0.10_7-jdk 17.0.10-jdk 21.0.2_13-jdk', '17.0.10_7-jdk', '21.0.2_13-jdk'],
  ['release-1.2.3', 'release-1.3.0 1.4.0 v1.5.0', 'release-1.3.0', null],
  ['1.9.9', '1.10.0 1.9.10', '1.10.0', null],
  ['1.0.18446744073709551616', '1.0.18446744073709551617', '1.0.18446744073709551617', null],
  // Pre-releases: never for a release; for one of them the later ones of its version, and what follows.
  ['1.2.3', '1.3.0-rc1 1.3.0-beta 1.2.4rc2 2.0.0-alpha.1 1.3.0-SNAPSHOT', null, null],
  ['1.3.0-rc1', '1.3.0-rc2 1.3.0-rc10 1.4.0-rc1', '1.3.0-rc10', null],
  ['1.3.0-rc.9', '1.3.0-rc.10 1.3.0', '1.3.0', null],
  ['1.3.0-beta', '1.3.0-rc1 1.3.0-alpha', '1.3.0-rc1', null],
  ['3.13.0a2-slim', '3.13.0a10-slim 3.13.0b1-slim 3.13.0rc1-slim-bookworm 3.12.9-slim', '3.13.0b1-slim', null],
  ['8.3.0RC4-fpm', '8.3.0RC6-fpm 8.3.0-fpm 8.3.1-fpm-alpine', '8.3.0-fpm', null],
  ['8.0.100-preview.7-jammy', '8.0.100-rc.1-jammy 8.0.100-jammy', '8.0.100-jammy', null],
  // What says "dev" without a number is a variant of every version.
  ['3.12-dev', '3.13-dev 3.13 3.14.dev2', '3.13-dev', null],
  ['1.1-openjdk-17.0.1', '1.2-openjdk-17.0.2 1.2-openjdk-17.0.1', '1.2-openjdk-17.0.1', null],
  // Floating tags are off.
  ...['latest', 'stable', 'bookworm', '3', 'v3', '22-slim', 'sha-3f2a91c', '3-alpine-3.19', 'pr-17'].map(
    (name): [string, string, null, null] => [name, '3.1 4 v4 23-slim trixie pr-18 3-alpine-3.20 99.9', null, null],
  ),
]

test.each(cases)('%s among %s', (name, names, newer, newest) => {
  const found = newer === null && newest === null ? null : { newer, newest }
  expect(newerTag(name, names.split(' '))).toEqual(found)
})

const number = fc.nat({ max: 12 })
const word = fc.constantFrom('', '-slim', '-alpine3.19', '-alpine3.20', '-slim-bookworm', '.Final')
const tag = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('', 'v', 'release-', 'bookworm-'),
      fc.array(number, { minLength: 1, maxLength: 4 }),
      fc.constantFrom('', '', '-rc1', 'rc2', '-rc.10', '-beta', '-alpha.1'),
      word,
    )
    .map(([prefix, numbers, pre, suffix]) => `${prefix}${numbers.join('.')}${pre}${suffix}`),
  fc
    .tuple(fc.constantFrom('', 'bookworm-'), fc.integer({ min: 20240110, max: 20240128 }), word)
    .map(([prefix, day, suffix]) => `${prefix}${day}${suffix}`),
  fc.constantFrom('latest', 'bookworm', '3', '22-slim'),
  fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,40}$/),
)
const offered = (from: string, to: string): boolean => newerTag(from, [to]) !== null

/** By comparing every two. */
const latest = (names: string[]): string | null =>
  names.find((name) =>
    names.every((other) => {
      const order = compareShapes(tagShape(name)!, tagShape(other)!)
      return order > 0 || (order === 0 && name <= other)
    }),
  ) ?? null

describe('whatever the names', () => {
  test('none is newer than itself, and no two than each other', () =>
    fc.assert(
      fc.property(tag, tag, (a, b) => {
        expect(offered(a, a)).toBe(false)
        expect(offered(a, b) && offered(b, a)).toBe(false)
      }),
    ))
  test('what is newer than a newer one is newer', () =>
    fc.assert(
      fc.property(fc.array(tag, { minLength: 3, maxLength: 12 }), (names) => {
        for (const a of names)
          for (const b of names.filter((name) => offered(a, name)))
            for (const c of names.filter((name) => offered(b, name)))
              expect([a, b, c, offered(a, c)]).toEqual([a, b, c, true])
      }),
    ))
  test('prefix, suffix and number of components stay', () =>
    fc.assert(
      fc.property(
        fc.constantFrom('', 'v', 'release-'),
        fc.array(number, { minLength: 2, maxLength: 4 }),
        word,
        fc.array(tag, { maxLength: 30 }),
        (prefix, numbers, suffix, names) => {
          const found = newerTag(`${prefix}${numbers.join('.')}${suffix}`, names)
          for (const name of [found?.newer, found?.newest].filter((n) => n != null)) {
            expect(name.startsWith(prefix) && name.endsWith(suffix)).toBe(true)
            expect(name.slice(prefix.length, name.length - suffix.length)).toMatch(/^\d+(\.\d+)+$/)
            expect(name.slice(prefix.length, name.length - suffix.length).split('.')).toHaveLength(numbers.length)
          }
        },
      ),
    ))
  test('the pattern by which the database finds names leaves out none that is newer', () =>
    fc.assert(
      fc.property(tag, fc.array(tag, { minLength: 1, maxLength: 40 }), (name, names) => {
        for (const other of names) if (offered(name, other)) expect(other).toMatch(new RegExp(tagShape(name)!.pattern))
      }),
    ))
  test('it is the latest of all that are newer, and of those within the major version', () =>
    fc.assert(
      fc.property(tag, fc.array(tag, { maxLength: 40 }), (name, names) => {
        const own = tagShape(name)
        const newer = names.filter((other) => {
          const shape = tagShape(other)
          return own !== null && shape !== null && isNewer(own, shape)
        })
        const within = newer.filter((other) => majorOf(tagShape(other)!) === majorOf(own!))
        const [all, near] = [latest(newer), latest(within)]
        expect(newerTag(name, names)).toEqual(all === null ? null : { newer: near, newest: all === near ? null : all })
      }),
    ))
  test('the order and number of the names do not matter, and nothing offered has a newer one', () =>
    fc.assert(
      fc.property(tag, fc.array(tag), (name, names) => {
        const found = newerTag(name, names)
        expect(newerTag(name, [...names, ...names].reverse())).toEqual(found)
        const newest = found?.newest ?? found?.newer ?? null
        if (newest !== null)
          for (const other of names)
            if (offered(name, other)) expect(isNewer(tagShape(newest)!, tagShape(other)!)).toBe(false)
      }),
    ))
})

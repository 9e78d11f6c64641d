import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { bootstrap, type Principal, personCalled } from '../../src/access/principal.ts'
import { splitAt } from '../../src/access/split-names.ts'
import { vocabularyOf, withhold } from '../../src/access/withhold.ts'
import { withholdingText } from '../../src/access/withhold-text.ts'
import { configFor } from '../notify/config.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

const config = { registries: configFor(['reg:5000']).registries }
const words = vocabularyOf([['reg:5000', new URL(config.registries[0]!.url).host]])
const stranger = personCalled('stranger')
let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
  await pg.sql`insert into namespace (key, visibility) values ('hush', 'private'), ('open', 'protected')`
})
afterAll(() => pg.close())

const isHidden = (key: string) => key !== 'open'
const cut = (text: string, at: readonly number[]): string[] => {
  const places = [0, ...at.map((place) => place % (text.length + 1)).sort((a, b) => a - b), text.length]
  return places.slice(1).map((end, i) => text.slice(places[i], end))
}
async function read(parts: readonly string[], principal: Principal = stranger): Promise<string> {
  const withheld = (await withholdingText({ sql: pg.sql, config }, principal))!
  const told: string[] = []
  for (const part of parts) told.push(await withheld.feed(part))
  return told.join('') + (await withheld.end())
}

const path = fc.constantFrom('hush/base', 'hush/a/b', 'open/base', 'nowhere/x', 'solo')
const tag = fc.constantFrom('', ':1', `:latest@sha256:${'a'.repeat(64)}`)
const name = fc.tuple(path, tag).map(([p, t]) => `reg:5000/${p}${t}`)
const said = fc.oneof(
  name,
  name.map(encodeURIComponent),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('\n', '\r\n', ' '),
)

test('wherever a text is cut, it is told as if it had come whole', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(said, fc.constantFrom(' ', '\n', '"', '\u{1f600}'))),
      fc.array(fc.nat()),
      async (pieces, at) => {
        const text = pieces.flat().join('')
        expect(await read(cut(text, at))).toBe(withhold(text, words, isHidden))
      },
    ),
  )
})

test('a name that comes a character at a time is withheld', async () => {
  expect(await read([...'from reg:5000/hush/base:1 to reg:5000/open/base:1\n'])).toBe(
    'from (withheld) to reg:5000/open/base:1\n',
  )
})

test('a name is one placeholder in all of it, and withheld without its host from then on', async () => {
  const parts = ['reg:5000/hush/base:1\n', 'reg:5000/hush/b:1\n', 'reg:5000/hush/base:1 of hush/base\n', 'xhush/base\n']
  expect(await read(parts)).toBe('(withheld)\n(withheld 2)\n(withheld) of (withheld 3)\nxhush/base\n')
})

test('what cannot be the beginning of a name is told at once', async () => {
  const withheld = (await withholdingText({ sql: pg.sql, config }, stranger))!
  expect(await withheld.feed('half a line, and no end of it ')).toBe('half a line, and no end of it ')
  expect([await withheld.feed('downloading 3%\ra reg:'), withheld.held()]).toEqual(['downloading 3%\ra ', 4])
})

test('who reads everything reads it as it is', async () => {
  expect(await withholdingText({ sql: pg.sql, config }, bootstrap)).toBeNull()
})

test('a namespace is asked about once', async () => {
  let statements = 0
  const sql = new Proxy(pg.sql, {
    apply(of, that, values) {
      statements++
      return Reflect.apply(of, that, values)
    },
  })
  const withheld = (await withholdingText({ sql, config }, stranger))!
  for (let i = 0; i < 50; i++) await withheld.feed(`${i} reg:5000/hush/base:${i} reg:5000/open/x:${i}\n`)
  await withheld.feed('reg:5000/nowhere/x:1\n')
  expect(statements).toBe(3)
})

test('no more than a run of such characters is kept, however long it is, and no name in it is cut', async () => {
  const withheld = (await withholdingText({ sql: pg.sql, config }, stranger))!
  const run = 'abc/'.repeat(16_000)
  let told = ''
  for (let i = 0; i < 20; i++) {
    told += await withheld.feed(run)
    told += await withheld.feed('+reg:5000/hush/base:1+')
    expect(withheld.held()).toBeLessThan(200_000)
  }
  told += await withheld.end()
  expect(told).not.toContain('hush')
  expect(told.match(/\(withheld/g)).toHaveLength(20)
})

test('half of a pair waits for the other', () => {
  expect(splitAt('a \u{1f600}'.slice(0, 3), () => [])).toBe(2)
})

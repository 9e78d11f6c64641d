import { createHash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { chainIds, type HistoryEntry, hashId, steps } from '../../src/oci/chain-id.ts'

const sha = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`
const [a, b, c] = ['a', 'b', 'c'].map((name) => sha(name)) as [string, string, string]
const run = (created_by: string): HistoryEntry => ({ created_by })
const empty = (created_by: string): HistoryEntry => ({ created_by, empty_layer: true })

describe('chainIds', () => {
  test('the first is the diffID itself, each further one hashes the digests joined by a blank', () => {
    expect(chainIds([a, b, c])).toEqual([a, sha(`${a} ${b}`), sha(`${sha(`${a} ${b}`)} ${c}`)].map(hashId))
  })

  test('are 128 bits in the form in which PostgreSQL writes a uuid', () => {
    expect(chainIds([`sha256:${'0123456789abcdef'.repeat(4)}`])).toEqual(['01234567-89ab-cdef-0123-456789abcdef'])
  })

  test('127 layers give 127 ids, no layers none', () => {
    const diffIds = Array.from({ length: 127 }, (_, i) => sha(`${i}`))
    expect(new Set(chainIds(diffIds)).size).toBe(127)
    expect(chainIds([])).toEqual([])
  })

  test('a prefix of the layers has a prefix of the ids, and different layers never the same last id', () => {
    const layers = fc.array(fc.constantFrom(a, b, c), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(layers, layers, (x, y) => {
        expect(chainIds([...x, ...y]).slice(0, x.length)).toEqual(chainIds(x))
        expect(chainIds(x).at(-1) === chainIds(y).at(-1)).toBe(JSON.stringify(x) === JSON.stringify(y))
      }),
    )
  })
})

describe('steps', () => {
  test.each([
    ['as many entries as layers', [run('COPY'), run('RUN')], [a, b], true],
    ['empty entries between', [run('COPY'), empty('ENV A=1'), run('RUN')], [a, b], true],
    ['an empty entry may be blank', [run('COPY'), empty('')], [a], true],
    ['no history over layers', [], [a], false],
    ['no history, no layers', [], [], true],
    ['only empty entries, no layers', [empty('ENV A=1')], [], true],
    ['one entry too few', [run('COPY')], [a, b], false],
    ['one entry too many', [run('COPY'), run('RUN')], [a], false],
    ['a blank entry', [run('COPY'), run(' ')], [a, b], false],
    ['an entry that does not say by what', [run('COPY'), {}], [a, b], false],
    ['an entry that says null', [{ created_by: null }], [a], false],
  ])('%s', (_, history, diffIds, accounts) => {
    const found = steps(history, diffIds)
    expect(found.accounts).toBe(accounts)
    expect(found.stepIds).toHaveLength(accounts ? history.length : 0)
    expect(found.solidIds).toHaveLength(accounts ? diffIds.length : 0)
  })

  test('an entry that only changes history changes the steps and not the solid steps', () => {
    const plain = steps([run('COPY'), run('RUN')], [a, b])
    const withEnv = steps([run('COPY'), empty('ENV A=1'), run('RUN')], [a, b])
    expect(withEnv.solidIds).toEqual(plain.solidIds)
    expect(withEnv.stepIds[0]).toBe(plain.stepIds[0])
    expect(withEnv.stepIds.at(-1)).not.toBe(plain.stepIds.at(-1))
  })

  test('the same command over another layer is another step', () => {
    expect(steps([run('RUN')], [a]).stepIds).not.toEqual(steps([run('RUN')], [b]).stepIds)
  })

  test('a longer history begins with the ids of its beginning', () => {
    const base = steps([run('COPY'), empty('CMD')], [a])
    const child = steps([run('COPY'), empty('CMD'), run('RUN')], [a, b])
    expect(child.stepIds.slice(0, 2)).toEqual(base.stepIds)
    expect(child.solidIds.slice(0, 1)).toEqual(base.solidIds)
  })

  test('is not confused by what a command contains', () => {
    expect(steps([run('RUN a\n["RUN b"]')], [a]).stepIds).not.toEqual(steps([run('RUN a')], [a]).stepIds)
  })
})

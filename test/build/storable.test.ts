import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { BuildError, describeError } from '../../src/build/build-error.ts'
import { shortened, storableJson } from '../../src/build/storable.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

describe('what others say, as it is stored', () => {
  let pg: TestDatabase
  beforeAll(async () => {
    pg = await testDatabase()
  })
  afterAll(() => pg.close())

  it('is taken by jsonb and text, whatever it is', async () => {
    const anything = fc.string({ unit: fc.oneof(fc.constantFrom('\0', '\ud83d', '\ude00', '😀', '\x1b'), fc.string()) })
    await fc.assert(
      fc.asyncProperty(anything, async (text) => {
        const failure = describeError(new BuildError(text, text))
        const [row] = await pg.sql<{ json: string; text: string }[]>`
          select ${storableJson({ failure, raw: text })}::text::jsonb #>> '{failure,message}' as json, ${failure.message} as text`
        expect(row).toEqual({ json: failure.message, text: failure.message })
      }),
      { numRuns: 50 },
    )
  })

  it('is cut between characters', () => {
    expect(shortened('😀'.repeat(10), 4)).toBe('😀😀😀…')
    expect(shortened('😀'.repeat(4), 4)).toBe('😀😀😀😀')
    expect(describeError(new Error('😀'.repeat(5000))).message.isWellFormed()).toBe(true)
  })

  it('loses its secrets before it is cut', () => {
    const error = new Error(`${'x'.repeat(1995)}secret`)
    expect(describeError(error, (text) => text.replaceAll('secret', '***')).message).toBe(`${'x'.repeat(1995)}***`)
  })
})

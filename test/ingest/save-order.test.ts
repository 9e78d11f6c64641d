import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { nothingLearned } from '../../src/ingest/save.ts'
import { runsOf } from '../support/runs-of.ts'
import { learned, openSaving } from './saving.ts'

let s: Awaited<ReturnType<typeof openSaving>>
beforeAll(async () => {
  s = await openSaving()
})
afterAll(() => s.pg.close())

describe('any order, any repetition, all at once', () => {
  const told = fc.record({
    tag: fc.constantFrom('1', '2', ''),
    kind: fc.constantFrom('push' as const, 'push' as const, 'delete' as const),
    digest: fc.constantFrom('A', 'B', 'C'),
    at: fc.integer({ min: 1, max: 9 }),
    exact: fc.boolean(),
    repository: fc.constantFrom('lib/base', 'app/x'),
  })

  const state = async () => ({
    spans: await s.spans(),
    heads: await s.pg.sql`select ref, head_digest, head_at from tag order by ref`,
    manifests: await s.pg.sql`select digest, kind, first_push_at, first_seen_at from manifest order by digest`,
  })

  test('ends in the same rows', async () => {
    const histories = fc.array(told, { minLength: 1, maxLength: 12 }).chain((facts) =>
      fc.record({
        facts: fc.constant(facts),
        again: fc.shuffledSubarray([...facts, ...facts], { minLength: facts.length * 2 }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(histories, async ({ facts, again }) => {
        const tell = ({ tag, kind, digest, at, exact, repository }: (typeof facts)[number]) => {
          const sourceId = `${kind} ${tag} ${digest} ${at} ${exact} ${repository}`
          const o = s.observed(tag, kind, kind === 'delete' && tag !== '' ? null : digest, at, {
            exact,
            repository,
            sourceId,
          })
          return s.saved(o, kind === 'push' ? learned(digest) : nothingLearned)
        }
        await s.clear()
        for (const fact of facts) await tell(fact)
        const inOrder = await state()
        await s.clear()
        for (const fact of again) await tell(fact)
        expect(await state()).toEqual(inOrder)
        await s.clear()
        await Promise.all(again.map(tell))
        expect(await state()).toEqual(inOrder)
      }),
      runsOf(30),
    )
  }, 600_000)
})

import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { type Claim, claimBuild } from '../../src/build/claim.ts'
import type { Course } from '../../src/build/course.ts'
import { endTogether } from '../../src/build/end-build.ts'
import { saveStepsTogether } from '../../src/build/save-steps.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())

let made = 0
async function running(): Promise<Claim> {
  const [row] = await pg.sql<{ id: string }[]>`
    insert into build (ref, key, reason, recipe) values (${`r.example/a/${made++}:1`}, '', '{}', '{"strategy":"rebase"}') returning id`
  const claim = await claimBuild(testDeps(pg), row!.id)
  if (typeof claim === 'string') throw new Error(`it is ${claim}`)
  return claim
}
const row = ({ id }: Claim) => pg.db.build.findUniqueOrThrow({ where: { id } })
const takenOver = ({ id }: Claim) => pg.sql`update build set claim_token = gen_random_uuid() where id = ${id}`
const at = (claim: Claim, name: string) => ({
  ...{ claim, builder: 'rebase', intent: null, host: null, durable: false },
  steps: [{ name, startedAt: '2026-01-01T00:00:00Z', finishedAt: null, error: null }],
})

it('what several builds are at goes to each its own row; one that was taken over is told, and writes nothing', async () => {
  const claims = await Promise.all([running(), running(), running()])
  await takenOver(claims[1]!)
  const save = saveStepsTogether(testDeps(pg))
  const intent = {
    bases: [{ name: 'b', digest: `sha256:${'1'.repeat(64)}` as never, role: 'runtime' as const, pinned: false }],
  }
  const saved = await Promise.all([
    save({ ...at(claims[0]!, 'one'), intent: { ...intent, commit: 'c0ffee', previous: null }, durable: true }),
    save(at(claims[1]!, 'two')),
    save({ ...at(claims[2]!, 'three'), host: { name: 'm', driver: 'none', provisionSeconds: 1 } }),
    save(at(claims[2]!, 'four')),
  ])
  expect(saved).toEqual([true, false, true, true])
  const rows = await Promise.all(claims.map(row))
  expect(rows.map(({ steps }) => (steps as { name: string }[]).map(({ name }) => name))).toEqual([
    ['one'],
    [],
    ['four'],
  ])
  expect(rows.map(({ commit }) => commit)).toEqual(['c0ffee', null, null])
  expect(rows[0]!.bases).toEqual(intent.bases)
  expect(rows[2]!.host).toEqual({ name: 'm', driver: 'none', provisionSeconds: 1 })
})

it('builds that end together end each in its own way, with what follows from those that are still ours', async () => {
  const followed: string[][] = []
  const course = (): Course => ({
    builder: () => {
      throw new Error('nothing is built here')
    },
    given: () => ({ bases: [], annotations: {}, logins: {} as never }),
    findPushed: async () => null,
    record: async () => undefined,
    unstage: async () => [],
    pushed: async () => null,
    ended: async (claims) => {
      followed.push(claims.map(({ id }) => id).sort())
    },
  })
  const claims = await Promise.all([running(), running(), running(), running()])
  await takenOver(claims[2]!)
  const [one, other] = [course(), course()]
  const end = endTogether(testDeps(pg))
  const failure = (code: string) => ({ code, message: 'why', retryable: true })
  await Promise.all([
    end({ course: one, claim: claims[0]!, steps: at(claims[0]!, 'push').steps, error: null }),
    end({ course: one, claim: claims[1]!, steps: null, error: failure('push-failed') }),
    end({ course: other, claim: claims[2]!, steps: null, error: failure('push-failed') }),
    end({ course: other, claim: claims[3]!, steps: null, error: failure('cancelled') }),
  ])
  const rows = await Promise.all(claims.map(row))
  expect(rows.map(({ state }) => state)).toEqual(['succeeded', 'failed', 'running', 'cancelled'])
  expect(rows.map(({ error }) => error)).toEqual([null, failure('push-failed'), null, failure('cancelled')])
  expect(rows[0]).toMatchObject({ steps: [{ name: 'push' }], leaseUntil: null, finishedAt: expect.any(Date) })
  expect(followed.sort()).toEqual(
    [
      claims
        .slice(0, 2)
        .map(({ id }) => id)
        .sort(),
      [claims[3]!.id],
    ].sort(),
  )
})

it('what follows from one that cannot be stored undoes the end of no other', async () => {
  const claims = await Promise.all([running(), running()])
  const course: Course = {
    builder: () => {
      throw new Error('nothing is built here')
    },
    given: () => ({ bases: [], annotations: {}, logins: {} as never }),
    findPushed: async () => null,
    record: async () => undefined,
    unstage: async () => [],
    pushed: async () => null,
    async ended(ended, tx) {
      if (ended.some(({ id }) => id === claims[0]!.id)) await tx`select 1 / 0`
    },
  }
  const end = endTogether(testDeps(pg))
  const ends = claims.map((claim) => end({ course, claim, steps: null, error: null }))
  const [first, second] = await Promise.allSettled(ends)
  expect([first!.status, second!.status]).toEqual(['rejected', 'fulfilled'])
  expect((await Promise.all(claims.map(row))).map(({ state }) => state)).toEqual(['running', 'succeeded'])
})

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { type Claim, claimBuild, postponeClaim, releaseClaim } from '../../src/build/claim.ts'
import { claimNext, claimTogether, isBuildDue, type Takes } from '../../src/build/next-build.ts'
import { sweepBuilds } from '../../src/build/wake-builders.ts'
import { Builds } from '../../src/build-settings.ts'
import type { Config } from '../../src/config.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  await pg.sql`truncate build cascade`
  await pg.sql`truncate pause`
  await pg.sql`delete from graphile_worker._private_jobs`
})

type Given = { namespace: string; name?: string; automatic?: boolean; rebase?: boolean; job?: boolean }

const deps = (builds: object = {}, more: Partial<Config> = {}) => {
  const config = { builds: Builds.parse(builds), builder: 'docker', ...more } as unknown as Config
  return { ...testDeps(pg), config }
}

let clock = 0
/** Queues builds, each a little later than the one before. */
async function queue(all: readonly Given[]): Promise<void> {
  for (const { namespace, name = `${clock}`, automatic = false, rebase = false, job = false } of all)
    await pg.sql`
      insert into build (ref, key, reason, recipe, namespace_key, automatic, priority, job, created_at)
      values (${`r.example/${namespace}/${name}:1`}, '', '{}', ${JSON.stringify({ strategy: rebase ? 'rebase' : 'dockerfile' })}::text::jsonb,
        ${namespace}, ${automatic}, ${automatic ? 1 : 0}, ${job ? '{}' : null}::text::jsonb, ${new Date(++clock)})`
}
const end = (claim: Claim) =>
  pg.sql`update build set state = 'succeeded', finished_at = now(), lease_until = null where id = ${claim.id}`
/** Its lease was over and was seen to be so, by sweep after sweep, for as long as it takes. */
const die = ({ id }: Claim) => pg.sql`
  update build set lease_until = clock_timestamp() - interval '10 s', over_since = clock_timestamp() - interval '9 s', over_seen = clock_timestamp()
  where id = ${id}`
const nameOf = (claim: Claim | undefined): string => claim?.ref.replace(/^r.example\/|:1$/g, '') ?? 'nothing'
const claim = async (d: ReturnType<typeof deps>, takes: Takes = 'any') => (await claimNext(d, takes))?.claim
const claims = async (d: ReturnType<typeof deps>, number: number) => {
  const names: string[] = []
  for (let i = 0; i < number; i++) names.push(nameOf(await claim(d)))
  return names
}

describe('whose turn it is', () => {
  it("is people's before the service's own, and the oldest in a namespace", async () => {
    await queue([
      { namespace: 'a', name: '1', automatic: true },
      { namespace: 'a', name: '2' },
      { namespace: 'a', name: '3' },
    ])
    expect(await claims(deps(), 4)).toEqual(['a/2', 'a/3', 'a/1', 'nothing'])
  })

  it('goes round the namespaces, however many builds one of them has', async () => {
    await queue([
      ...Array.from({ length: 4 }, (_, i) => ({ namespace: 'a', name: `${i}` })),
      { namespace: 'b', name: 'x' },
    ])
    await queue([{ namespace: 'c', name: 'y' }])
    expect(await claims(deps(), 6)).toEqual(['a/0', 'b/x', 'c/y', 'a/1', 'a/2', 'a/3'])
  })

  it('is that of the namespace served longest ago where none is running', async () => {
    await queue(['a', 'a', 'b', 'b', 'c'].map((namespace, i) => ({ namespace, name: `${i}` })))
    const d = deps()
    const order: string[] = []
    for (let next = await claim(d); next; next = await claim(d)) {
      order.push(nameOf(next))
      await end(next)
    }
    expect(order).toEqual(['a/0', 'b/2', 'c/4', 'a/1', 'b/3'])
  })

  it('is never that of a tag which is being built', async () => {
    await queue([{ namespace: 'a', name: 'same' }])
    const running = await claim(deps())
    await queue([{ namespace: 'a', name: 'same' }])
    expect(await claims(deps(), 1)).toEqual(['nothing'])
    await end(running!)
    expect(await claims(deps(), 1)).toEqual(['a/same'])
  })

  it('keeps the limits of the configuration', async () => {
    await queue(['a', 'a', 'a', 'b', 'b', 'b'].map((namespace, i) => ({ namespace, name: `${i}` })))
    const d = deps({ perNamespace: 1, namespaces: { b: { atOnce: 2 } } })
    expect(await claims(d, 4)).toEqual(['a/0', 'b/3', 'b/4', 'nothing'])
    expect(await isBuildDue(d, 'any')).toBe(false)
  })

  it.each([['*'], ['a']])('leaves out what nobody asked for while %s is paused', async (scope) => {
    await pg.sql`insert into pause (scope) values (${scope})`
    await queue([
      { namespace: 'a', name: '1', automatic: true },
      { namespace: 'a', name: '2', automatic: true },
      { namespace: 'a', name: '3', automatic: true },
      { namespace: 'a', name: '4' },
    ])
    expect(await claims(deps(), 2)).toEqual(['a/4', 'nothing'])
    await pg.sql`delete from pause`
    expect(await claims(deps(), 1)).toEqual(['a/1'])
  })

  it('leaves out what nobody asked for while no window is open', async () => {
    await queue([
      { namespace: 'a', name: '1', automatic: true },
      { namespace: 'b', name: '2', automatic: true },
      { namespace: 'c', name: '3' },
    ])
    const night = {
      windows: [{ from: '01:00', to: '02:00' }],
      namespaces: { b: { windows: [{ from: '11:00', to: '13:00' }] } },
    }
    const noon = { ...deps(night), clock: () => new Date('2026-01-05T12:00:00Z') }
    expect(await claims(noon, 3)).toEqual(['c/3', 'b/2', 'nothing'])
    const late = { ...deps(night), clock: () => new Date('2026-01-05T01:30:00Z') }
    expect(await claims(late, 1)).toEqual(['a/1'])
  })

  it('is first of all that of a build whose worker is gone', async () => {
    await queue([{ namespace: 'a', name: '1' }])
    await queue([{ namespace: 'b', name: '2' }])
    const d = deps({ perNamespace: 1 })
    const first = await claim(d)
    expect(await claim(d)).toMatchObject({ takenOver: false })
    await die(first!)
    const again = await claim(d)
    expect(again).toMatchObject({ id: first!.id, takenOver: true })
    expect(again!.token).not.toBe(first!.token)
    expect(await claim(d)).toBeUndefined()
  })

  it('is not that of a build whose lease ran out while nobody could look, until sweeps saw it so for a while', async () => {
    await queue([{ namespace: 'a', name: '1' }])
    const d = deps()
    const first = await claim(d)
    await pg.sql`update build set lease_until = clock_timestamp() - interval '1 minute'`
    expect(await claim(d)).toBeUndefined()
    expect(await claimBuild(d, first!.id)).toBe('busy')
    await sweepBuilds(d, 'any')
    expect(await claim(d)).toBeUndefined()
    const ago = (seconds: number) => pg.sql`
      update build set over_since = over_since - ${seconds} * interval '1 second', over_seen = over_seen - ${seconds} * interval '1 second'`
    await ago(20) // the database was away again
    expect(await claim(d)).toBeUndefined()
    await sweepBuilds(d, 'any')
    expect(await claim(d)).toBeUndefined()
    await ago(5)
    expect(await claim(d)).toBeUndefined()
    await sweepBuilds(d, 'any')
    await ago(5)
    expect(await claim(d)).toMatchObject({ id: first!.id, takenOver: true, deaths: 1 })
  })

  it('is never that of a build which the asking process runs itself', async () => {
    await queue([{ namespace: 'a', name: '1' }])
    const own = new Set<string>()
    const ask = claimTogether(deps(), own)
    const first = (await ask('any'))!.claim
    own.add(first.id)
    await die(first)
    expect(await ask('any')).toBeNull()
    own.delete(first.id)
    expect((await ask('any'))?.claim).toMatchObject({ id: first.id })
  })

  it('comes at once for a build that was given back, later for one that was left, and neither counts as a death', async () => {
    await queue([{ namespace: 'a', name: '1' }])
    const d = deps()
    await releaseClaim(d, (await claim(d))!)
    const second = await claim(d)
    expect(second).toMatchObject({ takenOver: true, deaths: 0 })
    await postponeClaim(d, second!, 60)
    expect(await claim(d)).toBeUndefined()
    await pg.sql`update build set lease_until = clock_timestamp()`
    expect(await claim(d)).toMatchObject({ takenOver: true, deaths: 0 })
  })

  it('is not again and again that of a build at which workers die', async () => {
    await queue([
      { namespace: 'a', name: 'poison' },
      { namespace: 'b', name: 'good' },
    ])
    const d = deps()
    const order: string[] = []
    for (let i = 0; i < 4; i++) {
      const next = (await claim(d))!
      order.push(nameOf(next))
      if (nameOf(next) === 'b/good') await end(next)
      else await die(next)
    }
    expect(order).toEqual(['a/poison', 'a/poison', 'b/good', 'a/poison'])
  })

  it("keeps a namespace's limit where several workers are served at once, whosever its builds are", async () => {
    await queue([
      { namespace: 'z', name: 'first' },
      { namespace: 'a', name: 'auto', automatic: true },
      { namespace: 'a', name: 'person' },
    ])
    await pg.sql`update build set namespace_key = '0' where ref like '%first%'`
    const ask = claimTogether(deps({ perNamespace: 1 }))
    // the first is served alone, the others meanwhile wait, and are served together
    const found = await Promise.all([ask('any'), ask('any'), ask('any')])
    expect(found.map((next) => nameOf(next?.claim)).sort()).toEqual(['a/person', 'nothing', 'z/first'])
  })

  it('is only that of our own rebases where there is no builder; where builds go elsewhere, of all but a service’s', async () => {
    await queue([
      { namespace: 'a', name: 'file' },
      { namespace: 'a', name: 'rebase', rebase: true },
      { namespace: 'a', name: 'service', job: true, rebase: true },
    ])
    expect(nameOf(await claim(deps(), 'light'))).toBe('a/rebase')
    expect(await isBuildDue(deps(), 'light')).toBe(false)
    const remote = deps({}, { builder: 'remote' })
    expect(await claim(remote, 'light')).toBeUndefined()
    expect(nameOf(await claim(remote, 'any'))).toBe('a/file')
    expect(await claim(remote, 'any')).toBeUndefined()
    expect(nameOf(await claim(deps(), 'any'))).toBe('a/service')
  })

  it('passes over a row that somebody else is writing', async () => {
    await queue([
      { namespace: 'a', name: '1' },
      { namespace: 'b', name: '2' },
    ])
    await pg.sql.begin(async (tx) => {
      await tx`update build set note = 'held' where namespace_key = 'a'`
      expect(await claims(deps(), 2)).toEqual(['b/2', 'nothing'])
    })
  })
})

describe('several at once', () => {
  it('one of those who race for one build gets it, whether by its turn or by its id', async () => {
    for (let i = 0; i < 10; i++) {
      await queue([{ namespace: 'a' }])
      const [{ id } = { id: '' }] = await pg.sql<{ id: string }[]>`select id from build where state = 'queued'`
      const tries = [claim(deps()), claim(deps()), claimBuild(deps(), id), claimBuild(deps(), id)]
      const got = (await Promise.all(tries)).filter((one) => typeof one === 'object')
      expect(got).toHaveLength(1)
      await end(got[0] as Claim)
    }
  })

  const given: fc.Arbitrary<Given[]> = fc.array(
    fc.record({
      namespace: fc.constantFrom('a', 'b', 'c', 'd'),
      automatic: fc.boolean(),
      rebase: fc.boolean(),
    }),
    { minLength: 1, maxLength: 25 },
  )

  it('every build runs once, no limit is passed, and nobody who could go is left waiting', async () => {
    await fc.assert(
      fc.asyncProperty(
        given,
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 2, max: 4 }),
        async (all, most, workers) => {
          await pg.sql`truncate build cascade`
          await queue(all.map((one, i) => ({ ...one, name: `${i}` })))
          const d = deps({ perNamespace: most })
          const ran: string[] = []
          const running = new Map<string, number>()
          const add = (namespace: string, by: number) => running.set(namespace, (running.get(namespace) ?? 0) + by)
          const worker = async () => {
            for (let misses = 0; misses < 3; ) {
              const next = await claim(d)
              if (!next) {
                misses++
                continue
              }
              const namespace = nameOf(next)[0]!
              add(namespace, 1)
              ran.push(nameOf(next))
              const [counted] = await pg.sql<{ most: bigint }[]>`
              select max(number) as most from (select count(*) as number from build where state = 'running' group by namespace_key) x`
              expect(Number(counted!.most)).toBeLessThanOrEqual(most)
              expect(running.get(namespace)).toBeLessThanOrEqual(most)
              add(namespace, -1)
              await end(next)
            }
          }
          await Promise.all(Array.from({ length: workers }, worker))
          await worker()
          expect([...ran].sort()).toEqual(all.map((one, i) => `${one.namespace}/${i}`).sort())
        },
      ),
      { numRuns: 12 },
    )
  })

  it('the order is that of the rule, build for build', async () => {
    await fc.assert(
      fc.asyncProperty(
        given,
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.boolean(), { maxLength: 40 }),
        async (all, most, ends) => {
          await pg.sql`truncate build cascade`
          const waiting = all.map((one, i) => ({ ...one, name: `${one.namespace}/${i}` }))
          await queue(all.map((one, i) => ({ ...one, name: `${i}` })))
          let now = 1000
          const d = { ...deps({ perNamespace: most }), clock: () => new Date(now++) }
          const running: Claim[] = []
          const served = new Map<string, number>()
          for (const ends1 of [...ends, ...all.map(() => false)]) {
            if (ends1 && running[0]) await end(running.shift()!)
            const count = (namespace: string) => running.filter((one) => nameOf(one)[0] === namespace).length
            const rank = (one: (typeof waiting)[number]): (string | number)[] => [
              one.automatic ? 1 : 0,
              count(one.namespace),
              served.get(one.namespace) ?? 0,
              one.namespace,
              waiting.indexOf(one),
            ]
            const [expected] = waiting
              .filter((one) => count(one.namespace) < most)
              .map((one) => ({ one, rank: rank(one) }))
              .sort((a, b) => compare(a.rank, b.rank))
            const next = await claim(d)
            expect(nameOf(next)).toBe(expected?.one.name ?? 'nothing')
            if (!next || !expected) continue
            running.push(next)
            served.set(expected.one.namespace, now)
            waiting.splice(waiting.indexOf(expected.one), 1)
          }
        },
      ),
      { numRuns: 20 },
    )
  })
})

const compare = (a: (string | number)[], b: (string | number)[]): number => {
  const at = a.findIndex((value, i) => value !== b[i])
  return at === -1 ? 0 : a[at]! < b[at]! ? -1 : 1
}

describe('the sweep', () => {
  const jobs = async () => (await pg.sql`select 1 from graphile_worker._private_jobs`).length

  it('has a worker look where a build is due, unless one is about to', async () => {
    const d = deps()
    await sweepBuilds(d, 'any')
    expect(await jobs()).toBe(0)
    await queue([{ namespace: 'a' }, { namespace: 'a' }])
    await sweepBuilds(d, 'any')
    await sweepBuilds(d, 'any')
    expect(await jobs()).toBe(1)
    await pg.sql`update graphile_worker._private_jobs set locked_at = now(), locked_by = 'worker'`
    await sweepBuilds(d, 'any')
    expect(await jobs()).toBe(2)
  })
})

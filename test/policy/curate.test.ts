import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { curate } from '../../src/policy/curate.ts'
import { curateTags } from '../../src/policy/curate-tags.ts'
import { putPolicy, removePolicy } from '../../src/policy/policies.ts'
import { TagPolicy } from '../../src/policy/tag-policy.ts'
import { refresh } from '../../src/staleness/refresh.ts'
import { addMember, addOutdated, addTag, sha, wipe } from '../notify/flags.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

/** Tags are written as ingest leaves them (a row, and a dirty row); policies through the real calls; the job is the queue's own row. */
let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  await wipe(pg.sql)
  await pg.sql`truncate tag_policy, dirty`
})
const d = () => testDeps(pg)

async function push(ref: string, at: bigint | null): Promise<void> {
  await addTag(pg.sql, ref, at === null ? null : { digest: sha(`${ref}${at}`), at })
  await pg.sql`insert into dirty (kind, key) values ('tag', ${ref})`
}

/** Runs the curate jobs that wait, each once. */
async function work(): Promise<void> {
  const jobs = await pg.sql<{ scope: string }[]>`
    select j.payload->>'scope' as scope from graphile_worker._private_jobs j
    join graphile_worker._private_tasks t on t.id = j.task_id where t.identifier = 'curate' order by j.id`
  await pg.sql`
    delete from graphile_worker._private_jobs j using graphile_worker._private_tasks t where t.id = j.task_id and t.identifier = 'curate'`
  for (const { scope } of jobs) await curate(d(), scope)
}

const stored = async () => {
  const rows = await pg.sql<{ ref: string; ignored: string | null }[]>`
    select ref, ignored::text as ignored from tag where head_digest is not null order by ref`
  return Object.fromEntries(
    rows.map(({ ref, ignored }) => [ref, ignored === null ? null : (JSON.parse(ignored) as object)]),
  )
}
const rules = async () =>
  Object.entries(await stored()).flatMap(([ref, why]) =>
    why ? [`${ref.replace('r.test/', '')} ${Object.values(why).join(' ')}`] : [],
  )
const policy = (p: object) => TagPolicy.parse(p)

describe('what is ignored', () => {
  test('follows a policy that is set, changed and removed', async () => {
    for (const tag of ['app/run:1.0', 'app/run:1.1', 'app/run:pr-1', 'lib/base:pr-1', 'solo:pr-1'])
      await push(`r.test/${tag}`, 1n)
    await refresh(d())
    expect(await rules()).toEqual([])
    await putPolicy(d(), 'app', policy({ exclude: ['pr-*'] }))
    await work()
    expect(await rules()).toEqual(['app/run:pr-1 exclude app pr-*'])
    await putPolicy(d(), 'app', policy({ keepNewest: 1 }))
    await work()
    expect(await rules()).toEqual(['app/run:1.0 keepNewest app not of the 1 newest by version'])
    expect([await removePolicy(d(), 'app'), await removePolicy(d(), 'app')]).toEqual([true, false])
    await work()
    expect(await rules()).toEqual([])
    await putPolicy(d(), '_', policy({ exclude: ['pr-*'] }))
    await work()
    expect(await rules()).toEqual(['solo:pr-1 exclude _ pr-*'])
  })

  test("a repository's own policy decides there alone", async () => {
    for (const tag of ['app/run:pr-1', 'app/run:tmp', 'app/other:pr-1']) await push(`r.test/${tag}`, 1n)
    await putPolicy(d(), 'app', policy({ exclude: ['pr-*'] }))
    await putPolicy(d(), 'r.test/app/run', policy({ exclude: ['tmp'] }))
    await work()
    const own = ['app/other:pr-1 exclude app pr-*', 'app/run:tmp exclude r.test/app/run tmp']
    expect(await rules()).toEqual(own)
    await removePolicy(d(), 'r.test/app/run')
    await work()
    expect(await rules()).toEqual([own[0], 'app/run:pr-1 exclude app pr-*'])
  })

  test('follows the tags: one that comes pushes another out, one that goes lets it back in', async () => {
    await push('r.test/app/run:1.0', 1n)
    await push('r.test/app/run:1.1', 2n)
    await putPolicy(d(), 'app', policy({ keepNewest: 2 }))
    await work()
    expect(await rules()).toEqual([])
    await push('r.test/app/run:1.2', 3n)
    await refresh(d())
    expect(await rules()).toEqual([expect.stringContaining('app/run:1.0')])
    await push('r.test/app/run:1.1', null)
    await refresh(d())
    expect(await rules()).toEqual([])
  })

  test('with several registries a namespace is of one', async () => {
    for (const host of ['r.test', 's.test']) await push(`${host}/app/run:pr-1`, 1n)
    await putPolicy(d(), 's.test/app', policy({ exclude: ['pr-*'] }))
    await work()
    expect(await rules()).toEqual(['s.test/app/run:pr-1 exclude s.test/app pr-*'])
  })

  test('is not asked of bases on registries outside', async () => {
    await push('hub.test/app/run:pr-1', 1n)
    await pg.sql`update registry set outside = true`
    await putPolicy(d(), 'app', policy({ exclude: ['pr-*'] }))
    await work()
    expect(await rules()).toEqual([])
  })

  test('takes back notices that wait, and asks mails and plans to look again', async () => {
    await addMember(pg.sql, 'app', 'ada')
    await addOutdated(pg.sql, 'r.test/app/run:pr-1', { base: 'r.test/lib/base:1', to: sha('v2') })
    const [mail] = await pg.sql<{ id: string }[]>`
      insert into mail (message_id, user_name, "to", subject, text, html, state) values ('<1>', 'ada', 'a@b', '', '', '', 'sent') returning id`
    for (const [root, id] of [
      ['waits', null],
      ['sent', mail!.id],
    ] as const)
      await pg.sql`
        insert into notice (user_name, namespace, ref, root, content, mail_id) values ('ada', 'app', 'r.test/app/run:pr-1', ${root}, '{}', ${id})`
    await putPolicy(d(), 'app', policy({ exclude: ['pr-*'] }))
    await work()
    expect(await pg.sql`select root from notice`).toEqual([{ root: 'sent' }])
    const keys = await pg.sql<{ key: string }[]>`select key from graphile_worker._private_jobs order by key`
    expect(keys.map(({ key }) => key)).toEqual(['notify', 'plan'])
  })
})

type Operation =
  | { kind: 'push' | 'remove'; ref: string; at: number }
  | { kind: 'policy'; scope: string; policy: TagPolicy | null }
  | { kind: 'refresh' | 'work' }
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('push' as const, 'push' as const, 'remove' as const),
      ref: fc
        .tuple(
          fc.constantFrom('app/run', 'app/other', 'solo'),
          fc.constantFrom('1.0', '1.1', '1.2', '1.2.3', 'latest', 'pr-1', '1.1-rc1', '3f2a91c'),
        )
        .map(([repository, tag]) => `r.test/${repository}:${tag}`),
      at: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('policy' as const),
      scope: fc.constantFrom('app', 'r.test/app/run', '_'),
      policy: fc.option(
        fc.record({
          include: fc.constantFrom<string[][]>([], ['1.*', 'latest']),
          exclude: fc.constantFrom<string[][]>([], ['pr-*']),
          keepNewest: fc.option(fc.integer({ min: 1, max: 2 })),
          keepBy: fc.constantFrom('version' as const, 'push' as const),
          ignoreImmutable: fc.boolean(),
          immutable: fc.constantFrom<string[][]>([], ['pr-*']),
        }),
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('refresh' as const, 'work' as const) }) },
)

test('whatever is pushed, deleted and decided, in whatever order it is worked off: as if made from scratch', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
      await wipe(pg.sql)
      await pg.sql`truncate tag_policy, dirty`
      const tags = new Map<string, bigint>()
      const policies = new Map<string, TagPolicy>()
      for (const o of operations) {
        if (o.kind === 'push') {
          tags.set(o.ref, BigInt(o.at))
          await push(o.ref, BigInt(o.at))
        } else if (o.kind === 'remove') {
          tags.delete(o.ref)
          await push(o.ref, null)
        } else if (o.kind === 'policy' && o.policy) {
          policies.set(o.scope, o.policy)
          await putPolicy(d(), o.scope, o.policy)
        } else if (o.kind === 'policy') {
          policies.delete(o.scope)
          await removePolicy(d(), o.scope)
        } else if (o.kind === 'refresh') await refresh(d())
        else await work()
      }
      await work()
      await refresh(d())
      expect(await stored()).toEqual(fromScratch(tags, policies))
    }),
    { numRuns: 40 },
  )
})

function fromScratch(tags: Map<string, bigint>, policies: Map<string, TagPolicy>): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [repository, namespace] of [
    ['r.test/app/run', 'app'],
    ['r.test/app/other', 'app'],
    ['r.test/solo', '_'],
  ] as const) {
    const own = [...tags].filter(([ref]) => ref.startsWith(`${repository}:`))
    const scope = policies.has(repository) ? repository : namespace
    const decided = curateTags(
      own.map(([ref, headAt]) => ({ name: ref.slice(repository.length + 1), headAt })),
      { scope, ...(policies.get(scope) ?? policy({})) },
    )
    for (const [ref] of own) result[ref] = decided.get(ref.slice(repository.length + 1)) ?? null
  }
  return result
}

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { gather } from '../../src/notify/gather.ts'
import { raiseNotices } from '../../src/notify/raise-notices.ts'
import { recipientsByNamespace } from '../../src/people/recipients.ts'
import { regexOf } from '../../src/people/sources/owner-rules.ts'
import { configFor, vault } from '../notify/config.ts'
import { addMember, addOutdated, sha, wipe } from '../notify/flags.ts'
import { testDeps } from '../support/deps.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

/** Who hears of a repository: the same wherever it is asked, when a notice is raised, when it is mailed, and where it is foreseen. */
let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(() => wipe(pg.sql))
afterAll(() => pg.close())

const person = (name: string, more: { email?: string | null; enabled?: boolean; bot?: boolean } = {}) => pg.sql`
  insert into person (name, email, enabled, bot)
  values (${name}, ${more.email === undefined ? `${name}@example.org` : more.email}, ${more.enabled ?? true}, ${more.bot ?? false})`
const rules = async (said: Record<string, [pattern: string, ...users: string[]][]>, registry = 'r.test') => {
  for (const [source, all] of Object.entries(said))
    for (const [i, [pattern, ...users]] of all.entries())
      await pg.sql`insert into owner_rule values (${source}, ${i + 1}, ${registry}, ${pattern}, ${regexOf(pattern)}, ${users})`
}
const repository = 'r.test/app/run'

/** By each of the ways in which it is asked. */
async function heardOf(ref = `${repository}:1`, registries = ['r.test']): Promise<string[]> {
  const deps = { ...testDeps(pg), config: configFor(registries, { notifyWindow: 0 }), vault, mailer: null }
  const of = ref.slice(0, ref.lastIndexOf(':'))
  const [host, ...path] = of.split('/')
  const name = path.length > 1 ? path[0]! : '_'
  const namespace = registries.length > 1 ? `${host}/${name}` : name
  const foreseen = await recipientsByNamespace(deps, [{ namespace, repository: of }])
  await addOutdated(pg.sql, ref, { base: 'r.test/lib/base:1', to: sha('v2') })
  await raiseNotices(deps)
  const raised = await pg.sql<
    { userName: string }[]
  >`select distinct user_name from notice where ref = ${ref} order by user_name`
  await gather(deps)
  const mailed = await pg.sql<{ to: string }[]>`select "to" from mail order by "to"`
  const names = (foreseen.get(namespace) ?? []).map(({ userName }) => userName).sort()
  expect(raised.map(({ userName }) => userName)).toEqual(names)
  expect(mailed.map(({ to }) => to.replace('@example.org', ''))).toEqual(names)
  return names
}

describe('by rules', () => {
  beforeEach(async () => {
    for (const name of ['ada', 'bob', 'cyd']) await person(name)
  })

  test('whom the last that matches names, and nobody of those before', async () => {
    await rules({
      file: [
        ['*', 'ada'],
        ['app/', 'bob'],
        ['lib/', 'cyd'],
      ],
    })
    expect(await heardOf()).toEqual(['bob'])
  })

  test('nobody, where the last that matches names nobody', async () => {
    await rules({ file: [['*', 'ada'], ['app/run']] })
    expect(await heardOf()).toEqual([])
  })

  test('of each source the last: what one says does not take the place of what another says', async () => {
    await rules({
      a: [['*', 'ada']],
      b: [
        ['app/', 'bob'],
        ['app/web', 'cyd'],
      ],
    })
    expect(await heardOf()).toEqual(['ada', 'bob'])
  })

  test('of that registry alone', async () => {
    await rules({ a: [['*', 'ada']] }, 's.test')
    await rules({ b: [['*', 'bob']] }, 'r.test')
    expect(await heardOf(`${repository}:1`, ['r.test', 's.test'])).toEqual(['bob'])
  })

  test('over the whole name: a host is no part of it, and neither is a tag', async () => {
    await rules({ a: [['/r.test', 'ada']], b: [['run:1', 'bob']], c: [['/app/run', 'cyd']] })
    expect(await heardOf()).toEqual(['cyd'])
  })

  test('of a repository without a namespace', async () => {
    await rules({ a: [['/top', 'ada']] })
    expect(await heardOf('r.test/top:1')).toEqual(['ada'])
  })

  test('besides members, each once', async () => {
    await addMember(pg.sql, 'app', 'ada')
    await rules({ a: [['*', 'ada', 'bob']] })
    expect(await heardOf()).toEqual(['ada', 'bob'])
  })

  test('a viewer whom a rule names hears by the rule', async () => {
    await addMember(pg.sql, 'app', 'bob', { role: 'viewer' })
    await rules({ a: [['app/', 'bob']] })
    expect(await heardOf()).toEqual(['bob'])
  })

  test('nobody who is disabled, a bot, without an address, or unknown', async () => {
    await person('gone', { enabled: false })
    await person('robot', { bot: true })
    await person('silent', { email: null })
    await person('blank', { email: '' })
    await rules({ a: [['*', 'gone', 'robot', 'silent', 'blank', 'nobody', 'cyd']] })
    expect(await heardOf()).toEqual(['cyd'])
  })

  test('who is named no more when the mail is made is not written to; the notice waits', async () => {
    await rules({ a: [['*', 'ada']] })
    const deps = { ...testDeps(pg), config: configFor(['r.test'], { notifyWindow: 0 }), vault, mailer: null }
    await addOutdated(pg.sql, `${repository}:1`, { base: 'r.test/lib/base:1', to: sha('v2') })
    expect(await raiseNotices(deps)).toMatchObject({ raised: 1 })
    await pg.sql`update owner_rule set users = '{bob}'`
    await gather(deps)
    expect(await pg.sql`select from mail`).toHaveLength(0)
    await pg.sql`update owner_rule set users = '{ada}'`
    await gather(deps)
    expect(await pg.sql`select "to" from mail`).toMatchObject([{ to: 'ada@example.org' }])
  })
})

test('a viewer who is told, as no role is known, hears', async () => {
  await addMember(pg.sql, 'app', 'ada', { role: 'viewer' })
  await addMember(pg.sql, 'app', 'bob', { role: 'viewer' })
  await pg.sql`update member set told = true where user_name = 'ada'`
  expect(await heardOf()).toEqual(['ada'])
})

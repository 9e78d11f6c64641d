import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { listMembers, putMember, removeMember } from '../../src/people/members.ts'
import { getNamespace, listNamespaces, setVisibility } from '../../src/people/namespaces.ts'
import { PutUser } from '../../src/people/person.ts'
import { recipientsByNamespace } from '../../src/people/recipients.ts'
import { getUser, listUsers, putUser } from '../../src/people/users.ts'
import { configFor } from '../notify/config.ts'
import { addMember, addOutdated, addTag, sha, wipe } from '../notify/flags.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
beforeEach(() => wipe(pg.sql))
afterAll(() => pg.close())

const one = () => ({ sql: pg.sql, config: configFor() })
const two = () => ({ sql: pg.sql, config: configFor(['r.test', 's.test']) })
const recipientsOf = async (repository: string) =>
  (await recipientsByNamespace(pg, [{ namespace: repository.split('/')[1]!, repository }])).get(
    repository.split('/')[1]!,
  ) ?? []
const user = (email: string | null, more = {}) => PutUser.parse({ email, ...more })

describe('users', () => {
  test('are made, changed in what is said, and listed by name, page by page', async () => {
    for (const name of ['cyd', 'ada', 'bob'])
      await putUser(pg, name, user(`${name}@example.org`, { displayName: name }))
    await putUser(pg, 'ada', user('a@example.org', { enabled: false, bot: true }))
    expect(await getUser(pg, 'ada')).toEqual({
      name: 'ada',
      email: 'a@example.org',
      displayName: 'ada',
      enabled: false,
      bot: true,
      admin: false,
    })
    const first = await listUsers(pg, { cursor: null, limit: 2 })
    expect(first.items.map(({ name }) => name)).toEqual(['ada', 'bob'])
    const second = await listUsers(pg, { cursor: first.next, limit: 2 })
    expect(second.items.map(({ name }) => name)).toEqual(['cyd'])
    expect(second.next).toBeNull()
  })

  test('null where there is none', async () => {
    expect(await getUser(pg, 'nobody')).toBeNull()
  })
})

describe('members', () => {
  test('of a namespace nothing is known of yet; a role is replaced', async () => {
    await putUser(pg, 'ada', user('ada@example.org'))
    await putMember(pg, 'app', 'ada', { role: 'viewer' })
    const member = await putMember(pg, 'app', 'ada', { role: 'owner' })
    expect(member).toEqual({ user: 'ada', role: 'owner', email: 'ada@example.org', displayName: null })
    expect(await listMembers(pg, 'app')).toEqual([member])
  })

  test('an unknown user is refused, and nothing is written', async () => {
    await expect(putMember(pg, 'app', 'ada', { role: 'owner' })).rejects.toMatchObject({
      code: 'no-such-user',
      retryable: false,
    })
    expect(await listMembers(pg, 'app')).toEqual([])
    expect(await getNamespace(one(), 'app')).toBeNull()
  })

  test('an unknown user with an address is made; a known one keeps theirs', async () => {
    await putMember(pg, 'app', 'ada', { role: 'owner', email: 'ada@example.org' })
    await putMember(pg, 'app', 'ada', { role: 'owner', email: 'other@example.org' })
    expect(await getUser(pg, 'ada')).toMatchObject({ email: 'ada@example.org', enabled: true, bot: false })
  })

  test('are removed once', async () => {
    await putMember(pg, 'app', 'ada', { role: 'owner', email: 'ada@example.org' })
    expect(await removeMember(pg, 'app', 'ada')).toEqual({ user: 'ada', role: null, sources: [] })
    expect(await removeMember(pg, 'app', 'ada')).toBeNull()
    expect(await listMembers(pg, 'app')).toEqual([])
  })
})

describe('recipients', () => {
  test('owners and contributors who are enabled, no bot, and have an address', async () => {
    await addMember(pg.sql, 'app', 'owner', { displayName: 'The Owner' })
    await addMember(pg.sql, 'app', 'contributor', { role: 'contributor' })
    await addMember(pg.sql, 'app', 'viewer', { role: 'viewer' })
    await addMember(pg.sql, 'app', 'disabled', { enabled: false })
    await addMember(pg.sql, 'app', 'robot', { bot: true })
    await addMember(pg.sql, 'app', 'unreachable', { email: null })
    await addMember(pg.sql, 'web', 'elsewhere')
    expect(await recipientsOf('r.test/app/run')).toEqual([
      { userName: 'contributor', email: 'contributor@example.org', displayName: null },
      { userName: 'owner', email: 'owner@example.org', displayName: 'The Owner' },
    ])
  })

  test('two users with one address are one', async () => {
    await addMember(pg.sql, 'app', 'bob', { email: 'Ada@example.org' })
    await addMember(pg.sql, 'app', 'ada', { email: 'ada@example.org' })
    expect((await recipientsOf('r.test/app/run')).map(({ userName }) => userName)).toEqual(['ada'])
  })
})

describe('namespaces', () => {
  test('those of repositories and those set by hand, with counts', async () => {
    await addOutdated(pg.sql, 'r.test/app/run:1', { base: 'r.test/lib/base:1', to: sha('v2') })
    await addTag(pg.sql, 'r.test/app/run:2', { digest: sha('x') })
    await addTag(pg.sql, 'r.test/app/gone:1', null)
    await addTag(pg.sql, 'r.test/top:1', { digest: sha('x') })
    await addMember(pg.sql, 'later', 'ada')
    await setVisibility(pg, 'app', 'public')
    const { items, next } = await listNamespaces(one(), { cursor: null, limit: 10 })
    const none = { visibility: 'private', repositories: 0, tags: 0, outdated: 0, members: 0 }
    expect(items.toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual([
      { ...none, key: '_', repositories: 1, tags: 1 },
      { ...none, key: 'app', visibility: 'public', repositories: 2, tags: 2, outdated: 1 },
      { ...none, key: 'later', members: 1 },
    ])
    expect(next).toBeNull()
  })

  test('page by page, each once', async () => {
    for (const key of ['a', 'b', 'c', 'd', 'e']) await setVisibility(pg, key)
    const first = await listNamespaces(one(), { cursor: null, limit: 2 })
    const second = await listNamespaces(one(), { cursor: first.next, limit: 2 })
    const third = await listNamespaces(one(), { cursor: second.next, limit: 2 })
    expect([first, second, third].flatMap(({ items }) => items.map(({ key }) => key))).toEqual([
      'a',
      'b',
      'c',
      'd',
      'e',
    ])
    expect(third.next).toBeNull()
  })

  test('with several registries each has its own', async () => {
    await addTag(pg.sql, 'r.test/app/run:1', { digest: sha('x') })
    await addTag(pg.sql, 's.test/app/run:1', { digest: sha('y') })
    const { items } = await listNamespaces(two(), { cursor: null, limit: 10 })
    expect(items.map(({ key }) => key)).toEqual(['r.test/app', 's.test/app'])
    expect(await getNamespace(two(), 'app')).toBeNull()
  })

  test('a visibility stays as it is where none is given', async () => {
    await setVisibility(pg, 'app', 'protected')
    await setVisibility(pg, 'app')
    expect(await getNamespace(one(), 'app')).toMatchObject({ visibility: 'protected' })
    await setVisibility(pg, 'new')
    expect(await getNamespace(one(), 'new')).toMatchObject({ visibility: 'private' })
  })
})

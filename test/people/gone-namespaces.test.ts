import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { currentKey } from '../../src/notify/link-key.ts'
import { putMember } from '../../src/people/members.ts'
import { introduceSources } from '../../src/people/people-sources.ts'
import { recipientsByNamespace } from '../../src/people/recipients.ts'
import { startApi, type TestApi } from '../api/start-api.ts'
import { wipe } from '../notify/flags.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startWith } from './registries.ts'

/** What is stored under the keys of registries that are configured no more, or of none, as the API shows it. */
let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())
beforeEach(async () => {
  await wipe(pg.sql)
  await pg.sql`truncate setting, token, registry, audit, people_source, owner_rule, namespace_said, member_said, person_said, member, namespace, person cascade`
})

async function withApi(registries: string[], work: (api: TestApi) => Promise<void>): Promise<void> {
  const d = await startWith(pg, ...registries)
  const api = await startApi(pg, d.config.registries)
  try {
    await work(api)
  } finally {
    await api.close()
  }
}
const owner = (user: string) => ({ body: { role: 'owner', email: `${user}@example.org` } })
const credential = { body: { kind: 'git', urlPrefix: 'https://git.a.test/', username: 'ci', password: 'sesame' } }
async function tokenOf(api: TestApi, user: string): Promise<string> {
  const made = await api.call('POST', 'tokens', { body: { user, name: 't' } })
  return (made.body as unknown as { token: string }).token
}

test.each([
  ['a registry that is configured no more', 'a.test/app', [['a.test'], ['b.test']]],
  ['no registry that could be told', '?/app', [['a.test', 'b.test'], [], ['b.test']]],
])('what is of %s is seen and removed by admins, and added to by nobody', async (_, key, [first, ...later]) => {
  await startWith(pg, ...first!)
  // with two registries: what is said while none is configured is of neither
  const said = later.length > 1 ? later.shift()! : first!
  await withApi(said, async (api) => {
    expect((await api.call('PUT', 'namespaces/app/members/ann', owner('ann'))).status).toBe(200)
    expect((await api.call('PUT', 'namespaces/app/credentials/deploy', credential)).status).toBe(204)
    await pg.sql`insert into channel (namespace_key, name, kind, sealed, created_at) values ('app', 'chat', 'slack', 's', now())`
    await pg.sql`insert into git_hook (namespace_key, sealed, updated_at) values ('app', 's', now())`
  })
  await withApi(later[0]!, async (api) => {
    const path = `namespaces/${encodeURIComponent(key)}`
    const names = async (of: string) => {
      const { status, body } = await api.call('GET', `${path}/${of}`)
      return [status, (body as unknown as { items: { name: string }[] }).items.map(({ name }) => name)]
    }
    expect((await api.call('GET', path)).body).toMatchObject({ key, members: 0, visibility: 'private' })
    expect([await names('credentials'), await names('channels')]).toEqual([
      [200, ['deploy']],
      [200, ['chat']],
    ])
    const ann = await tokenOf(api, 'ann')
    for (const more of ['', '/credentials', '/channels', '/members'])
      expect((await api.call('GET', `${path}${more}`, { token: ann })).status).toBe(404)
    expect((await api.call('DELETE', `${path}/credentials/deploy`, { token: ann })).status).toBe(404)
    expect((await api.call('PUT', `${path}/credentials/more`, credential)).status).toBe(400)
    expect((await api.call('PUT', `${path}/members/bea`, owner('bea'))).status).toBe(400)
    for (const one of ['credentials/deploy', 'channels/chat', 'git-hook'])
      expect([one, (await api.call('DELETE', `${path}/${one}`)).status]).toEqual([one, 204])
    expect((await api.call('DELETE', `${path}/members/ann`)).body).toMatchObject({ user: 'ann', role: null })
    expect((await api.call('GET', `${path}/credentials`)).body).toMatchObject({ items: [] })
    // a host that was never one of ours has none
    expect((await api.call('GET', 'namespaces/docker.io%2Flibrary')).status).toBe(400)
  })
})

test.each([[[['b.test']]], [[['a.test', 'b.test'], ['b.test']]]])(
  'the audit log of a namespace goes where the namespace goes (%j)',
  async (later) => {
    await withApi(['a.test'], async (api) => {
      expect((await api.call('PUT', 'namespaces/app/members/ann', owner('ann'))).status).toBe(200)
    })
    for (const registries of later) await startWith(pg, ...registries)
    await putMember(pg, 'app', 'bea', { role: 'owner', email: 'bea@example.org' })
    const log = async (api: TestApi, user: string) =>
      (await api.call('GET', 'audit', { token: await tokenOf(api, user) })).text.includes('"app ann"')
    await withApi(['b.test'], async (api) => expect(await log(api, 'bea')).toBe(false))
    await withApi(['a.test', 'b.test'], async (api) => {
      expect([await log(api, 'ann'), await log(api, 'bea')]).toEqual([true, false])
    })
  },
)

test('owner rules and sources follow a registry that is called otherwise, and are not as if never read', async () => {
  const sourced = async (registry: string, ...registries: string[]) => {
    const d = await startWith(pg, ...registries)
    const config = { ...d.config, peopleSources: [{ kind: 'file' as const, name: 'team', registry, path: '/none' }] }
    await introduceSources({ ...d, config })
    return d
  }
  await sourced('a.test', 'a.test', 'b.test')
  await pg.sql`update people_source set synced_at = now()`
  await pg.sql`insert into person_said (source, name, email) values ('team', 'ann', 'ann@example.org')`
  await pg.sql`insert into person (name, email) values ('ann', 'ann@example.org')`
  await pg.sql`insert into owner_rule (source, position, registry, pattern, regex, users) values ('team', 1, 'a.test', '*', '.*', '{ann}')`
  const rules = async (host: string, d: Awaited<ReturnType<typeof sourced>>) => {
    const key = d.config.registries.length > 1 ? `${host}/app` : 'app'
    const found = await recipientsByNamespace(d, [{ namespace: key, repository: `${host}/app/run` }])
    return [...found.values()].flat().map(({ userName }) => userName)
  }
  const renamed = await sourced('c.test', 'c.test=a.test', 'b.test')
  expect(await rules('c.test', renamed)).toEqual(['ann'])
  expect(await pg.sql`select registry, synced_at is null as unread from people_source`).toEqual([
    { registry: 'c.test', unread: false },
  ])
  expect(await rules('a.test', await sourced('a.test', 'a.test'))).toEqual(['ann'])
})

test('a link of a name that was given up again is of the registry under its first name', async () => {
  await startWith(pg, 'a.test', 'b.test')
  await startWith(pg, 'c.test=a.test', 'b.test')
  const back = await startWith(pg, 'a.test', 'b.test')
  expect(await currentKey(back, 'c.test/app')).toBe('a.test/app')
  expect(await currentKey(await startWith(pg, 'b.test'), 'c.test/app')).toBe('c.test/app')
})

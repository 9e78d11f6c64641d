import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { credentialFor } from '../../src/build/credentials.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { startApi, type TestApi } from './start-api.ts'

let pg: TestDatabase
let api: TestApi
beforeAll(async () => {
  pg = await testDatabase()
  api = await startApi(pg)
})
afterAll(async () => {
  await api.close()
  await pg.close()
})

const put = (path: string, body: unknown) => api.call('PUT', path, { body })
const refused = async (answer: Promise<{ status: number; body: { code?: unknown } }>) => {
  const { status, body } = await answer
  return [status, body.code]
}

test('namespaces: made, changed, shown', async () => {
  const fresh = { key: 'team', visibility: 'private', repositories: 0, tags: 0, outdated: 0, members: 0 }
  expect(await refused(api.call('GET', 'namespaces/team'))).toEqual([404, 'no-such-namespace'])
  expect((await put('namespaces/team', {})).body).toEqual(fresh)
  expect((await put('namespaces/team', { visibility: 'public' })).body).toEqual({ ...fresh, visibility: 'public' })
  expect((await api.call('PUT', 'namespaces/team')).body).toEqual({ ...fresh, visibility: 'public' })
  expect(await refused(put('namespaces/team', { visibility: 'secret' }))).toEqual([400, 'bad-request'])
  expect((await put('namespaces/_', {})).body.key).toBe('_')
  for (const bad of ['Team', 'a%2Fb', '%20', 'other.example%2Fteam'])
    expect(await refused(put(`namespaces/${bad}`, {}))).toEqual([400, 'bad-request'])
})

test('users: made, changed, listed page after page', async () => {
  const ann = { name: 'ann', email: 'ann@example.org', displayName: null, enabled: true, bot: false, admin: false }
  expect((await put('users/ann', { email: ann.email })).body).toEqual(ann)
  expect((await put('users/%C3%B6zg%C3%BCr', { email: null, displayName: 'Özgür' })).body).toMatchObject({
    name: 'özgür',
  })
  for (const body of [
    {},
    { email: 'no address' },
    { email: 'a@b, c@d' },
    { email: null, owner: true },
    { email: null, bot: 1 },
  ])
    expect(await refused(put('users/x', body))).toEqual([400, 'bad-request'])
  expect(await refused(put('users/a%20%20b', { email: null }))).toEqual([400, 'bad-request'])
  const first = await api.get('users?limit=1')
  expect(first.items.map((u) => u.name)).toEqual(['ann'])
  expect(await api.get(`users?limit=1&cursor=${first.next}`)).toMatchObject({ items: [{ name: 'özgür' }], next: null })
})

test('members: only known users, known roles', async () => {
  expect(await refused(put('namespaces/crew/members/bob', { role: 'owner' }))).toEqual([404, 'no-such-user'])
  const bob = { user: 'bob', role: 'owner', email: 'bob@example.org', displayName: null }
  expect((await put('namespaces/crew/members/bob', { role: 'owner', email: bob.email })).body).toEqual(bob)
  expect(await refused(put('namespaces/crew/members/bob', { role: 'king' }))).toEqual([400, 'bad-request'])
  expect(await refused(put('namespaces/crew/members/bob', {}))).toEqual([400, 'bad-request'])
  expect(await api.get('namespaces/crew/members')).toEqual({ items: [bob], next: null })
  expect(await api.get('namespaces/nobody/members')).toEqual({ items: [], next: null })
  expect((await api.call('DELETE', 'namespaces/crew/members/bob')).body).toEqual({
    user: 'bob',
    role: null,
    sources: [],
  })
  expect(await refused(api.call('DELETE', 'namespaces/crew/members/bob'))).toEqual([404, 'no-such-member'])
})

test('credentials: stored sealed, never shown', async () => {
  const path = 'namespaces/vault/credentials/git'
  const body = { kind: 'git', urlPrefix: 'https://git.test/team/', username: 'u', password: 'very-secret' }
  const stored = await put(path, body)
  expect([stored.status, stored.text]).toEqual([204, ''])
  const shown = await api.call('GET', 'namespaces/vault/credentials')
  expect(shown.body.items).toEqual([
    { name: 'git', kind: 'git', urlPrefix: body.urlPrefix, username: 'u', updatedAt: expect.any(String) },
  ])
  expect(JSON.stringify(await pg.sql`select * from credential`) + shown.text).not.toContain('very-secret')
  expect(await credentialFor(api.d, 'vault', 'git', 'https://git.test/team/x.git')).toMatchObject({
    password: 'very-secret',
  })
  for (const bad of [
    { password: '' },
    { kind: 'ftp' },
    { urlPrefix: 'https://u:p@git.test/' },
    { urlPrefix: 'file:///etc' },
    { urlPrefix: 'git@git.test:team/' },
    { kind: 'ssh' },
    { more: 1 },
  ]) {
    const answer = await put(path, { ...body, ...bad })
    expect([answer.status, answer.text.includes('very-secret')]).toEqual([400, false])
  }
  const ssh = { kind: 'ssh', urlPrefix: 'git@git.test:team', privateKey: 'k', knownHosts: 'h' }
  expect((await put('namespaces/vault/credentials/deploy', ssh)).status).toBe(204)
  expect((await api.get('namespaces/vault/credentials')).items[0]).toMatchObject({
    urlPrefix: 'ssh://git@git.test/team',
  })
  const keyFor = (url: string) => credentialFor(api.d, 'vault', 'deploy', url)
  expect(await keyFor('ssh://git@git.test/team/x.git')).toMatchObject({ privateKey: 'k' })
  await expect(keyFor('ssh://root@git.test/team/x.git')).rejects.toMatchObject({ code: 'credential-not-for-url' })
  expect(await refused(put('namespaces/vault/credentials/-x', body))).toEqual([400, 'bad-request'])
  expect(await refused(api.call('GET', path))).toEqual([405, 'method-not-allowed'])
  expect((await api.call('DELETE', path)).status).toBe(204)
  expect(await refused(api.call('DELETE', path))).toEqual([404, 'no-such-credential'])
})

test('recipes: what is put is what is got, with the defaults, and can be put again', async () => {
  const git = { url: 'https://git.test/team/x.git', ref: 'main', credential: 'git' }
  const path = 'recipes/app%2Frun%3A1'
  expect(await refused(api.call('GET', path))).toEqual([404, 'no-such-recipe'])
  const stored = await put(path, { git, args: { under_scored: 'a_b' } })
  const recipe = {
    ...{
      git: { ...git, submodules: false, lfs: false },
      context: '.',
      dockerfile: 'Dockerfile',
      args: { under_scored: 'a_b' },
      platforms: [],
    },
    ...{ strategy: 'dockerfile', auto: false, on: 'runtime', tags: [], secrets: [], keepPrevious: true },
  }
  expect([stored.status, stored.body]).toEqual([200, recipe])
  expect(await api.get('recipes/reg%3A5000%2Fapp%2Frun%3A1')).toEqual(recipe)
  expect((await put(path, { ...recipe, auto: true })).body).toEqual({ ...recipe, auto: true })
  await put('recipes/app%2Fother', { strategy: 'rebase', base: 'lib/base:1' })
  const list = await api.get('recipes?limit=1')
  expect(list.items[0]).toMatchObject({ ref: 'reg:5000/app/other:latest', strategy: 'rebase', base: 'lib/base:1' })
  expect((await api.get(`recipes?cursor=${list.next}`)).items).toEqual([
    { ref: 'reg:5000/app/run:1', updatedAt: expect.any(String), ...recipe, auto: true, dueAt: null, reading: null },
  ])
  expect((await api.call('DELETE', path)).status).toBe(204)
  expect(await refused(api.call('DELETE', path))).toEqual([404, 'no-such-recipe'])
})

test.each([
  [{}, 'git'],
  [{ git: { url: 'ext::sh -c id', ref: 'main' } }, 'git.url'],
  [{ git: { url: 'http://git.test/x', ref: 'main' } }, 'git.url'],
  [{ git: { url: 'https://git.test/x', ref: '--upload-pack=x' } }, 'git.ref'],
  [{ strategy: 'rebase', dockerfile: '../x' }, 'dockerfile'],
  [{ strategy: 'rebase', tags: ['a b'] }, 'tags.0'],
  [{ strategy: 'magic' }, 'strategy'],
  [{ strategy: 'rebase', auto: 'yes' }, 'auto'],
  [{ strategy: 'rebase', ref: 'x' }, ''],
])('the recipe %j is refused at %j', async (body, path) => {
  const answer = await put('recipes/app%2Frun%3A1', body)
  expect([answer.status, answer.body.code]).toEqual([400, 'bad-request'])
  expect(answer.body.errors.map((e) => e.path)).toContain(path)
})

test('a recipe for a registry that is not configured is refused', async () => {
  const answer = put('recipes/other.example%3A5000%2Fx%3A1', { strategy: 'rebase' })
  expect(await refused(answer)).toEqual([404, 'no-such-registry'])
})

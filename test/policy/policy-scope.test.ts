import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { makeToken } from '../../src/access/api-tokens.ts'
import { bootstrap } from '../../src/access/principal.ts'
import { curate } from '../../src/policy/curate.ts'
import { namespaceOfScope, repositoryScope, scopedRepository } from '../../src/policy/policy-scope.ts'
import { put } from '../api/access-world.ts'
import { startApi, type TestApi } from '../api/start-api.ts'
import { configFor } from '../notify/config.ts'
import { addTag, sha } from '../notify/flags.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

/** Whoever may set a policy of a scope is an owner of every namespace in which it decides, however the scope is written. */
const hosts = ['reg:5000', 'two:5000']
const repositories = ['hush', 'hush/app', 'hush/app/deep', 'lib', 'lib/hush', 'solo']
const written = [
  ...['_', 'hush', 'lib', 'solo', 'hush/app', '_/hush', '_/hush/app', 'hush/_/app', 'hush/app/deep'],
  ...hosts.flatMap((host) =>
    ['_', '_/hush', 'hush', 'lib', 'solo', 'hush/app', 'lib/hush'].map((it) => `${host}/${it}`),
  ),
]
let pg: TestDatabase
beforeAll(async () => {
  pg = await testDatabase()
  for (const host of hosts)
    for (const repository of repositories)
      await addTag(pg.sql, `${host}/${repository}:1`, { digest: sha(`${host}${repository}`), at: 1n })
})
afterAll(() => pg.close())

const ignored = async () =>
  (await pg.sql<{ ref: string }[]>`select ref from tag where ignored is not null order by ref`).map(({ ref }) => ref)
const namespaceOf = (ref: string, several: boolean): string => {
  const [host, namespace = '', ...path] = ref.split('/')
  const name = path.length === 0 ? '_' : namespace
  return several ? `${host}/${name}` : name
}

test.each([1, 2])('with %i registries an owner silences nothing but their own', async (count) => {
  const api = await startApi(pg, configFor(hosts.slice(0, count)).registries)
  const keys = hosts
    .slice(0, count)
    .flatMap((host) => ['_', 'hush', 'lib'].map((name) => (count > 1 ? `${host}/${name}` : name)))
  const decided = new Set<string>()
  for (const key of keys) {
    const user = `owner-of-${key.replaceAll(/\W/g, '-')}`
    await put(api, `users/${user}`, { email: null })
    await put(api, `namespaces/${encodeURIComponent(key)}/members/${user}`, { role: 'owner' })
    const { token } = await makeToken(api.d, bootstrap, { user, name: 't', scopes: [], expiresAt: null })
    for (const text of written) decided.add(`${text}: ${await silences(api, token, key, text, count > 1)}`)
  }
  expect([...decided].filter((line) => line.endsWith('nothing')).length).toBeGreaterThan(3)
  for (const [scope, refs] of count === 1 ? alone : among) expect(decided).toContain(`${scope}: ${refs}`)
  await api.close()
})

/** Of what each scope speaks. */
const alone = [
  ['hush', 'reg:5000/hush/app/deep:1 reg:5000/hush/app:1'],
  ['reg:5000/hush', 'reg:5000/hush:1'],
  ['_/hush', 'reg:5000/hush:1'],
  ['_', 'reg:5000/hush:1 reg:5000/lib:1 reg:5000/solo:1'],
  ['hush/app', 'reg:5000/hush/app:1'],
]
const among = [
  ['reg:5000/hush', 'reg:5000/hush/app/deep:1 reg:5000/hush/app:1'],
  ['reg:5000/_/hush', 'reg:5000/hush:1'],
  ['two:5000/_', 'two:5000/hush:1 two:5000/lib:1 two:5000/solo:1'],
  ['two:5000/lib/hush', 'two:5000/lib/hush:1'],
]

async function silences(api: TestApi, token: string, key: string, text: string, several: boolean): Promise<string> {
  const path = `policies/${encodeURIComponent(text)}`
  const set = await api.call('PUT', path, { token, body: { include: ['zzz'] } })
  if (set.status !== 200) return 'nothing'
  const scope = String(set.body.scope)
  await curate(api.d, scope)
  const refs = (await ignored()).filter((ref) => several || ref.startsWith(`${hosts[0]}/`))
  const own = new Set(refs.map((ref) => namespaceOf(ref, several)))
  expect([text, key, [...own].filter((found) => found !== key)]).toEqual([text, key, []])
  const seen = await api.call('GET', 'policies', { token })
  expect([text, seen.body.items.map((item) => item.scope)]).toEqual([text, [scope]])
  expect((await api.call('DELETE', path, { token })).status).toBe(204)
  await curate(api.d, scope)
  expect(await ignored()).toEqual([])
  return refs.join(' ')
}

test('a scope is of a namespace or of a repository, never of both', () => {
  const part = fc.stringMatching(/^[a-z0-9]{1,6}$/)
  fc.assert(
    fc.property(part, fc.array(part, { minLength: 1, maxLength: 3 }), (host, path) => {
      const repository = path.join('/')
      const scope = repositoryScope(host, repository)
      expect(scopedRepository(scope)).toEqual({ host, repository })
      const namespace = path.length > 1 ? path[0]! : '_'
      expect(namespaceOfScope(scope, 1)).toBe(namespace)
      expect(namespaceOfScope(scope, 2)).toBe(`${host}/${namespace}`)
      for (const key of [namespace, `${host}/${namespace}`]) expect(scopedRepository(key)).toBeNull()
    }),
  )
})

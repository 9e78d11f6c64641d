import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals'
import { CompactEncrypt } from 'jose'
import { CredentialInput, putCredential } from '../../../src/build/credentials.ts'
import { namespaceLogins } from '../../../src/build/logins.ts'
import { Recipe } from '../../../src/build/recipe.ts'
import { gatherGrant } from '../../../src/build/service/gather-grant.ts'
import type { Grant } from '../../../src/build/service/grant.ts'
import { openGrant, sealGrant } from '../../../src/build/service/seal.ts'
import { sealedLogins } from '../../../src/build/service/sealed-logins.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'
import { buildDeps } from '../world.ts'

const [token, id] = ['a-token-of-two-sides', '7f044db6-4619-4c64-a8ee-b01dec085f88']
const grant: Grant = {
  git: { name: 'ci', kind: 'git', urlPrefix: 'https://git/', username: 'u', password: 'p' },
  registries: [{ use: ['pull'], username: 'u', password: 'r', urlPrefix: 'https://reg/lib' }],
  secrets: { npm: 'n' },
}

describe('sealed credentials', () => {
  it('open for the same token and build, and are never the same twice', async () => {
    const [one, two] = [await sealGrant(token, id, grant), await sealGrant(token, id, grant)]
    expect(one).not.toBe(two)
    expect(await openGrant(token, id, one)).toEqual(grant)
  })
  it('are refused under another token, for another build, changed, or with anything else in them', async () => {
    const sealed = await sealGrant(token, id, grant)
    const refused = { code: 'credentials-unreadable', retryable: false }
    await expect(openGrant(`${token}x`, id, sealed)).rejects.toMatchObject(refused)
    await expect(openGrant(token, id.replace('7', '8'), sealed)).rejects.toMatchObject(refused)
    const parts = sealed.split('.')
    const renamed = Buffer.from(JSON.stringify({ alg: 'dir', enc: 'A256GCM', build: id.replace('7', '8') })).toString(
      'base64url',
    )
    await expect(openGrant(token, id.replace('7', '8'), [renamed, ...parts.slice(1)].join('.'))).rejects.toMatchObject(
      refused,
    )
    const more = await sealGrant(token, id, { ...grant, more: 'p4ssw0rd' } as Grant)
    const error = await openGrant(token, id, more).catch((thrown: Error) => thrown)
    expect(error).toMatchObject(refused)
    expect(String(error)).not.toContain('p4ssw0rd')
    const other = await new CompactEncrypt(new Uint8Array(3))
      .setProtectedHeader({ alg: 'dir', enc: 'A256CBC-HS512', build: id })
      .encrypt(new Uint8Array(64))
    await expect(openGrant(token, id, other)).rejects.toMatchObject(refused)
  })
})

describe('the logins that a service opens', () => {
  let pg: TestDatabase
  beforeAll(async () => {
    pg = await testDatabase()
  })
  afterAll(() => pg.close())

  test.each([1, 2])('are those that the tracker would use, with %s registries', async (registries) => {
    const names = ['reg:5000', 'other:5000'].slice(0, registries)
    const base = buildDeps(pg, { url: 'http://127.0.0.1:1', host: 'reg:5000' })
    const configured = names.map((name) => ({
      ...base.config.registries[0]!,
      name,
      username: 'drydock',
      password: `ours of ${name}`,
    }))
    const d = { ...base, config: { ...base.config, registries: configured } }
    const key = (ns: string, host = 'reg:5000') => (registries > 1 ? `${host}/${ns}` : ns)
    for (const [ns, visibility] of [
      ['open', 'public'],
      ['half', 'protected'],
      ['shut', 'private'],
      ['app', 'private'],
    ] as const)
      await d.db.namespace.upsert({ where: { key: key(ns) }, create: { key: key(ns), visibility }, update: {} })
    const put = (name: string, input: object) => putCredential(d, key('app'), name, CredentialInput.parse(input))
    await put('shut', { kind: 'registry', urlPrefix: 'https://reg:5000/shut', username: 's', password: 'of shut' })
    await put('deep', { kind: 'registry', urlPrefix: 'https://reg:5000/shut/deep', username: 's', password: 'of deep' })
    await put('far', { kind: 'registry', urlPrefix: 'https://far.example/', username: 'f', password: 'of far' })
    await put('git', { kind: 'git', urlPrefix: 'https://git.example/', username: 'g', password: 'of git' })
    await put('npm', { kind: 'secret', password: 'of npm' })
    const target = { host: 'reg:5000', repository: 'app/run' }
    const git = { url: 'https://git.example/a.git', ref: 'main', credential: 'git' }
    const recipe = Recipe.parse({ git, secrets: [{ id: 'x', credential: 'npm' }] })
    const [here, gathered] = [namespaceLogins(d, target), await gatherGrant(d, target, recipe)]
    const there = sealedLogins(async () => openGrant(token, id, await sealGrant(token, id, gathered)))
    for (const host of ['reg:5000', 'other:5000', 'far.example', 'nobody.example'])
      for (const repository of ['app/run', 'app/x', 'open/x', 'half/x', 'shut/x', 'shut/deep/x', 'unknown/x', 'top'])
        expect([host, repository, await there.registry({ host, repository }, 'pull')]).toEqual([
          ...[host, repository, await here.registry({ host, repository }, 'pull')],
        ])
    expect(await there.registry(target, 'push')).toEqual(await here.registry(target, 'push'))
    expect(await there.registry({ ...target, repository: 'open/x' }, 'push')).toBeNull()
    expect(await there.git('git', git.url)).toMatchObject({ kind: 'git', username: 'g', password: 'of git' })
    await expect(there.git('git', 'https://evil.example/a.git')).rejects.toMatchObject({
      code: 'credential-not-for-url',
      message: expect.not.stringContaining(gathered.git!.urlPrefix),
    })
    await expect(there.git('npm', git.url)).rejects.toMatchObject({ code: 'credential-missing' })
    expect(await there.secret('npm')).toBe('of npm')
    await expect(there.secret('git')).rejects.toMatchObject({ code: 'credential-missing' })
    expect(JSON.stringify(gathered.secrets)).toBe('{"npm":"of npm"}')
    d.registries.close()
  })
})

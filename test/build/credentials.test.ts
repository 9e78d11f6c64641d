import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import {
  CredentialInput,
  credentialFor,
  listCredentials,
  putCredential,
  registryCredentialFor,
  removeCredential,
} from '../../src/build/credentials.ts'
import { makeVault } from '../../src/build/vault.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'

let pg: TestDatabase
const vault = makeVault('a key of the installation')
beforeAll(async () => {
  pg = await testDatabase()
})
afterAll(() => pg.close())

const password = 's3cret-password'
const git = CredentialInput.parse({ kind: 'git', urlPrefix: 'https://git.example/team/', username: 'ci', password })

describe('credentials of a namespace', () => {
  it('are stored sealed, listed without the secret, replaced and removed', async () => {
    const d = { db: pg.db, vault }
    await putCredential(d, 'team', 'ci', git)
    await putCredential(d, 'team', 'ci', { ...git, username: 'bot' })
    const stored = JSON.stringify(await pg.sql`select * from credential`)
    expect(stored).not.toContain(password)
    expect(stored).not.toContain(Buffer.from(password).toString('base64').slice(0, 10))
    const listed = await listCredentials(d, 'team')
    expect(listed).toEqual([
      { name: 'ci', kind: 'git', urlPrefix: git.urlPrefix, username: 'bot', updatedAt: expect.any(Date) },
    ])
    expect(await listCredentials(d, 'other')).toEqual([])
    expect(await removeCredential(d, 'team', 'ci')).toBe(true)
    expect(await removeCredential(d, 'team', 'ci')).toBe(false)
  })

  it('are opened for an address under their prefix, for their namespace alone', async () => {
    const d = { db: pg.db, vault }
    await putCredential(d, 'team', 'ci', git)
    expect(await credentialFor(d, 'team', 'ci', 'https://git.example/team/app.git')).toMatchObject({
      username: 'ci',
      password,
    })
    const refused = (namespace: string, name: string, url: string) =>
      expect(credentialFor(d, namespace, name, url)).rejects
    await refused('team', 'ci', 'https://git.example/teamwork/app.git').toMatchObject({
      code: 'credential-not-for-url',
    })
    await refused('team', 'ci', 'https://evil.example/team/app.git').toMatchObject({
      code: 'credential-not-for-url',
      message: expect.not.stringContaining(git.urlPrefix),
    })
    await refused('team', 'none', 'https://git.example/team/app.git').toMatchObject({ code: 'credential-missing' })
    await refused('other', 'ci', 'https://git.example/team/app.git').toMatchObject({ code: 'credential-missing' })
  })

  it('cannot be opened with another key of the installation', async () => {
    await putCredential({ db: pg.db, vault }, 'team', 'ci', git)
    const other = { db: pg.db, vault: makeVault('another') }
    await expect(credentialFor(other, 'team', 'ci', 'https://git.example/team/a')).rejects.toMatchObject({
      code: 'vault-key',
    })
  })

  it('of kind registry are chosen by host and repository, the longest prefix first', async () => {
    const d = { db: pg.db, vault }
    const put = (name: string, urlPrefix: string) =>
      putCredential(
        d,
        'reg',
        name,
        CredentialInput.parse({ kind: 'registry', urlPrefix, username: name, password: 'p' }),
      )
    await put('wide', 'https://r.example:5000/')
    await put('narrow', 'https://r.example:5000/team')
    const chosen = async (host: string, repository: string) =>
      (await registryCredentialFor(d, 'reg', host, repository))?.username ?? null
    expect(await chosen('r.example:5000', 'team/app')).toBe('narrow')
    expect(await chosen('r.example:5000', 'teamwork/app')).toBe('wide')
    expect(await chosen('r.example', 'team/app')).toBeNull()
  })

  it.each([
    ['no password', { kind: 'git', urlPrefix: 'https://h/' }],
    ['ssh without known hosts', { kind: 'ssh', urlPrefix: 'ssh://h/', privateKey: 'k' }],
    ['ssh for another protocol', { kind: 'ssh', urlPrefix: 'https://h/', privateKey: 'k', knownHosts: 'h' }],
    ['a password for ssh://', { kind: 'git', urlPrefix: 'ssh://h/', password: 'p' }],
    ['a prefix with a password', { kind: 'git', urlPrefix: 'https://u:p@h/', password: 'p' }],
    ['a password of two lines', { kind: 'git', urlPrefix: 'https://h/', password: 'p\nq' }],
    ['a git password that a server would see as two', { kind: 'registry', urlPrefix: 'https://h/', password: 'p\rq' }],
    ['a build secret with a NUL', { kind: 'secret', password: 'p\0q' }],
    ['a user name with a colon', { kind: 'git', urlPrefix: 'https://h/', username: 'a:b', password: 'p' }],
  ])('are refused with %s', (_name, input) => {
    expect(CredentialInput.safeParse(input).success).toBe(false)
  })

  it('are taken with several lines where they are build secrets', () => {
    expect(CredentialInput.safeParse({ kind: 'secret', password: '{\n  "token": "x"\n}\n' }).success).toBe(true)
  })
})

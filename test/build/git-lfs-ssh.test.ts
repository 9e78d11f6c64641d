import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import type { ClearCredential } from '../../src/build/credentials.ts'
import { type CheckoutRequest, checkOut } from '../../src/build/git-checkout.ts'
import { type GitServer, startGitServer } from '../support/git-server.ts'
import { requires } from '../support/requires.ts'
import { filesHolding, processesHolding } from '../support/secrets-seen.ts'
import { type SshServer, startSshServer } from '../support/ssh-server.ts'

/** https://github.com/git-lfs/git-lfs/blob/main/docs/api/server-discovery.md#ssh */
requires(
  'git',
  'git-lfs',
  'sshd',
)('files in Git LFS of a repository that is reached over ssh', () => {
  const token = { username: 'lfs', password: 'token-of-the-ssh-server' }
  const authorization = `Basic ${Buffer.from(`${token.username}:${token.password}`).toString('base64')}`
  const attributes = { '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n' }
  let store: GitServer
  let other: GitServer
  let server: SshServer
  let deploy: ClearCredential
  let dir: string
  let said: string

  beforeAll(async () => {
    store = await startGitServer(token)
    other = await startGitServer(null)
    store.lfs.downloadHeader = { Authorization: authorization }
    server = await startSshServer()
    deploy = { kind: 'ssh', username: null, privateKey: server.key, knownHosts: server.knownHosts }
  })
  afterAll(async () => {
    await server.close()
    await store.close()
    await other.close()
  })
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'lfs-ssh-test-'))
    said = ''
    for (const { requests } of [store, other]) requests.length = 0
    server.authenticateLfs({
      href: `${store.origin}/app.git/info/lfs`,
      header: { Authorization: authorization },
      expires_in: 600,
    })
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const check = (more: Partial<CheckoutRequest> = {}) =>
    checkOut({
      ...{ url: `${server.origin}${store.root}/app.git`, ref: 'main', protocols: ['ssh'], credential: deploy, dir },
      ...{ lfs: true, signal: AbortSignal.timeout(120_000) },
      log: (text) => {
        said += text
      },
      ...more,
    })
  const read = (path: string) => readFileSync(join(dir, 'source', path), 'utf8')

  it('come with the token that the ssh server gives, which is in no log, file or argument', async () => {
    store.commit('app', { ...attributes, 'a.bin': store.lfs.add('large'), 'b/c.bin': store.lfs.add('larger') })
    const seen: string[] = []
    store.onRequest = () => {
      for (const secret of [token.password, authorization, 'PRIVATE KEY'])
        seen.push(...processesHolding(secret), ...filesHolding(dir, secret).filter((name) => name !== 'key'))
    }
    await check()
    store.onRequest = () => undefined
    expect([read('a.bin'), read('b/c.bin')]).toEqual(['large', 'larger'])
    expect(server.commands()).toContain(`git-lfs-authenticate ${store.root}/app.git download`)
    expect(seen).toEqual([])
    expect(said).not.toContain(token.password)
    expect(readdirSync(dir)).toEqual(['source'])
  })

  it('are asked for where the ssh server says, whatever .lfsconfig does', async () => {
    const lfsconfig = `[lfs]\n\turl = ${other.origin}/app.git/info/lfs\n[remote "origin"]\n\tlfsurl = ${other.origin}/x\n`
    store.commit('app', { ...attributes, '.lfsconfig': lfsconfig, 'a.bin': store.lfs.add('as told') })
    await check()
    expect(read('a.bin')).toBe('as told')
    expect(other.requests).toEqual([])
  })

  const at = (origin: string, said: string) => ({ href: `${origin}/app.git/info/lfs`, header: { Authorization: said } })
  it.each<[string, string, () => object | string | null]>([
    ['knows no Git LFS', 'lfs-not-offered', () => null],
    ['says nothing that can be read', 'lfs-not-offered', () => 'welcome to this server'],
    ['gives a token that does not let in', 'git-auth', () => at(store.origin, 'Basic eDp5')],
    ['leads to where nobody answers', 'git-unreachable', () => at('http://127.0.0.1:1', authorization)],
  ])('fail with a code where the ssh server %s', async (_, code, answer) => {
    server.authenticateLfs(answer())
    store.commit('app', { ...attributes, 'a.bin': store.lfs.add('never seen') })
    await expect(check()).rejects.toMatchObject({ code })
  })
})

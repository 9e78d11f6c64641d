import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import type { ClearCredential } from '../../src/build/credentials.ts'
import { type CheckoutRequest, checkOut } from '../../src/build/git-checkout.ts'
import { type GitServer, startGitServer } from '../support/git-server.ts'
import { requires } from '../support/requires.ts'
import { type SshServer, startSshServer } from '../support/ssh-server.ts'

requires('git', 'sshd')('git checkout over ssh, from a real sshd with a deploy key', () => {
  let repositories: GitServer
  let server: SshServer
  let deploy: ClearCredential
  let dir: string
  let said: string
  let commit: string
  let url: string

  beforeAll(async () => {
    repositories = await startGitServer({ username: 'x', password: 'y' })
    commit = repositories.commit('app', { Dockerfile: 'FROM scratch\n' }, { tag: 'v1' })
    server = await startSshServer()
    deploy = { kind: 'ssh', username: null, privateKey: server.key, knownHosts: server.knownHosts }
    url = `${server.origin}${repositories.root}/app.git`
  })
  afterAll(async () => {
    await server.close()
    await repositories.close()
  })
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "ssh check'out "))
    said = ''
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const check = (more: Partial<CheckoutRequest> = {}) =>
    checkOut({
      ...{ url, ref: 'main', protocols: ['ssh'], credential: deploy, dir, signal: AbortSignal.timeout(120_000) },
      log: (text) => {
        said += text
      },
      ...more,
    })

  it.each(['main', 'v1', 'a commit'])('brings %s, and leaves no key behind', async (ref) => {
    const found = await check({ ref: ref === 'a commit' ? commit : ref })
    expect(found.commit).toBe(commit)
    expect(readFileSync(join(found.dir, 'Dockerfile'), 'utf8')).toBe('FROM scratch\n')
    expect(readdirSync(dir)).toEqual(['source'])
    expect(said).not.toContain('PRIVATE KEY')
  })

  it('takes a key without a line break at its end', async () => {
    const credential = { ...deploy, privateKey: server.key.trimEnd() }
    expect((await check({ credential })).commit).toBe(commit)
  })

  it('refuses a server whose key is another, or unknown, before it shows its own', async () => {
    for (const knownHosts of [server.wrongHosts, 'git.example ssh-ed25519 AAAA\n'])
      await expect(check({ credential: { ...deploy, knownHosts } })).rejects.toMatchObject({
        ...{ code: 'git-host-key', retryable: false },
        message: expect.stringContaining("the server's key is not among the credential's known hosts"),
      })
  })

  it('is refused with a key that the server does not know, and with none', async () => {
    const credential = { ...deploy, privateKey: server.wrongKey }
    await expect(check({ credential })).rejects.toMatchObject({ code: 'git-auth' })
    await expect(check({ credential: { ...deploy, privateKey: 'no key\n' } })).rejects.toMatchObject({
      code: 'git-auth',
    })
    await expect(check({ credential: null })).rejects.toMatchObject({ code: 'credential-missing' })
    const password: ClearCredential = { kind: 'git', username: 'x', password: 'y' }
    await expect(check({ credential: password })).rejects.toMatchObject({ code: 'credential-missing' })
  })

  it('says what is not there, and what does not answer', async () => {
    await expect(check({ ref: 'none' })).rejects.toMatchObject({ code: 'git-ref-not-found' })
    await expect(check({ url: `${server.origin}${repositories.root}/none.git` })).rejects.toMatchObject({
      code: 'git-repository-absent',
    })
    const closed = url.replace(/:\d+/, ':1')
    await expect(check({ url: closed })).rejects.toMatchObject({ code: 'git-unreachable', retryable: true })
  })

  it('is not led to options of ssh by an address', async () => {
    for (const bad of ['ssh://-oProxyCommand=touch%20x/app', '-oProxyCommand=x@host:app', 'git@-oProxyCommand=x:app'])
      await expect(check({ url: bad })).rejects.toMatchObject({ code: 'git-url' })
    expect(readdirSync(dir)).toEqual([])
  })
})

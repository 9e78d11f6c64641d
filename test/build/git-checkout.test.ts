import { execFileSync } from 'node:child_process'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import type { ClearCredential } from '../../src/build/credentials.ts'
import { type CheckoutRequest, checkOut } from '../../src/build/git-checkout.ts'
import { type GitServer, startGitServer } from '../support/git-server.ts'
import { requires } from '../support/requires.ts'
import { filesHolding, processesHolding } from '../support/secrets-seen.ts'

const password = 'p4ss wörd$(id)\'"'
const ci: ClearCredential = { kind: 'git', username: "c'i", password }

requires('git')('git checkout over HTTP with a password', () => {
  let server: GitServer
  let dir: string
  let said: string

  beforeAll(async () => {
    server = await startGitServer({ username: "c'i", password })
  })
  afterAll(() => server.close())
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'checkout-test-'))
    said = ''
    server.requests.length = 0
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const check = (more: Partial<CheckoutRequest> = {}) =>
    checkOut({
      url: `${server.origin}/app.git`,
      ref: 'main',
      protocols: ['http'],
      credential: ci,
      dir,
      signal: AbortSignal.timeout(120_000),
      log: (text) => {
        said += text
      },
      ...more,
    })

  it('brings the files of a branch, tells the commit, and leaves no secret, hook or history', async () => {
    const commit = server.commit('app', { Dockerfile: 'FROM scratch\n', 'a/b': 'c' })
    const found = await check()
    expect(found.commit).toBe(commit)
    expect(readFileSync(join(found.dir, 'a/b'), 'utf8')).toBe('c')
    expect(readdirSync(found.dir).sort()).toEqual(['Dockerfile', 'a'])
    expect(readdirSync(dir)).toEqual(['source'])
    expect(said).toContain(commit)
    expect(said).not.toContain(password)
  })

  it('gives all of it the time of the commit', async () => {
    const commit = server.commit('app', { Dockerfile: 'FROM scratch\n', 'a/b': 'c', 'a/link': { link: '/absent' } })
    const found = await check()
    const bare = join(server.root, 'app.git')
    const seconds = Number(execFileSync('git', ['-C', bare, 'show', '--no-patch', '--format=%ct', commit]))
    for (const name of ['.', 'Dockerfile', 'a', 'a/b', 'a/link'])
      expect([name, lstatSync(join(found.dir, name)).mtimeMs]).toEqual([name, seconds * 1000])
  })

  it('brings a tag, a full commit that no branch points at any more, and an abbreviated one', async () => {
    const old = server.commit('app', { v: '1' }, { tag: 'v1' })
    const newer = server.commit('app', { v: '2' })
    for (const [ref, commit] of [
      ['v1', old],
      [old, old],
      [old.slice(0, 10), old],
      ['refs/heads/main', newer],
    ] as const) {
      rmSync(dir, { recursive: true })
      dir = mkdtempSync(join(tmpdir(), 'checkout-test-'))
      expect((await check({ ref })).commit).toBe(commit)
    }
  })

  it('shows the password to no other process: neither in arguments nor in an environment, nor in a file', async () => {
    server.commit('app', { v: '1' })
    const seen: string[] = []
    let looked = 0
    server.onRequest = () => {
      looked++
      seen.push(...processesHolding(password), ...filesHolding(dir, password))
    }
    await check()
    server.onRequest = () => undefined
    expect(looked).toBeGreaterThan(1)
    expect(seen).toEqual([])
  })

  it('says what is wrong', async () => {
    server.commit('app', { v: '1' })
    const code = (name: string) => expect.objectContaining({ code: name })
    await expect(check({ ref: 'no-such-branch' })).rejects.toEqual(code('git-ref-not-found'))
    await expect(check({ credential: null })).rejects.toEqual(code('git-auth'))
    await expect(check({ credential: { ...ci, password: 'wrong' } })).rejects.toEqual(code('git-auth'))
    await expect(check({ url: 'http://127.0.0.1:1/app.git' })).rejects.toMatchObject({
      code: 'git-unreachable',
      retryable: true,
    })
    await expect(check({ url: `${server.origin}/none.git` })).rejects.toEqual(code('git-repository-absent'))
  })

  it('never lets git run a remote helper or a protocol that is not listed', async () => {
    await expect(check({ url: `ext::sh -c touch% ${dir}/pwned` })).rejects.toMatchObject({ code: 'git-url' })
    await expect(check({ protocols: ['https'] })).rejects.toMatchObject({ code: 'git-protocol' })
    await expect(check({ url: `file://${server.root}/app.git` })).rejects.toMatchObject({ code: 'git-protocol' })
    expect(readdirSync(dir)).toEqual([])
    expect(server.requests).toEqual([])
  })

  it('does not follow a redirect, and sends the password nowhere else', async () => {
    const other = await startGitServer({ username: 'x', password: 'y' })
    const moved = await startGitServer({ username: "c'i", password }, other.origin)
    await expect(check({ url: `${moved.origin}/moved/app.git` })).rejects.toMatchObject({ code: 'git-redirect' })
    expect(other.requests).toEqual([])
    await other.close()
    await moved.close()
  })

  it('stops at a limit: of what is fetched, and of what it unfolds into', async () => {
    const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i * 31 + (i >> 3)) % 251)).toString(
      'base64',
    )
    server.commit('large', { noise })
    server.commit('bomb', { zeros: '0'.repeat(5_000_000) })
    const url = (name: string) => `${server.origin}/${name}.git`
    await expect(check({ url: url('large'), maxBytes: 20_000 })).rejects.toMatchObject({ code: 'checkout-too-large' })
    rmSync(dir, { recursive: true })
    await expect(check({ url: url('bomb'), maxBytes: 1_000_000 })).rejects.toMatchObject({ code: 'checkout-too-large' })
    expect(readdirSync(join(dir, 'source'))).toEqual([])
  })

  it('ends when it is told to', async () => {
    server.commit('app', { v: '1' })
    await expect(check({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
  })
})

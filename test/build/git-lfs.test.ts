import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import type { ClearCredential } from '../../src/build/credentials.ts'
import { type CheckoutRequest, checkOut } from '../../src/build/git-checkout.ts'
import { type GitServer, startGitServer } from '../support/git-server.ts'
import { requires } from '../support/requires.ts'
import { filesHolding, processesHolding } from '../support/secrets-seen.ts'

requires('git', 'git-lfs')('files in Git LFS, from a server of the same address', () => {
  const password = 'p4ss wörd$(id)\'"'
  const ci: ClearCredential = { kind: 'git', username: "c'i", password }
  const attributes = { '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n' }
  let server: GitServer
  let other: GitServer
  let dir: string
  let said: string
  beforeAll(async () => {
    server = await startGitServer({ username: "c'i", password })
    other = await startGitServer({ username: "c'i", password })
  })
  afterAll(async () => {
    await server.close()
    await other.close()
  })
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'lfs-test-'))
    said = ''
    server.lfs.downloadFrom = null
    for (const { requests } of [server, other]) requests.length = 0
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const check = (more: Partial<CheckoutRequest> = {}) =>
    checkOut({
      ...{ url: `${server.origin}/app.git`, ref: 'main', protocols: ['http'], credential: ci, dir, lfs: true },
      signal: AbortSignal.timeout(120_000),
      log: (text) => {
        said += text
      },
      ...more,
    })
  const read = (path: string) => readFileSync(join(dir, 'source', path), 'utf8')

  it('come in place of their pointers, with the same credential; nothing else is left', async () => {
    const files = { 'a.bin': 'large', 'b/c d.bin': 'x'.repeat(3000) }
    const pointers = Object.fromEntries(Object.entries(files).map(([path, text]) => [path, server.lfs.add(text)]))
    server.commit('app', { ...attributes, ...pointers, 'plain.txt': 'plain' })
    await check()
    expect([read('a.bin'), read('b/c d.bin'), read('plain.txt')]).toEqual(['large', 'x'.repeat(3000), 'plain'])
    expect(readdirSync(dir)).toEqual(['source'])
    expect(said).toContain('2 files (3005 bytes) from Git LFS')
    expect(said).not.toContain(password)
  })

  it('stay pointers unless they are wanted', async () => {
    server.commit('app', { ...attributes, 'a.bin': server.lfs.add('large') })
    await check({ lfs: false })
    expect(read('a.bin')).toMatch(/^version https:\/\/git-lfs/)
    expect(server.requests.filter(({ path }) => path.includes('lfs'))).toEqual([])
  })

  it('are nothing to ask for where there are none', async () => {
    server.commit('empty', { ...attributes, a: 'plain' })
    await check({ url: `${server.origin}/empty.git` })
    expect(server.requests.filter(({ path }) => path.includes('lfs'))).toEqual([])
  })

  it('are asked for where the repository is, whatever it says itself', async () => {
    const lfsconfig = `[lfs]\n\turl = ${other.origin}/app.git/info/lfs\n\tfetchexclude = *\n[remote "origin"]\n\tlfsurl = ${other.origin}/x\n`
    server.commit('app', { ...attributes, '.lfsconfig': lfsconfig, 'a.bin': server.lfs.add('large') })
    await check()
    expect(read('a.bin')).toBe('large')
    expect(other.requests).toEqual([])
  })

  it('that lie on another host are not asked for with the password', async () => {
    server.commit('app', { ...attributes, 'a.bin': server.lfs.add('elsewhere') })
    server.lfs.downloadFrom = other.origin
    await expect(check()).rejects.toMatchObject({ code: 'git-auth' })
    expect(other.requests.length).toBeGreaterThan(0)
    expect(other.requests.filter(({ authorization }) => authorization !== undefined)).toEqual([])
  })

  it('say what is wrong', async () => {
    const gone = server.lfs.add('x').replace(/sha256:.*/, `sha256:${'0'.repeat(64)}`)
    server.commit('app', { ...attributes, 'a.bin': gone })
    await expect(check()).rejects.toMatchObject({
      code: 'git-failed',
      message: expect.stringContaining('does not exist'),
    })
  })

  it('count to the limit of the whole before they are fetched', async () => {
    server.commit('app', { ...attributes, 'a.bin': server.lfs.add('x'.repeat(5000)) })
    await expect(check({ maxBytes: 4096 })).rejects.toMatchObject({ code: 'checkout-too-large' })
    expect(server.requests.filter(({ path }) => path.includes('lfs'))).toEqual([])
  })

  it('and submodules show the password to no other process, and in no file', async () => {
    const lib = server.commit('lib', { ...attributes, 'l.bin': server.lfs.add('in a submodule') })
    server.commit('app', {
      ...attributes,
      'a.bin': server.lfs.add('large'),
      '.gitmodules': '[submodule "lib"]\n\tpath = lib\n\turl = ../lib.git\n',
      lib: { commit: lib },
    })
    const seen: string[] = []
    const looked: string[] = []
    server.onRequest = () => {
      looked.push(server.requests.at(-1)?.path ?? '')
      seen.push(...processesHolding(password), ...filesHolding(dir, password))
    }
    await check({ submodules: async () => ci })
    server.onRequest = () => undefined
    expect(looked.filter((path) => path.startsWith('/lfs/')).length).toBeGreaterThan(1)
    expect(seen).toEqual([])
  })

  it('in a submodule come too', async () => {
    const lib = server.commit('lib', { ...attributes, 'l.bin': server.lfs.add('in a submodule') })
    server.commit('app', {
      '.gitmodules': '[submodule "lib"]\n\tpath = lib\n\turl = ../lib.git\n',
      lib: { commit: lib },
    })
    await check({ submodules: async () => ci })
    expect(read('lib/l.bin')).toBe('in a submodule')
  })

  it('need git-lfs: without it the error says so', async () => {
    const path = process.env.PATH
    const bare = mkdtempSync(join(dir, 'path-'))
    for (const name of ['git', 'sh', 'cat', 'tr']) symlinkSync(`/usr/bin/${name}`, join(bare, name))
    server.commit('app', { ...attributes, 'a.bin': server.lfs.add('large') })
    process.env.PATH = bare
    try {
      await expect(check()).rejects.toMatchObject({
        code: 'lfs-absent',
        message: expect.stringContaining('git-lfs is not installed'),
      })
    } finally {
      process.env.PATH = path
    }
  })
})

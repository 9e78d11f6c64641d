import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals'
import { checkOutRecipe } from '../../src/build/checkout-recipe.ts'
import { type ClearCredential, putCredential } from '../../src/build/credentials.ts'
import { type CheckoutRequest, checkOut } from '../../src/build/git-checkout.ts'
import { namespaceLogins } from '../../src/build/logins.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { submoduleUrl } from '../../src/build/submodule-url.ts'
import { startApi } from '../api/start-api.ts'
import { type GitFile, type GitServer, startGitServer } from '../support/git-server.ts'
import { testDatabase } from '../support/postgres.ts'
import { requires } from '../support/requires.ts'

describe('the address of a submodule', () => {
  test.each([
    ['https://h/team/app.git', 'https://other/x.git', 'https://other/x.git'],
    ['https://h/team/app.git', '../lib.git', 'https://h/team/lib.git'],
    ['https://h/team/app.git/', '../../other/lib', 'https://h/other/lib'],
    ['https://h/team/app', './sub', 'https://h/team/app/sub'],
    ['https://h/app.git', '../lib.git', 'https://h/lib.git'],
    ['https://h/app.git', '../../lib.git', null],
    ['https://h/app.git', '../', null],
    ['git@h:team/app.git', '../lib.git', 'git@h:team/lib.git'],
    ['git@h:app.git', '../lib.git', 'git@h:lib.git'],
    ['git@h:app.git', '../../lib.git', null],
    ['ssh://git@h:2222/team/app.git', '../lib.git', 'ssh://git@h:2222/team/lib.git'],
    ['https://h/team/app.git', '/srv/git/x', '/srv/git/x'],
  ])('of %s by %s', (parent, url, expected) => expect(submoduleUrl(parent, url)).toBe(expected))
})

requires('git')('submodules', () => {
  const password = 'p4ss-of-the-tests'
  const ci: ClearCredential = { kind: 'git', username: 'ci', password }
  let server: GitServer
  let open: GitServer
  let dir: string
  beforeAll(async () => {
    server = await startGitServer({ username: 'ci', password })
    open = await startGitServer(null)
  })
  afterAll(async () => {
    await server.close()
    await open.close()
  })
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'submodules-test-'))
    for (const { requests } of [server, open]) requests.length = 0
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const own = (more: Partial<CheckoutRequest> = {}): CheckoutRequest => ({
    ...{ url: `${server.origin}/app.git`, ref: 'main', protocols: ['http'], credential: ci, dir },
    ...{ signal: AbortSignal.timeout(120_000), log: () => undefined },
    submodules: async ({ url }) => (url.origin === server.origin ? ci : null),
    ...more,
  })
  const modules = (...all: { path: string; url: string; name?: string; more?: string }[]): GitFile =>
    all
      .map(
        ({ path, url, name = path, more = '' }) => `[submodule "${name}"]\n\tpath = ${path}\n\turl = ${url}\n${more}`,
      )
      .join('')
  const read = (path: string) => readFileSync(join(dir, 'source', path), 'utf8')

  it('are brought at their commits, theirs too, by relative and absolute addresses; nothing of git is left', async () => {
    const deep = server.commit('deep', { d: 'deep' })
    const old = server.commit('lib', {
      ...{ l: 'old', '.gitmodules': modules({ path: 'x/deep', url: `${server.origin}/deep.git` }) },
      'x/deep': { commit: deep },
    })
    server.commit('lib', { l: 'newer' })
    const commit = server.commit('app', {
      ...{
        Dockerfile: 'FROM scratch\n',
        '.gitmodules': modules({ path: 'vendor/the lib', url: '../lib.git', name: 'lib' }),
      },
      'vendor/the lib': { commit: old },
    })
    expect((await checkOut(own())).commit).toBe(commit)
    expect([read('vendor/the lib/l'), read('vendor/the lib/x/deep/d')]).toEqual(['old', 'deep'])
    expect(readdirSync(dir)).toEqual(['source'])
    const all = readdirSync(join(dir, 'source'), { recursive: true }).map(String)
    expect(all.filter((path) => /(^|\/)\.git$/.test(path))).toEqual([])
  })

  it('stay empty unless they are wanted', async () => {
    const lib = server.commit('lib', { l: '1' })
    server.commit('app', { '.gitmodules': modules({ path: 'lib', url: '../lib.git' }), lib: { commit: lib } })
    const { submodules: _, ...without } = own()
    await checkOut(without)
    expect(readdirSync(join(dir, 'source', 'lib'))).toEqual([])
  })

  it('of another host are asked for as anybody', async () => {
    const there = open.commit('public', { p: 'public' })
    server.commit('app', {
      '.gitmodules': modules({ path: 'lib', url: `${open.origin}/public.git` }),
      lib: { commit: there },
    })
    await checkOut(own())
    expect(read('lib/p')).toBe('public')
    expect(open.requests.length).toBeGreaterThan(0)
    expect(open.requests.filter((request) => request.authorization !== undefined)).toEqual([])
  })

  it('get the credential of the recipe where its prefix fits, and nowhere else', async () => {
    const pg = await testDatabase()
    const api = await startApi(pg)
    const config = { ...api.d.config, gitProtocols: ['http' as const] }
    const other = await startGitServer({ username: 'ci', password })
    await putCredential(api.d, 'app', 'git', {
      kind: 'git',
      urlPrefix: `${server.origin}/team`,
      username: 'ci',
      password,
    })
    const logins = namespaceLogins({ ...api.d, config }, { host: 'reg:5000', repository: 'app/run' })
    const hidden: string[] = []
    const context = { log: { write: () => undefined, hide: (text: string) => void hidden.push(text) } }
    const tell = (url: string) =>
      checkOutRecipe(
        { config },
        {
          recipe: Recipe.parse({ git: { url, ref: 'main', credential: 'git', submodules: true } }),
          ...{ dir: mkdtempSync(join(dir, 'job-')), logins },
        },
        context,
        AbortSignal.timeout(120_000),
      )
    const lib = server.commit('team/lib', { l: 'lib' })
    const far = other.commit('far', { f: 'far' })
    const files = { Dockerfile: 'FROM scratch\n' }
    server.commit('team/app', {
      ...files,
      '.gitmodules': modules({ path: 'lib', url: '../lib.git' }),
      lib: { commit: lib },
    })
    const found = await tell(`${server.origin}/team/app.git`)
    expect(readFileSync(join(found.context, 'lib/l'), 'utf8')).toBe('lib')
    expect(hidden).toContain(password)
    server.commit('team/bad', {
      ...{ ...files, '.gitmodules': modules({ path: 'far', url: `${other.origin}/far.git` }) },
      far: { commit: far },
    })
    await expect(tell(`${server.origin}/team/bad.git`)).rejects.toMatchObject({ code: 'git-auth' })
    expect(other.requests.map((request) => request.authorization)).toEqual([undefined])
    await other.close()
    await api.close()
    await pg.close()
  })

  it.each([
    ['a remote helper', 'ext::sh -c touch% pwned'],
    ['an option', '--upload-pack=touch pwned'],
    ['an option as a host', 'ssh://-oProxyCommand=touch%20pwned/x'],
    ['a file', 'file:///etc'],
    ['a path', '/etc'],
    ['a protocol that is not listed', 'ssh://git@git.example/x'],
    ['a password in it', 'http://me:secret@git.example/x'],
    ['a way above its host', '../../../x.git'],
    ['a way up within', 'http://git.example/a/../../x.git'],
  ])('are refused where the address is %s', async (_, url) => {
    server.commit('app', { '.gitmodules': modules({ path: 'lib', url }), lib: { commit: 'a'.repeat(40) } })
    await expect(checkOut(own())).rejects.toMatchObject({ code: 'submodule-invalid' })
    expect(existsSync(join(dir, 'pwned'))).toBe(false)
  })

  it('whose names or paths lead elsewhere write nothing there', async () => {
    const lib = server.commit('lib', { l: '1' })
    const update = '\tupdate = !touch pwned\n'
    server.commit('app', {
      '.gitmodules': modules(
        { path: 'lib', url: '../lib.git', name: '../../../pwned', more: update },
        { path: '../../pwned', url: '../lib.git' },
      ),
      lib: { commit: lib },
    })
    await checkOut(own())
    expect([readdirSync(dir), read('lib/l')]).toEqual([['source'], '1'])
  })

  it('behind a symbolic link, as only a forged tree has them, are not followed out of the checkout', async () => {
    const lib = server.commit('lib', { Dockerfile: 'FROM evil\n' })
    const work = join(server.root, 'work', 'app')
    server.commit('app', { '.gitmodules': modules({ path: 'a/b', url: '../lib.git' }) })
    const git = (args: string[], input?: Buffer | string) =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], { cwd: work, input })
        .toString()
        .trim()
    const outside = mkdtempSync(join(dir, 'outside-'))
    const link = git(['hash-object', '-w', '--stdin'], outside)
    const bytes = (mode: string, name: string, id: string) =>
      Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')])
    const tree = (...entries: Buffer[]) =>
      git(['hash-object', '-w', '-t', 'tree', '--literally', '--stdin'], Buffer.concat(entries))
    const below = tree(bytes('160000', 'b', lib))
    const file = git(['rev-parse', 'HEAD:.gitmodules'])
    const forged = tree(bytes('100644', '.gitmodules', file), bytes('120000', 'a', link), bytes('40000', 'a', below))
    const commit = git(['commit-tree', '-m', 'forged', forged])
    git(['push', '--quiet', '--force', join(server.root, 'app.git'), `${commit}:refs/heads/main`])
    // git itself may put one of the two in place of the other; either way nothing comes out of the checkout
    await Promise.allSettled([checkOut(own())])
    expect(readdirSync(outside)).toEqual([])
  })

  it('that lack their address, their commit or an end are told', async () => {
    const lib = server.commit('lib', { l: '1' })
    server.commit('app', { '.gitmodules': modules(), lib: { commit: lib } })
    await expect(checkOut(own())).rejects.toMatchObject({ message: expect.stringContaining('no address for lib') })
    server.commit('app', {
      '.gitmodules': modules({ path: 'lib', url: '../lib.git' }),
      lib: { commit: 'b'.repeat(40) },
    })
    rmSync(join(dir, 'source'), { recursive: true })
    await expect(checkOut(own())).rejects.toMatchObject({ code: 'git-ref-not-found' })
    let below = lib
    for (let i = 0; i < 11; i++)
      below = server.commit(`chain${i}`, {
        '.gitmodules': modules({ path: 'n', url: i === 0 ? '../lib.git' : `../chain${i - 1}.git` }),
        n: { commit: below },
      })
    rmSync(join(dir, 'source'), { recursive: true })
    await expect(checkOut(own({ url: `${server.origin}/chain10.git` }))).rejects.toMatchObject({
      message: expect.stringContaining('more than 10 deep'),
    })
  })

  it('count to the limit of the whole, and may be left out', async () => {
    const lib = server.commit('lib', { l: 'x'.repeat(6000) })
    const files = { a: 'x'.repeat(6000), lib: { commit: lib } }
    server.commit('app', { ...files, '.gitmodules': modules({ path: 'lib', url: '../lib.git' }) })
    await expect(checkOut(own({ maxBytes: 10_000 }))).rejects.toMatchObject({ code: 'checkout-too-large' })
    rmSync(join(dir, 'source'), { recursive: true })
    server.commit('app', {
      ...files,
      '.gitmodules': modules({ path: 'lib', url: '../lib.git', more: '\tupdate = none\n' }),
    })
    await checkOut(own({ maxBytes: 10_000 }))
    expect(readdirSync(join(dir, 'source', 'lib'))).toEqual([])
  })
})

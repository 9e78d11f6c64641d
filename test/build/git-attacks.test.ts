import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request as send } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { type CheckoutRequest, checkOut } from '../../src/build/git-checkout.ts'
import { Recipe } from '../../src/build/recipe.ts'
import { makeCertificate } from '../support/certificate.ts'
import { type GitServer, startGitServer } from '../support/git-server.ts'
import { requires } from '../support/requires.ts'

requires('git')('git repositories that are odd or hostile', () => {
  let server: GitServer
  let dir: string
  beforeAll(async () => {
    server = await startGitServer(null)
  })
  afterAll(() => server.close())
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'git-attacks-'))
  })
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  const check = (more: Partial<CheckoutRequest> = {}) =>
    checkOut({
      ...{ url: `${server.origin}/app.git`, ref: 'main', protocols: ['http'], credential: null, dir },
      ...{ signal: AbortSignal.timeout(120_000), log: () => undefined },
      ...more,
    })
  const read = (path: string) => readFileSync(join(dir, 'source', path), 'utf8')
  /** git in a repository of the server, by its name */
  const git = (name: string, ...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args], {
      cwd: join(server.root, `${name}.git`),
      env: { ...process.env, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
      .toString()
      .trim()

  const other = (name: string) => `${server.origin}/${name}.git`
  /** a bare repository of the server with nothing in it */
  const bare = (name: string, ...options: string[]) => {
    mkdirSync(join(server.root, `${name}.git`))
    git(name, 'init', '--quiet', '--bare', '--initial-branch=main', ...options)
  }
  /** a commit of a tree as it is written here, which no working tree could hold; `mode type id<TAB>path` lines */
  const crafted = (name: string, tree: string) => {
    const run = (input: string, ...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args], {
        cwd: join(server.root, `${name}.git`),
        input,
      })
        .toString()
        .trim()
    const blob = run('[core]\n\tfsmonitor = "touch pwned"\n', 'hash-object', '-w', '--stdin')
    const link = run('../..', 'hash-object', '-w', '--stdin')
    const made = run(tree.replaceAll('BLOB', blob).replaceAll('LINK', link), 'mktree')
    git(name, 'update-ref', 'refs/heads/main', run('', 'commit-tree', '-m', 'crafted', made))
  }

  describe('which commit', () => {
    let one: string
    let two: string
    beforeAll(() => {
      one = server.commit('app', { v: '1' })
      two = server.commit('app', { v: '2' })
      git('app', 'tag', '-a', '-m', 'x', 'annotated', one)
      git('app', 'tag', '-a', '-m', 'x', 'nested', 'annotated')
      git('app', 'tag', 'both', one)
      git('app', 'branch', 'both', two)
      git('app', 'branch', one.slice(0, 8), two)
      git('app', 'branch', 'odd/ümläut+%20&x=y;$(id)`id`"\'|', one)
      git('app', 'branch', 'a/b/-c/--upload-pack=x', one)
      git('app', 'tag', 'blob', git('app', 'rev-parse', `${one}:v`))
      git('app', 'tag', 'tree', git('app', 'rev-parse', `${one}^{tree}`))
    })
    it.each<[string, () => string, () => string]>([
      ['an annotated tag is at its commit', () => 'annotated', () => one],
      ['a tag of a tag too', () => 'nested', () => one],
      ['a tag goes before a branch of its name', () => 'both', () => one],
      ['a full name is that', () => 'refs/heads/both', () => two],
      ['a branch goes before a commit that begins so', () => one.slice(0, 8), () => two],
      ['a part of a commit is it', () => two.slice(0, 10), () => two],
      ['HEAD is the default branch', () => 'HEAD', () => two],
      ['odd names are names', () => 'odd/ümläut+%20&x=y;$(id)`id`"\'|', () => one],
      ['also those that look like options', () => 'a/b/-c/--upload-pack=x', () => one],
    ])('%s', async (_, ref, commit) => expect((await check({ ref: ref() })).commit).toBe(commit()))
    it.each(['blob', 'tree', 'deadbeef', 'd'.repeat(40), 'd'.repeat(64), 'none'])('%s is none', async (ref) => {
      await expect(check({ ref })).rejects.toMatchObject({ code: 'git-ref-not-found', retryable: false })
    })
  })

  it('of SHA-256 objects are read like others', async () => {
    bare('sha256', '--object-format=sha256')
    crafted('sha256', '100644 blob BLOB\tfile\n')
    const commit = git('sha256', 'rev-parse', 'main')
    expect(commit).toMatch(/^[0-9a-f]{64}$/)
    for (const ref of ['main', commit, commit.slice(0, 12)]) {
      expect((await check({ url: other('sha256'), ref })).commit).toBe(commit)
      expect(read('file')).toContain('fsmonitor')
      rmSync(join(dir, 'source'), { recursive: true })
    }
  })

  it('without anything in them have no such ref; what is no repository is said to be none', async () => {
    bare('empty')
    for (const ref of ['main', 'HEAD'])
      await expect(check({ url: other('empty'), ref })).rejects.toMatchObject({ code: 'git-ref-not-found' })
    await expect(check({ url: other('none') })).rejects.toMatchObject({ code: 'git-repository-absent' })
  })

  it.each([
    ['.git', '100644 blob BLOB\t.git\n'],
    ['.GIT', '100644 blob BLOB\t.GIT\n'],
    ['git~1', '100644 blob BLOB\tgit~1\n'],
    ['.g\u200cit', '100644 blob BLOB\t.g\u200cit\n'],
    ['..', '100644 blob BLOB\t..\n'],
    ['.gitmodules that is a link', '120000 blob LINK\t.gitmodules\n'],
  ])('with a path %s are not checked out', async (path, tree) => {
    const name = `path-${Buffer.from(path).toString('hex')}`
    bare(name)
    crafted(name, tree)
    const checked = check({ url: other(name), submodules: async () => null })
    await expect(checked).rejects.toMatchObject({ code: expect.stringMatching(/^git-(path-invalid|failed)$/) })
    expect(readdirSync(join(dir, 'source'))).toEqual([])
  })

  it('run no filter, hook or configuration of their own', async () => {
    const touch = join(dir, 'pwned')
    const config = `[filter "evil"]\n\tsmudge = touch ${touch}\n\trequired = true\n[core]\n\thooksPath = hooks\n`
    server.commit('filter', {
      '.gitattributes': '* filter=evil ident diff=evil merge=evil\n',
      ...{ '.gitconfig': config, '.git-config': config, a: 'plain' },
      'hooks/post-checkout': `#!/bin/sh\ntouch ${touch}\n`,
    })
    await check({ url: other('filter') })
    expect(read('a')).toBe('plain')
    expect(existsSync(touch)).toBe(false)
  })

  it.each([
    ...['ext::sh -c id', '--upload-pack=touch pwned', '-oProxyCommand=x', 'file:///etc', 'git://h/x', 'ftp://h/x'],
    ...[
      'http://-x/y',
      'ssh://-oProxyCommand=x/y',
      'http://h/x%0aHost:%20y',
      'http://h/%00',
      'http://h/a%7fb',
      'fd::17',
    ],
    ...['http::http://x/y', 'javascript:alert(1)', 'http://user:pass@h/x', 'http://h/../x', '/etc', '', 'http://h/x?y'],
  ])('at %j are never asked for', async (url) => {
    await expect(check({ url })).rejects.toMatchObject({ code: expect.stringMatching(/^git-(url|protocol)$/) })
    expect(readdirSync(dir)).toEqual([])
  })

  it('are known by the protocol, however that is written', async () => {
    const commit = server.commit('case', { a: 'b' })
    expect((await check({ url: other('case').replace('http:', 'HTTP:') })).commit).toBe(commit)
  })

  it.each([
    '--upload-pack=x',
    '-x',
    '+main:main',
    'main:x',
    ':',
    'main^{/x}',
    '@{-1}',
    '',
    'a..b',
    'a b',
    'a\nb',
    'x.lock',
  ])('have no ref %j in a recipe', (ref) =>
    expect(Recipe.safeParse({ git: { url: 'https://h/x.git', ref } }).success).toBe(false),
  )

  describe('at a server that', () => {
    const open: (Server & { closeAllConnections?: () => void })[] = []
    const listen = async (one: Server) => {
      await new Promise<void>((listening) => one.listen(0, '127.0.0.1', listening))
      open.push(one)
    }
    afterEach(async () => {
      for (const one of open.splice(0)) {
        one.closeAllConnections?.()
        await new Promise((closed) => one.close(closed))
      }
    })
    /** Answers the list of refs as the real one does, and then takes what comes without a word. */
    const silentAfterRefs = async (): Promise<{ origin: string; asked: Promise<void> }> => {
      const { promise: asked, resolve } = Promise.withResolvers<void>()
      const front = createServer((request, response) => {
        if (request.method === 'POST' && request.headers['git-protocol'] === undefined) return resolve()
        const pass = async () => {
          const body = request.method === 'POST' ? Buffer.concat(await request.toArray()) : undefined
          if (body?.includes('command=fetch')) return resolve()
          const { host: _, connection: __, 'content-length': ___, ...headers } = request.headers
          const answer = await fetch(`${server.origin}${request.url}`, {
            ...{ method: request.method ?? 'GET', headers: headers as Record<string, string> },
            ...(body ? { body } : {}),
          })
          response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
          response.end(Buffer.from(await answer.arrayBuffer()))
        }
        void pass()
      })
      await listen(front)
      return { origin: `http://127.0.0.1:${(front.address() as AddressInfo).port}`, asked }
    }

    it('says nothing more after its refs are left alone after a while, or when they are told to', async () => {
      server.commit('silent', { a: 'b' })
      const front = await silentAfterRefs()
      const url = `${front.origin}/silent.git`
      await expect(check({ url, silence: 1 })).rejects.toMatchObject({ code: 'git-unreachable', retryable: true })
      const stop = new AbortController()
      const second = await silentAfterRefs()
      const asked = check({ url: `${second.origin}/silent.git`, signal: stop.signal })
      asked.catch(() => undefined)
      await second.asked
      stop.abort(new Error('cancelled'))
      await expect(asked).rejects.toThrow('cancelled')
    })

    it('cuts the connection in the middle are tried again by whoever asked', async () => {
      const cut = createTcpServer((socket: Socket) => {
        socket.on('error', () => undefined)
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n001e#'))
      })
      await listen(cut)
      const url = `http://127.0.0.1:${(cut.address() as AddressInfo).port}/x.git`
      await expect(check({ url })).rejects.toMatchObject({ code: 'git-unreachable', retryable: true })
    })

    it('is no git server at all fail with a code', async () => {
      const page = createServer((_, response) => response.end('<html>\n<body>hello</body>\n</html>\n'))
      await listen(page)
      const url = `http://127.0.0.1:${(page.address() as AddressInfo).port}/x.git`
      await expect(check({ url })).rejects.toMatchObject({ code: 'git-repository-absent' })
    })

    it('shows a certificate that nobody vouches for are not read; where it is trusted they are', async () => {
      const certificate = makeCertificate()
      const commit = server.commit('tls', { a: 'b' })
      const front = createSecureServer(certificate, (request, response) => {
        const onward = send(`${server.origin}${request.url}`, { method: request.method, headers: request.headers })
        onward.on('response', (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.pipe(response)
        })
        request.pipe(onward)
      })
      await listen(front)
      const url = `https://localhost:${(front.address() as AddressInfo).port}/tls.git`
      const asked = { url, protocols: ['https'] }
      await expect(check(asked)).rejects.toMatchObject({ code: 'git-tls', retryable: false })
      const before = process.env.SSL_CERT_FILE
      process.env.SSL_CERT_FILE = certificate.file
      try {
        expect((await check(asked)).commit).toBe(commit)
      } finally {
        if (before === undefined) delete process.env.SSL_CERT_FILE
        else process.env.SSL_CERT_FILE = before
        certificate.remove()
      }
    })
  })
})

import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type LfsStore, makeLfsStore } from './lfs-server.ts'

/** A file's text, a symbolic link, or a submodule at a commit. */
export type GitFile = string | { link: string } | { commit: string }

export type GitServer = {
  /** "http://127.0.0.1:PORT" */
  origin: string
  /** where the bare repositories stand */
  root: string
  /** Commits files to the branch `main` of NAME.git, which is made where there is none. Gives the commit. */
  commit: (name: string, files: Record<string, GitFile>, options?: { branch?: string; tag?: string }) => string
  /** every request: its path, and the Authorization it came with */
  requests: { path: string; authorization: string | undefined }[]
  /** called before each answer; set by a test that looks around meanwhile */
  onRequest: () => void
  /** what Git LFS keeps of the repositories here */
  lfs: LfsStore
  close: () => Promise<void>
}

/**
 * Real git over smart HTTP (git http-backend) behind a password (null: open to anybody), on a port of its own. `/moved/…` redirects to `redirectTo`.
 * https://git-scm.com/docs/git-http-backend
 */
export async function startGitServer(
  login: { username: string; password: string } | null,
  redirectTo = 'http://127.0.0.1:9',
): Promise<GitServer> {
  const root = mkdtempSync(join(tmpdir(), 'git-server-'))
  const requests: GitServer['requests'] = []
  const expected = login && `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`
  const server = createServer((request, response) => {
    const { authorization } = request.headers
    const path = request.url ?? '/'
    requests.push({ path, authorization })
    git.onRequest()
    if (path.startsWith('/moved/')) {
      response.writeHead(302, { location: `${redirectTo}${path.slice('/moved'.length)}` }).end()
    } else if (expected !== null && authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end()
    } else if (!git.lfs.answer(git.origin, request, response)) serve(root, request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const git: GitServer = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    root,
    requests,
    lfs: makeLfsStore(),
    onRequest: () => undefined,
    commit: (name, files, options = {}) => commit(root, name, files, options),
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(root, { recursive: true, force: true, maxRetries: 10 })
    },
  }
  return git
}

const run = (cwd: string, ...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    // git-lfs, where it is installed, has filters and hooks in the system's configuration
    env: { ...process.env, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
  })
    .toString()
    .trim()

function commit(
  root: string,
  name: string,
  files: Record<string, GitFile>,
  options: { branch?: string; tag?: string },
): string {
  const bare = join(root, `${name}.git`)
  const work = join(root, 'work', name)
  const branch = options.branch ?? 'main'
  mkdirSync(bare, { recursive: true })
  mkdirSync(work, { recursive: true })
  run(bare, 'init', '--quiet', '--bare', '--initial-branch=main')
  run(work, 'init', '--quiet', '--initial-branch=main')
  const links = Object.entries(files).flatMap(([path, file]) =>
    typeof file === 'object' && 'commit' in file ? [`160000,${file.commit},${path}`] : [],
  )
  for (const [path, file] of Object.entries(files)) {
    const full = join(work, path)
    mkdirSync(dirname(full), { recursive: true })
    rmSync(full, { force: true })
    if (typeof file === 'string') writeFileSync(full, file)
    else if ('link' in file) symlinkSync(file.link, full)
  }
  run(work, 'add', '--all')
  for (const link of links) run(work, 'update-index', '--add', '--cacheinfo', link)
  run(work, 'commit', '--quiet', '--allow-empty', '--message=change')
  if (options.tag) run(work, 'tag', options.tag)
  run(
    work,
    'push',
    '--quiet',
    '--force',
    bare,
    `HEAD:refs/heads/${branch}`,
    ...(options.tag ? [`refs/tags/${options.tag}`] : []),
  )
  return run(work, 'rev-parse', 'HEAD')
}

/** One CGI call. */
function serve(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://server')
  const { headers } = request
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
    },
  })
  child.stdin.on('error', () => undefined) // it may end without reading all of what it is asked
  response.once('close', () => child.kill()) // and would wait for ever for one who has gone
  request.pipe(child.stdin)
  const pieces: Buffer[] = []
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece))
  child.on('close', () => {
    const answer = Buffer.concat(pieces)
    const end = answer.indexOf('\r\n\r\n')
    if (end < 0) return void response.destroy()
    const fields = answer
      .subarray(0, end)
      .toString()
      .split('\r\n')
      .map((line) => line.split(': ') as [string, string])
    const status = fields.find(([name]) => name === 'Status')?.[1] ?? '200'
    response.writeHead(Number.parseInt(status, 10), fields.filter(([name]) => name !== 'Status').flat())
    response.end(answer.subarray(end + 4))
  })
}

import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BuildError } from './build-error.ts'
import type { ClearCredential } from './credentials.ts'
import { gitEnvironment } from './git-environment.ts'
import { parseGitUrl } from './git-url.ts'
import { type Ran, type RunOptions, runProcess } from './run-process.ts'

export type CheckoutRequest = {
  url: string
  /** branch, tag or commit */
  ref: string
  protocols: readonly string[]
  credential: ClearCredential | null
  /** a private directory; git's own data and secrets are gone from it at the end, the files stand in `source` */
  dir: string
  signal: AbortSignal
  log: (text: string) => void
  /** bytes a single pack, and all checked-out files together, may have */
  maxBytes?: number
}

export type Checkout = { dir: string; commit: string }

type Git = (args: string[], more?: Partial<RunOptions>) => Promise<Ran>

const defaultMaxBytes = 2 * 1024 ** 3

/**
 * The files of one commit, without `.git`, submodules or LFS content, and the commit's id. Fetches that ref alone where the server
 * allows it. Errors: `git-url`, `git-protocol`, `git-auth`, `git-redirect`, `git-ref-not-found`, `git-unreachable` (retryable),
 * `checkout-too-large`, `credential-missing`, `git-failed`.
 */
export async function checkOut(request: CheckoutRequest): Promise<Checkout> {
  const url = parseGitUrl(request.url, request.protocols)
  if ('code' in url) throw new BuildError(url.code, url.message)
  const maxBytes = request.maxBytes ?? defaultMaxBytes
  const source = join(request.dir, 'source')
  await mkdir(source, { recursive: true, mode: 0o700 })
  const { env, secret } = await gitEnvironment(request.dir, url, request.protocols, request.credential)
  const git: Git = (args, more = {}) =>
    // No file that git writes may be larger: `ulimit -f` counts blocks of 512 bytes.
    runProcess('/bin/sh', ['-c', 'ulimit -f "$0"; exec git "$@"', String(Math.ceil(maxBytes / 512)), ...args], {
      env,
      cwd: request.dir,
      signal: request.signal,
      notesDir: request.dir,
      ...more,
    })
  const offered = secret === undefined ? {} : { secret }
  const must = async (args: string[]) => {
    const ran = await git(args)
    if (ran.code !== 0) throw gitError(ran.stderr, url.text)
    return ran.stdout.trim()
  }
  await must(['init', '--quiet', '--template='])
  request.log(`fetching ${request.ref} of ${url.text}\n`)
  const alone = await git(['fetch', '--depth=1', '--no-tags', '--quiet', '--', url.text, request.ref], offered)
  if (alone.code === 0) await must(['update-ref', 'refs/drydock/wanted', 'FETCH_HEAD^{commit}'])
  else if (needsWhole(alone.stderr)) {
    const all = ['+refs/heads/*:refs/drydock/heads/*', '+refs/tags/*:refs/drydock/tags/*']
    const whole = await git(['fetch', '--no-tags', '--quiet', '--', url.text, ...all], offered)
    if (whole.code !== 0) throw gitError(whole.stderr, url.text)
    await must(['update-ref', 'refs/drydock/wanted', await commitOf(request.ref, git)])
  } else throw gitError(alone.stderr, url.text)
  const commit = await must(['rev-parse', 'refs/drydock/wanted'])
  await checkSize(commit, git, maxBytes)
  await must(['checkout', '--quiet', '--force', '--detach', commit])
  request.log(`checked out ${commit}\n`)
  for (const name of ['git', 'askpass', 'key', 'known_hosts']) {
    await rm(join(request.dir, name), { recursive: true, force: true })
  }
  return { dir: source, commit }
}

/** A server may know the ref only among all refs (an abbreviated commit), refuse a bare commit, or not do shallow fetches. */
const needsWhole = (stderr: string): boolean =>
  /couldn't find remote ref|unadvertised object|not our ref|does not support shallow|dumb http/i.test(stderr)

/** Among everything fetched: a tag or branch of that name, else a commit by its (abbreviated) id. */
async function commitOf(ref: string, git: Git): Promise<string> {
  const hex = /^[0-9a-f]{7,64}$/.test(ref) ? [ref] : []
  for (const name of [`refs/drydock/tags/${ref}`, `refs/drydock/heads/${ref}`, ...hex]) {
    const found = await git(['rev-parse', '--verify', '--quiet', `${name}^{commit}`])
    if (found.code === 0) return found.stdout.trim()
  }
  throw new BuildError('git-ref-not-found', `the repository has no branch, tag or commit ${ref}`)
}

/** Adds up the files' sizes before any is written: a small pack can unfold into very much. */
async function checkSize(commit: string, git: Git, maxBytes: number): Promise<void> {
  let total = 0
  let line = ''
  const onOutput = (text: string) => {
    const lines = (line + text).split('\n')
    line = lines.pop() ?? ''
    for (const entry of lines) total += Number(/^\d+ blob [0-9a-f]+ +(\d+)\t/.exec(entry)?.[1] ?? 0)
  }
  await git(['ls-tree', '-r', '-l', commit], { onOutput })
  if (total > maxBytes)
    throw new BuildError('checkout-too-large', `its files have ${total} bytes; ${maxBytes} are allowed`)
}

/** What git said, told apart. The address holds no secret, and git writes the password nowhere. */
function gitError(stderr: string, url: string): BuildError {
  const said = stderr.trim().split('\n').slice(-4).join(' ').slice(0, 600)
  const error = (code: string, message: string, retryable = false) =>
    new BuildError(code, `${message} (${said})`, { retryable })
  if (/died of signal 25|File size limit|File too large/i.test(stderr))
    return error('checkout-too-large', `${url} is too large`)
  if (/returned error: 30\d/.test(stderr))
    return error('git-redirect', `${url} redirects elsewhere: write the new address`)
  if (
    /Authentication failed|could not read (Username|Password)|returned error: 40[13]|Permission denied/i.test(stderr)
  ) {
    return error('git-auth', `${url} refuses us`)
  }
  if (/transport '.*' not allowed/.test(stderr)) return error('git-protocol', `${url} may not be used`)
  if (
    /Could not resolve|Failed to connect|Connection (refused|reset|timed out)|returned error: 5\d\d|timed out/i.test(
      stderr,
    )
  ) {
    return error('git-unreachable', `${url} does not answer`, true)
  }
  if (/not our ref|couldn't find remote ref/i.test(stderr)) return error('git-ref-not-found', `${url} does not have it`)
  return error('git-failed', `git could not fetch ${url}`)
}

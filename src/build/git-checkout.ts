/**
 * in: an address, a ref, a credential. out: the files of one commit, its id, and those of its submodules and of Git LFS where wanted.
 * guarantees: nothing outside the directory is written, no configuration but ours applies, and no secret is left behind.
 */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BuildError } from './build-error.ts'
import type { ClearCredential } from './credentials.ts'
import { gitEnvironment } from './git-environment.ts'
import { gitError } from './git-error.ts'
import { fetchLfs } from './git-lfs.ts'
import { type Git, gitIn } from './git-run.ts'
import { checkOutSubmodules, readSubmodules, type Submodule } from './git-submodules.ts'
import { type GitUrl, parseGitUrl } from './git-url.ts'
import { readTree, type TreeLimits } from './read-tree.ts'
import { setTimes } from './set-times.ts'

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
  /** fetch what Git LFS keeps; else its pointers stay as they are */
  lfs?: boolean
  /** the credential for a submodule's address, null = as anybody; without it submodules stay empty */
  submodules?: (url: GitUrl) => Promise<ClearCredential | null>
  /** bytes a single pack, and all checked-out files together, may have */
  maxBytes?: number
  /** files and directories of the whole checkout */
  maxFiles?: number
  /** seconds for which an http server may say nothing */
  silence?: number
}

export type Checkout = { dir: string; commit: string }

/** One repository of a checkout. `data`: a directory for git's own data; `tree`: where its files go. */
export type Work = { url: GitUrl; ref: string; credential: ClearCredential | null; data: string; tree: string }

const defaultMaxBytes = 2 * 1024 ** 3
const defaultMaxFiles = 1_000_000

/**
 * The files of one commit, without `.git`, each with the commit's time, and the commit's id. Fetches that ref alone where the server allows it. Errors: `git-url`,
 * `git-protocol`, `git-auth`, `git-host-key`, `git-tls`, `git-redirect`, `git-repository-absent`, `git-ref-not-found`, `git-path-invalid`, `git-unreachable` (retryable),
 * `checkout-too-large`, `credential-missing`, `submodule-invalid`, `lfs-absent`, `lfs-invalid`, `lfs-not-offered`, `git-failed`.
 */
export async function checkOut(request: CheckoutRequest): Promise<Checkout> {
  const url = parseGitUrl(request.url, request.protocols)
  if ('code' in url) throw new BuildError(url.code, url.message)
  const tree = join(request.dir, 'source')
  await mkdir(tree, { recursive: true, mode: 0o700 })
  const limits = { bytes: request.maxBytes ?? defaultMaxBytes, files: request.maxFiles ?? defaultMaxFiles }
  const work = { url, ref: request.ref, credential: request.credential, data: request.dir, tree }
  const { commit, time, submodules } = await checkOutOne(request, work, limits)
  request.log(`checked out ${commit}\n`)
  if (request.submodules) {
    const data = join(request.dir, 'modules')
    const one = (module: Work) => checkOutOne(request, module, limits)
    await checkOutSubmodules({ ...request, submodules: request.submodules, top: tree, data, one }, work, submodules)
    await rm(data, { recursive: true, force: true })
  }
  await setTimes(tree, time, request.signal)
  return { dir: tree, commit }
}

/** `time`: the commit's. */
export type CheckedOut = { commit: string; time: Date; submodules: Submodule[] }

/** `limits`: what the whole checkout may still have; becomes less. */
async function checkOutOne(request: CheckoutRequest, work: Work, limits: TreeLimits): Promise<CheckedOut> {
  const { url, ref, data, tree } = work
  const { env, secret } = await gitEnvironment(data, url, request.protocols, work.credential, request.silence)
  const git = gitIn({
    ...{ env: { ...env, GIT_WORK_TREE: tree }, cwd: data, notesDir: request.dir },
    ...{ signal: request.signal, maxBytes: limits.bytes, url: url.text },
  })
  request.log(`fetching ${ref} of ${url.text}\n`)
  const offered = secret === undefined ? {} : { secret }
  const fetchAs = async (format: ObjectFormat) => {
    await rm(join(data, 'git'), { recursive: true, force: true })
    await git.must(['init', '--quiet', '--template=', ...(format === 'sha1' ? [] : [`--object-format=${format}`])])
    return fetchCommit(git, url, ref, offered)
  }
  const [likely, other] = /^[0-9a-f]{64}$/.test(ref) ? (['sha256', 'sha1'] as const) : (['sha1', 'sha256'] as const)
  const commit = (await fetchAs(likely)) ?? (await fetchAs(other))
  if (commit === null) throw new BuildError('git-failed', `${url.text} has objects of no format that is known`)
  const { bytes, files, links } = await readTree(git, commit, request.signal, limits)
  limits.bytes -= bytes
  limits.files -= files
  await git.must(['checkout', '--quiet', '--force', '--detach', commit])
  const time = timeOf(await git.must(['show', '--no-patch', '--format=%ct', commit]))
  const submodules = request.submodules ? await readSubmodules(git, commit, links) : []
  if (request.lfs)
    limits.bytes -= await fetchLfs(git, { ...work, commit, offered, maxBytes: limits.bytes, log: request.log })
  for (const name of ['git', 'askpass', 'key', 'known_hosts'])
    await rm(join(data, name), { recursive: true, force: true })
  return { commit, time, submodules }
}

/** Seconds, as git gives them: of a commit that says nonsense, the beginning. */
const timeOf = (said: string): Date => new Date((Number(said) || 0) * 1000)

type ObjectFormat = 'sha1' | 'sha256'

/** Null: the server's objects are of the other format. https://git-scm.com/docs/hash-function-transition */
async function fetchCommit(git: Git, url: GitUrl, ref: string, offered: { secret?: string }): Promise<string | null> {
  const alone = await git.run(['fetch', '--depth=1', '--no-tags', '--quiet', '--', url.text, ref], offered)
  if (alone.code === 0) await keep(git, 'FETCH_HEAD^{commit}', url, ref)
  else if (isOtherFormat(alone.stderr)) return null
  else if (needsWhole(alone.stderr)) {
    const all = ['+refs/heads/*:refs/drydock/heads/*', '+refs/tags/*:refs/drydock/tags/*']
    const whole = await git.run(['fetch', '--no-tags', '--quiet', '--', url.text, ...all], offered)
    if (isOtherFormat(whole.stderr)) return null
    if (whole.code !== 0) throw gitError(whole.stderr, url.text)
    await keep(git, await commitOf(ref, git), url, ref)
  } else throw gitError(alone.stderr, url.text)
  return git.must(['rev-parse', 'refs/drydock/wanted'])
}

const isOtherFormat = (stderr: string): boolean => /mismatched algorithms/i.test(stderr)

async function keep(git: Git, found: string, url: GitUrl, ref: string): Promise<void> {
  const kept = await git.run(['update-ref', 'refs/drydock/wanted', found])
  if (kept.code === 0) return
  if (/expected commit type/.test(kept.stderr))
    throw new BuildError('git-ref-not-found', `${ref} of ${url.text} is no commit, but a file or a directory`)
  throw gitError(kept.stderr, url.text)
}

/** A server may know the ref only among all refs (an abbreviated commit), refuse a bare commit, or not do shallow fetches. */
const needsWhole = (stderr: string): boolean =>
  /couldn't find remote ref|unadvertised object|not our ref|does not support shallow|dumb http/i.test(stderr)

/** Among everything fetched: a tag or branch of that name, else a commit by its (abbreviated) id. */
async function commitOf(ref: string, git: Git): Promise<string> {
  const hex = /^[0-9a-f]{7,64}$/.test(ref) ? [ref] : []
  for (const name of [`refs/drydock/tags/${ref}`, `refs/drydock/heads/${ref}`, ...hex]) {
    const found = await git.run(['rev-parse', '--verify', '--quiet', `${name}^{commit}`])
    if (found.code === 0) return found.stdout.trim()
  }
  throw new BuildError('git-ref-not-found', `the repository has no branch, tag or commit ${ref}`)
}

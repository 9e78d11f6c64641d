/**
 * in: the body of a push webhook of GitHub, GitLab, Gitea or Forgejo. out: what was pushed, in one form.
 * guarantees: total; nothing in a body is trusted beyond its form; a list of files is whole, or there is none.
 * https://docs.github.com/webhooks/webhook-events-and-payloads#push https://docs.gitlab.com/user/project/integrations/webhook_events/
 * https://docs.gitea.com/usage/webhooks
 */
import { z } from 'zod'
import { repositoryKey } from './repository-key.ts'

export type GitPush = {
  /** keys of all addresses that the server gives for the repository */
  repositories: ReadonlySet<string>
  /** "refs/heads/…" or "refs/tags/…" */
  ref: string
  deleted: boolean
  /** what the ref is at now; null where it was deleted */
  commit: string | null
  pusher: string | null
  defaultBranch: string | null
  /** paths that were added, changed or removed; null where the server did not tell all of them */
  files: readonly string[] | null
}

const names = z.array(z.string()).nullable()
const Commit = z.object({ added: names, modified: names, removed: names })
const text = z.string().nullish().catch(null)

const addresses = [
  'clone_url',
  'ssh_url',
  'git_url',
  'html_url',
  'svn_url',
  'git_http_url',
  'git_ssh_url',
  'web_url',
  'url',
] as const
const Repository = z.object({
  ...(Object.fromEntries(addresses.map((name) => [name, text])) as Record<(typeof addresses)[number], typeof text>),
  default_branch: text,
})
const person = z.object({ name: text, login: text, username: text }).nullish().catch(null)

const Body = z.object({
  ref: z.string().min(1).max(1000),
  before: text,
  after: text,
  deleted: z.boolean().nullish().catch(null),
  created: z.boolean().nullish().catch(null),
  forced: z.boolean().nullish().catch(null),
  // GitLab says both; `project` has the addresses and the default branch
  repository: Repository.nullish(),
  project: Repository.nullish(),
  // an annotated tag is at an object of its own, and these at the commit
  checkout_sha: text,
  head_commit: z.object({ id: text }).nullish().catch(null),
  pusher: person,
  user_username: text,
  user_name: text,
  commits: z.array(z.unknown()).nullish().catch(null),
  total_commits_count: z.number().nullish().catch(null),
  total_commits: z.number().nullish().catch(null),
})
type Body = z.infer<typeof Body>

/** GitHub names at most so many commits of a push; of a commit's files some of its listings say 3,000 at most, others 300. */
const mostCommits = 2048
const mostFiles = 300

/** Null: it is no push. */
export function readGitPush(body: unknown): GitPush | null {
  const parsed = Body.safeParse(body)
  if (!parsed.success || !/^refs\/(heads|tags)\/./.test(parsed.data.ref)) return null
  const push = parsed.data
  const said = [push.repository, push.project].flatMap((repository) => addresses.map((name) => repository?.[name]))
  const repositories = new Set(said.flatMap((url) => (url ? (repositoryKey(url) ?? []) : [])))
  if (repositories.size === 0) return null
  const deleted = push.deleted === true || isNothing(push.after)
  return {
    repositories,
    ref: push.ref,
    deleted,
    commit: deleted ? null : commitOf(push.checkout_sha ?? push.head_commit?.id ?? push.after),
    pusher: plain(
      push.pusher?.login ?? push.pusher?.username ?? push.pusher?.name ?? push.user_username ?? push.user_name,
    ),
    defaultBranch: push.project?.default_branch ?? push.repository?.default_branch ?? null,
    files: filesOf(push),
  }
}

/**
 * A new or forced ref differs from what was built by more than its commits; a list may be cut, and files left out. Whole is a list only
 * by the word of who sent it: GitLab and newer Giteas count the commits, GitHub says whether the push was forced.
 */
function filesOf(push: Body): readonly string[] | null {
  const { commits } = push
  if (!commits || commits.length === 0 || commits.length >= mostCommits) return null
  if (push.created || push.forced || isNothing(push.before)) return null
  const count = push.total_commits_count ?? push.total_commits ?? (typeof push.forced === 'boolean' ? 0 : Infinity)
  if (count > commits.length) return null
  const files = new Set<string>()
  for (const said of commits) {
    const commit = Commit.safeParse(said)
    if (!commit.success) return null
    const own = [commit.data.added, commit.data.modified, commit.data.removed].flatMap((list) => list ?? [])
    if (own.length >= mostFiles) return null
    for (const file of own) files.add(file)
  }
  return files.size === 0 ? null : [...files]
}

const isNothing = (commit: string | null | undefined): boolean => /^0{40,64}$/.test(commit ?? '')

const commitOf = (said: string | null | undefined): string | null =>
  /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(said ?? '') ? (said ?? null) : null

/** What a client wrote, as one short line. */
const plain = (said: string | null | undefined): string | null =>
  said
    ?.toWellFormed()
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ')
    .trim()
    .slice(0, 100) || null

/**
 * in: a commit's .gitmodules and the places where its tree has submodules. out: each checked out at its commit, and theirs in turn.
 * guarantees: git's own submodule command is not used: every address passes the same checks as a recipe's, each repository has data of
 * its own apart from the files, and nothing is written through a symbolic link.
 */
import { mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { BuildError } from './build-error.ts'
import type { ClearCredential } from './credentials.ts'
import type { CheckedOut, Work } from './git-checkout.ts'
import type { Git } from './git-run.ts'
import { type GitUrl, parseGitUrl } from './git-url.ts'
import type { GitLink } from './read-tree.ts'
import { submoduleUrl } from './submodule-url.ts'

/** `url` as .gitmodules writes it: absolute, or relative to the address of the repository that names it. */
export type Submodule = GitLink & { url: string }

const mostModules = 100
const mostDeep = 10

type Context = {
  protocols: readonly string[]
  submodules: (url: GitUrl) => Promise<ClearCredential | null>
  /** the top of all files */
  top: string
  /** for git's own data of all of them */
  data: string
  one: (work: Work) => Promise<CheckedOut>
}

/** What .gitmodules says of the submodules that the tree has; those with `update = none` are left out. Error: `submodule-invalid`. */
export async function readSubmodules(git: Git, commit: string, links: readonly GitLink[]): Promise<Submodule[]> {
  if (links.length === 0) return []
  const file = `${commit}:.gitmodules`
  const said = await git.run(['config', '--blob', file, '--no-includes', '--null', '--list'])
  if (said.code !== 0)
    throw invalid(`it has submodules, and no .gitmodules that can be read (${said.stderr.trim().slice(0, 200)})`)
  const modules = new Map<string, Record<string, string>>()
  for (const entry of said.stdout.split('\0')) {
    const [, name, key, value] = /^submodule\.(.*)\.([a-z]+)\n(.*)$/s.exec(entry) ?? []
    if (name !== undefined && key && value !== undefined) modules.set(name, { ...modules.get(name), [key]: value })
  }
  const byPath = new Map([...modules.values()].map((module) => [module.path, module]))
  return links.flatMap(({ path, commit: id }) => {
    const module = byPath.get(path)
    if (module?.update === 'none') return []
    if (module?.url === undefined) throw invalid(`.gitmodules has no address for ${path}`)
    return [{ path, commit: id, url: module.url }]
  })
}

/** One after another, each below its parent; `parent` is the repository that names `modules`. */
export async function checkOutSubmodules(c: Context, parent: Work, modules: readonly Submodule[]): Promise<void> {
  let count = 0
  const descend = async (above: Work, below: readonly Submodule[], depth: number): Promise<void> => {
    for (const module of below) {
      if (++count > mostModules) throw invalid(`it has more than ${mostModules} submodules`)
      if (depth > mostDeep) throw invalid(`its submodules have submodules more than ${mostDeep} deep`)
      const work = await workOf(c, above, module, String(count))
      await descend(work, (await c.one(work)).submodules, depth + 1)
    }
  }
  await descend(parent, modules, 1)
}

async function workOf(c: Context, parent: Work, module: Submodule, name: string): Promise<Work> {
  const text = submoduleUrl(parent.url.text, module.url)
  const url = text === null ? null : parseGitUrl(text, c.protocols)
  if (url === null || 'code' in url)
    throw invalid(`submodule ${module.path}: ${url === null ? 'its relative address leads nowhere' : url.message}`)
  const tree = await place(c.top, join(parent.tree, module.path))
  const data = join(c.data, name)
  await mkdir(data, { recursive: true, mode: 0o700 })
  return { url, ref: module.commit, credential: await c.submodules(url), data, tree }
}

/** The empty directory that the checkout left for a submodule. Where any part of its path is a link, it is no such. */
async function place(top: string, path: string): Promise<string> {
  const real = await realpath(path).catch(() => null)
  const expected = join(await realpath(top), path.slice(top.length))
  if (real !== expected) throw invalid(`the place of a submodule lies behind a link, or is no directory`)
  return path
}

const invalid = (why: string): BuildError =>
  new BuildError('submodule-invalid', `submodules cannot be checked out: ${why}`)

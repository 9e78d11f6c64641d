import { BuildError } from './build-error.ts'
import type { Git } from './git-run.ts'

/** A submodule as a commit has it: where it stands, and at which commit. */
export type GitLink = { path: string; commit: string }

/** What a checkout may have: bytes of all files together, and files with their directories. */
export type TreeLimits = { bytes: number; files: number }

const mostLinks = 10_000
/** No file system here takes a longer path. */
const longestPath = 4096

/**
 * Reads a commit's tree before any of it is written: what its files have together, in bytes, how many files and directories there are
 * (a small pack can unfold into very much of either), and where submodules stand. Ends git at the first entry too many, so that as
 * much is kept as is allowed. Error: `checkout-too-large`.
 */
export async function readTree(
  git: Git,
  commit: string,
  signal: AbortSignal,
  most: TreeLimits,
): Promise<TreeLimits & { links: GitLink[] }> {
  const links: GitLink[] = []
  const enough = new AbortController()
  const tooLarge = (why: string) => enough.abort(new BuildError('checkout-too-large', why))
  let bytes = 0
  let files = 0
  let rest = ''
  let before: string[] = []
  const take = (entry: string) => {
    const [, kind, id = '', size, path = ''] = /^\d+ (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(entry) ?? []
    if (kind === 'blob') bytes += Number(size)
    if (kind === 'commit') links.push({ path, commit: id })
    const parts = path.split('/')
    files += newParts(before, parts)
    before = parts
    if (path.length > longestPath) tooLarge(`a path in it is longer than ${longestPath}`)
    else if (links.length > mostLinks) tooLarge(`it has more than ${mostLinks} submodules`)
    else if (files > most.files) tooLarge(`it has more than ${most.files} files and directories`)
    else if (bytes > most.bytes) tooLarge(`its files have ${bytes} bytes or more; ${most.bytes} are allowed`)
  }
  const onOutput = (text: string) => {
    if (enough.signal.aborted) return
    const entries = (rest + text).split('\0')
    rest = entries.pop() ?? ''
    if (rest.length > longestPath + 200) return tooLarge(`a path in it is longer than ${longestPath}`)
    for (const entry of entries) {
      take(entry)
      if (enough.signal.aborted) return
    }
  }
  const until = AbortSignal.any([signal, enough.signal])
  await git.must(['ls-tree', '-r', '-l', '-z', '--full-tree', commit], { onOutput, signal: until })
  enough.signal.throwIfAborted()
  return { bytes, files, links }
}

/** How much of a path is not on the way to the one before it: entries come in the order of the tree, so that a directory counts once. */
function newParts(before: readonly string[], parts: readonly string[]): number {
  let shared = 0
  while (shared < parts.length - 1 && before[shared] === parts[shared]) shared++
  return parts.length - shared
}

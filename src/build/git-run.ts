import { BuildError } from './build-error.ts'
import { gitError } from './git-error.ts'
import { type Ran, type RunOptions, runProcess } from './run-process.ts'

export type GitRun = {
  env: Record<string, string>
  cwd: string
  /** where the running process group is noted */
  notesDir: string
  signal: AbortSignal
  /** bytes that any single file may have which git writes */
  maxBytes: number
  /** for errors */
  url: string
}

type More = Partial<Pick<RunOptions, 'onOutput' | 'secret'>> & { toFile?: string }

/** `run` gives whatever came of it; `must` gives its output, or throws what git said as a BuildError. */
export type Git = {
  run(args: readonly string[], more?: More): Promise<Ran>
  must(args: readonly string[], more?: More): Promise<string>
}

/** `ulimit -f` counts blocks of 512 bytes. Without `toFile` an output is kept up to its last MiB. */
const script = (toFile: boolean): string =>
  toFile ? 'ulimit -f "$0"; out=$1; shift; exec git "$@" >"$out"' : 'ulimit -f "$0"; exec git "$@"'

export function gitIn({ env, cwd, notesDir, signal, maxBytes, url }: GitRun): Git {
  const blocks = String(Math.ceil(maxBytes / 512))
  const run: Git['run'] = (args, { toFile, ...more } = {}) =>
    runProcess(
      '/bin/sh',
      ['-c', script(toFile !== undefined), blocks, ...(toFile === undefined ? [] : [toFile]), ...args],
      {
        ...{ env, cwd, signal, notesDir },
        ...more,
      },
    )
  return {
    run,
    async must(args, more) {
      const ran = await run(args, more)
      if (ran.code !== 0) throw gitError(ran.stderr, url)
      return ran.stdout.trim()
    },
  }
}

/** A submodule as a commit has it: where it stands, and at which commit. */
export type GitLink = { path: string; commit: string }

/**
 * Reads a commit's tree before any of it is written: what its files have together, in bytes (a small pack can unfold into very much),
 * and where submodules stand. Error: `checkout-too-large`.
 */
export async function readTree(
  git: Git,
  commit: string,
  maxBytes: number,
): Promise<{ bytes: number; links: GitLink[] }> {
  const links: GitLink[] = []
  let bytes = 0
  let rest = ''
  const onOutput = (text: string) => {
    const entries = (rest + text).split('\0')
    rest = entries.pop() ?? ''
    for (const entry of entries) {
      const [, kind, id = '', size, path = ''] = /^\d+ (\w+) ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(entry) ?? []
      if (kind === 'blob') bytes += Number(size)
      if (kind === 'commit') links.push({ path, commit: id })
    }
  }
  await git.must(['ls-tree', '-r', '-l', '-z', '--full-tree', commit], { onOutput })
  if (bytes > maxBytes)
    throw new BuildError('checkout-too-large', `its files have ${bytes} bytes; ${maxBytes} are allowed`)
  return { bytes, links }
}

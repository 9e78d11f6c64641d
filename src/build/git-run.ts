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

type More = Partial<Pick<RunOptions, 'onOutput' | 'secret' | 'signal'>> & { toFile?: string }

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

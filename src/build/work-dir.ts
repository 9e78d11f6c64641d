import { lstat, mkdir, readdir, readlink, rename, rm, rmdir, symlink, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Claim } from './claim.ts'
import { endOrphans } from './orphans.ts'
import { processStart } from './process-group.ts'

const ours = /^drydock-(build|service|recipe)-[0-9a-f-]{36}(-[0-9a-f]{8})?(\.abandoned)?$/

/**
 * Where an attempt at a build works: on whatever host, readable by us alone, gone afterwards. Its own, by the beginning of its token, so that
 * it can remove it whoever has the build by then. A build service has the ids of its trackers, and may stand on the same machine: its
 * directories are others.
 */
export const workDirOf = (claim: Pick<Claim, 'id' | 'job' | 'token'>): string =>
  join(tmpdir(), `${nameOf(claim)}-${claim.token.slice(0, 8)}`)

const nameOf = ({ id, job }: Pick<Claim, 'id' | 'job'>): string => `drydock-${job === null ? 'build' : 'service'}-${id}`

/** All that attempts at this build left here, whoever made them; of our own user only. */
export async function workDirsOf(claim: Pick<Claim, 'id' | 'job'>, root = tmpdir()): Promise<string[]> {
  const left: string[] = []
  for (const name of await readdir(root)) {
    if (!name.startsWith(nameOf(claim)) || !ours.test(name)) continue
    const found = await lstat(join(root, name)).catch(orNull('ENOENT'))
    if (found?.isDirectory() && found.uid === process.getuid?.()) left.push(join(root, name))
  }
  return left
}

/** One without a note is that of a process that was killed before it could make it; so long after, no living one can be about to. */
const noteless = 3_600_000

/** A private directory of this process under the system's temporary one, that says whose it is: `removeAbandoned` leaves it alone as long as we live. */
export async function makeWorkDir(dir: string): Promise<void> {
  await mkdir(dir, { mode: 0o700 })
  ownStart ??= processStart(process.pid)
  // a link that leads nowhere: made in one step, so that it is never half there
  await symlink(`${process.pid} ${await ownStart}`, join(dir, 'owner'))
}

/** Never changes; asked for once. */
let ownStart: Promise<string | null> | undefined

/** What `makeWorkDir` made, with all that is in it by now. */
export async function removeWorkDir(dir: string): Promise<void> {
  const isGone = await unlink(join(dir, 'owner'))
    .then(() => rmdir(dir))
    .then(
      () => true,
      () => false, // more is in it, or it is gone
    )
  if (!isGone) await rm(dir, { recursive: true, force: true })
}

/**
 * Ends the programs and removes the directories of processes that died: keys and checkouts lie there. Only of our own user, only what
 * `makeWorkDir` made, only where that very process (number and start) is gone, or nobody said whose it is for an hour. Gives the names removed;
 * what cannot be removed keeps none of the others, and is told at the end (AggregateError).
 */
export async function removeAbandoned(root = tmpdir(), now = new Date()): Promise<string[]> {
  const removed: string[] = []
  const failures: unknown[] = []
  for (const name of (await readdir(root)).filter((entry) => ours.test(entry))) {
    const dir = join(root, name)
    try {
      if (!(await isAbandoned(dir, now))) continue
      await clear(await outOfTheWay(dir))
      removed.push(name)
    } catch (error) {
      // another process's sweep had it
      if (!isOneOf(error, 'ENOENT')) failures.push(error)
    }
  }
  if (failures.length === 0) return removed
  const rest = removed.length > 0 ? `; removed: ${removed.join(', ')}` : ''
  throw new AggregateError(failures, `${failures.length} directories of dead processes cannot be removed${rest}`)
}

/** Out of the way of who takes the same build over just now. */
async function outOfTheWay(dir: string): Promise<string> {
  if (dir.endsWith('.abandoned')) return dir
  const away = `${dir}.abandoned`
  await rename(dir, away).catch(async (error: unknown) => {
    if (!isOneOf(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw error
    // whoever put one there before died at it
    await clear(away)
    await rename(dir, away)
  })
  return away
}

async function clear(away: string): Promise<void> {
  await endOrphans(away)
  await endOrphans(join(away, 'checkout'))
  await rm(away, { recursive: true, force: true })
}

/** False where it cannot be told: there is no /proc. */
async function isAbandoned(dir: string, now: Date): Promise<boolean> {
  try {
    const found = await lstat(dir)
    if (!found.isDirectory() || found.uid !== process.getuid?.()) return false
    if ((await processStart(process.pid)) === null) return false
    const note = await noteIn(dir)
    if (note === null) return now.getTime() - found.mtimeMs > noteless
    const [pid, start] = note.split(' ')
    return start !== undefined && start !== 'null' && (await processStart(Number(pid))) !== start
  } catch (error) {
    if (isOneOf(error, 'ENOENT', 'EACCES', 'ENOTDIR')) return false
    throw error
  }
}

/** Null where nobody noted whose it is. */
const noteIn = (dir: string): Promise<string | null> =>
  readlink(join(dir, 'owner')).catch((error: unknown) => {
    // EINVAL: no link of ours
    if (isOneOf(error, 'ENOENT', 'EINVAL')) return null
    throw error
  })

const orNull =
  (...codes: string[]) =>
  (error: unknown): null => {
    if (isOneOf(error, ...codes)) return null
    throw error
  }

const isOneOf = (error: unknown, ...codes: string[]): boolean =>
  codes.includes((error as NodeJS.ErrnoException).code ?? '')

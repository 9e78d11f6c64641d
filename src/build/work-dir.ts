import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endOrphans } from './orphans.ts'
import { processStart } from './process-group.ts'

const ours = /^drydock-(build|service|recipe)-[0-9a-f-]{36}(\.abandoned)?$/

/** A private directory of this process under the system's temporary one, that says whose it is: `removeAbandoned` leaves it alone as long as we live. */
export async function makeWorkDir(dir: string): Promise<void> {
  await mkdir(dir, { mode: 0o700 })
  await writeFile(join(dir, 'owner'), `${process.pid} ${await processStart(process.pid)}`, { mode: 0o600 })
}

/**
 * Ends the programs and removes the directories of processes that died: keys and checkouts lie there. Only of our own user, only what
 * `makeWorkDir` made, only where that very process (number and start) is gone. Gives the names removed.
 */
export async function removeAbandoned(root = tmpdir()): Promise<string[]> {
  const removed: string[] = []
  for (const name of (await readdir(root)).filter((entry) => ours.test(entry))) {
    const dir = join(root, name)
    if (!(await isAbandoned(dir))) continue
    // Out of the way of who takes the same build over just now.
    const away = dir.endsWith('.abandoned') ? dir : `${dir}.abandoned`
    await rename(dir, away)
    await endOrphans(away)
    await endOrphans(join(away, 'checkout'))
    await rm(away, { recursive: true, force: true })
    removed.push(name)
  }
  return removed
}

/** False where it cannot be told: nobody noted whose it is, or there is no /proc. */
async function isAbandoned(dir: string): Promise<boolean> {
  try {
    const found = await lstat(dir)
    const [pid, start] = (await readFile(join(dir, 'owner'), 'utf8')).split(' ')
    if (!found.isDirectory() || found.uid !== process.getuid?.()) return false
    if ((await processStart(process.pid)) === null) return false
    return start !== undefined && start !== 'null' && (await processStart(Number(pid))) !== start
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

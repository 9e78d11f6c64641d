import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { join } from 'node:path'

/**
 * The directory in which docker-machine keeps what it knows of its machines, without which nobody can reach or remove them. `id` is
 * kept in the directory itself: rows name it as their owner, so that only those who have this directory act on its machines, and
 * one that was lost is never taken for machines that are gone.
 */
export type MachineStore = { path: string; id: string }

/** Where docker-machine itself would look. */
export const storePath = (env: Readonly<Record<string, string | undefined>>): string =>
  env.MACHINE_STORAGE_PATH || join(env.HOME || homedir(), '.docker/machine')

/** Opens it; a new one gets its id, the host's name and something random, from whichever process comes first. */
export async function openStore(path: string): Promise<MachineStore> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  const file = join(path, 'drydock-store')
  const known = await read(file)
  if (known !== null) return { path, id: known }
  const random = randomBytes(4).toString('hex')
  const own = `${file}-${random}`
  await writeFile(own, `${hostname()}-${random}\n`, { mode: 0o600 })
  await link(own, file).catch(ignore('EEXIST'))
  await rm(own)
  return { path, id: (await read(file))! }
}

const read = async (file: string): Promise<string | null> =>
  (await readFile(file, 'utf8').catch(ignore('ENOENT')))?.trim() ?? null

const ignore =
  (code: string) =>
  (error: NodeJS.ErrnoException): null => {
    if (error.code !== code) throw error
    return null
  }

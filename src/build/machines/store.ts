import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { join } from 'node:path'
import { BuildError } from '../build-error.ts'
import { ifAbsent } from './if-absent.ts'

/**
 * The directory in which docker-machine keeps what it knows of its machines, without which nobody can reach or remove them. `id` is
 * kept in the directory itself: rows name it as their owner, so that only those who have this directory act on its machines, and
 * one that was lost is never taken for machines that are gone.
 */
export type MachineStore = { path: string; id: string }

/** Where docker-machine itself would look. */
export const storePath = (env: Readonly<Record<string, string | undefined>>): string =>
  env.MACHINE_STORAGE_PATH || join(env.HOME || homedir(), '.docker/machine')

/**
 * Opens it; a new one gets its id, the host's name and something random, from whichever process comes first. Error: `machine-store`.
 */
export const openStore = (path: string): Promise<MachineStore> => usable(path, () => open(path))

async function open(path: string): Promise<MachineStore> {
  await mkdir(path, { recursive: true, mode: 0o700 })
  const file = idFile(path)
  const known = await read(file)
  if (known) return { path, id: known }
  const random = randomBytes(4).toString('hex')
  const own = `${file}-${random}`
  await writeFile(own, `${hostname()}-${random}\n`, { mode: 0o600 })
  await link(own, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  await rm(own)
  const id = await read(file)
  if (!id) throw unusable(`${file} is empty: remove it, or put back what was in it`)
  return { path, id }
}

/**
 * That it is still the one that was opened: a volume that went away leaves an empty directory, in which every machine would look gone.
 * Error: `machine-store`.
 */
export async function checkStore({ path, id }: MachineStore): Promise<void> {
  const known = await read(idFile(path)).catch((error: Error) => error.message)
  if (known === id) return
  throw unusable(`${path} is not the state directory of docker-machine that it was (${known ?? 'it is empty'})`)
}

const leastBytes = 16 * 1024 * 1024

/** The same, and that what a creation has to note can be written: what could not be noted could never be removed. */
export async function checkRoom(store: MachineStore): Promise<void> {
  await checkStore(store)
  const { bavail, bsize } = await statfs(store.path)
  if (bavail * bsize < leastBytes) throw unusable(`${store.path}: less than 16 MiB are free, and no machine is made`)
  const probe = join(store.path, `drydock-probe-${randomBytes(4).toString('hex')}`)
  await usable(store.path, () => writeFile(probe, ''))
  await rm(probe, { force: true })
}

/** What fails at the directory itself is `machine-store`, and may be mended meanwhile. */
export const usable = <T>(path: string, work: () => Promise<T>): Promise<T> =>
  work().catch((error: NodeJS.ErrnoException) => {
    throw error.syscall === undefined ? error : unusable(`${path} cannot be used: ${error.message}`)
  })

const unusable = (message: string): BuildError => new BuildError('machine-store', message, { retryable: true })

const idFile = (path: string): string => join(path, 'drydock-store')

const read = async (file: string): Promise<string | null> =>
  (await readFile(file, 'utf8').catch(ifAbsent(null)))?.trim() ?? null

import { readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { ifAbsent } from './if-absent.ts'

/** What docker-machine's own file says of a machine, whose directory this is. */
export async function configState(dir: string): Promise<'absent' | 'unreadable' | 'readable'> {
  const text = await readFile(join(dir, 'config.json'), 'utf8').catch(ifAbsent(null))
  return text === null ? 'absent' : isWhole(text) ? 'readable' : 'unreadable'
}

/**
 * docker-machine replaces config.json in two steps, removing the old one first (`saveToFile` of libmachine/persist/filestore.go): what is
 * killed between them leaves all it knew under another name, which `rm` does not look at. Puts it back.
 */
export async function restoreConfig(dir: string): Promise<void> {
  if ((await configState(dir)) !== 'absent') return
  const left = (await readdir(dir).catch(ifAbsent<string[]>([]))).filter((name) => name.startsWith('config.json.tmp'))
  for (const name of left.sort()) {
    const file = join(dir, name)
    if (!isWhole(await readFile(file, 'utf8').catch(ifAbsent('')))) continue
    await rename(file, join(dir, 'config.json'))
    return
  }
}

function isWhole(text: string): boolean {
  try {
    const said = JSON.parse(text) as { Driver?: unknown } | null
    return typeof said?.Driver === 'object'
  } catch {
    return false
  }
}

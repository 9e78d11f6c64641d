import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

/**
 * The text of a secret's file (mode 600), made where there is none. The file appears whole and once: of processes that start
 * together one makes it, and all read the same. `made`: it was this call.
 */
export function readOrMake(file: string, make: () => string): { value: string; made: boolean } {
  let made = false
  if (!existsSync(file)) {
    const draft = `${file}.${randomBytes(6).toString('hex')}`
    writeFileSync(draft, make(), { mode: 0o600, flag: 'wx' })
    try {
      linkSync(draft, file)
      made = true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      rmSync(draft, { force: true })
    }
  }
  return { value: readFileSync(file, 'utf8').trim(), made }
}

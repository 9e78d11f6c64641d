import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The generated secret key, and the one that is to take its place while it is being rotated. */
const filesIn = (dataDir: string) => ({ key: join(dataDir, 'secret-key'), next: join(dataDir, 'secret-key.new') })

/**
 * A rotation of the generated key writes the new one beside it first, seals everything anew in the database, and then puts it in its
 * place. Killed in between, the database says which of the two is in force; one that is not is written over by the next rotation.
 */
export function keyFile(dataDir: string) {
  const { key, next } = filesIn(dataDir)
  return {
    /** Null: no rotation is under way. */
    next: (): string | null => (existsSync(next) ? readFileSync(next, 'utf8').trim() : null),
    /** Keeps the key that is to come. One at a time: what stands there may be in force already. */
    prepare(wanted: string | null): string {
      const value = wanted ?? randomBytes(32).toString('base64url')
      const draft = `${next}.${randomBytes(6).toString('hex')}`
      writeDurably(draft, value)
      renameSync(draft, next)
      syncFolder(dirname(next))
      return value
    },
    /** The new key, `value`, is in force: it takes the old one's place, unless a service that started meanwhile has seen to that. */
    finish(value: string) {
      const waiting = existsSync(next) ? readFileSync(next, 'utf8').trim() : null
      if (waiting === value) renameSync(next, key)
      else if (readFileSync(key, 'utf8').trim() !== value) throw new Error(`${next} does not hold the key in force`)
      syncFolder(dirname(key))
    },
  }
}

function writeDurably(file: string, text: string): void {
  const descriptor = openSync(file, 'wx', 0o600)
  try {
    writeFileSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

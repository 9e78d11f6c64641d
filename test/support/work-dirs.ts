import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The directories in which attempts at a build work, or that they left. */
export const workDirs = (id: string): string[] =>
  readdirSync(tmpdir())
    .filter((name) => name.startsWith('drydock-') && name.includes(id))
    .map((name) => join(tmpdir(), name))

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file system of its own, of so many MiB, in memory. Needs root and Linux; where it may not be mounted, that is an error. */
export type SmallDisk = { path: string; close: () => void }

export function smallDisk(mebibytes: number): SmallDisk {
  const path = mkdtempSync(join(tmpdir(), 'small-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700`, 'tmpfs', path])
  return {
    path,
    close() {
      execFileSync('umount', [path])
      rmdirSync(path)
    },
  }
}

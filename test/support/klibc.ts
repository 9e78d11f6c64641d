import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Fills a build context whose Dockerfile makes a base of 160 KB in which RUN works, without pulling anything: Debian's klibc shell.
 * `release` is written to /release and into the environment, so that each release differs from the last.
 */
export function writeKlibcBase(dir: string, release: string): void {
  mkdirSync(join(dir, 'root/bin'), { recursive: true })
  mkdirSync(join(dir, 'root/lib'), { recursive: true })
  for (const program of ['sh', 'cat', 'true', 'sleep'])
    cpSync(`/usr/lib/klibc/bin/${program}`, join(dir, 'root/bin', program))
  const library = readdirSync('/lib').find((name) => /^klibc-.*\.so$/.test(name))
  if (!library) throw new Error('klibc has no library in /lib')
  cpSync(join('/lib', library), join(dir, 'root/lib', library))
  writeFileSync(join(dir, 'root/release'), release)
  writeFileSync(join(dir, 'Dockerfile'), `FROM scratch\nCOPY root /\nENV RELEASE=${release}\n`)
}

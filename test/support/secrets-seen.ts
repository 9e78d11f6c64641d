import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Programs other than this one whose arguments or environment hold a text. */
export function processesHolding(text: string): string[] {
  const others = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  return others.flatMap((pid) =>
    ['cmdline', 'environ'].filter((file) => {
      try {
        return readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(text)
      } catch {
        return false // it ended meanwhile
      }
    }),
  )
}

/** Files below a directory that hold a text. */
export const filesHolding = (dir: string, text: string): string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && holds(join(entry.parentPath, entry.name), text))
    .map((entry) => entry.name)

function holds(file: string, text: string): boolean {
  try {
    return readFileSync(file, 'utf8').includes(text)
  } catch {
    return false // it went meanwhile
  }
}

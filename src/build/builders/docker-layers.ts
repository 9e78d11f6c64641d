import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BuildError } from '../build-error.ts'
import { type DockerRun, docker } from './docker-cli.ts'

/** What is longer is no line of the builder's own: of endless output without a newline no more is kept. */
const longest = 1000

const noteOf = (dir: string): string => join(dir, 'layers')

/**
 * Reads in the legacy builder's output which contents it makes: what it says after each step, but not what a FROM names. They are noted in
 * the build's directory, because that builder leaves other stages', and those of a build that failed, on the daemon as `<none>`.
 */
export function layerNotes(dir: string): { read: (text: string) => void; written: () => Promise<void> } {
  let rest = ''
  let isBase = false
  let writing = Promise.resolve()
  const line = (text: string) => {
    const step = /^Step \d+\/\d+ : (\w+)/.exec(text)
    if (step) isBase = /^from$/i.test(step[1]!)
    const made = /^ --->(?: ([0-9a-f]{12})?)?$/.exec(text)
    if (!made) return
    const id = made[1]
    if (id !== undefined && !isBase) writing = writing.then(() => appendFile(noteOf(dir), `${id}\n`))
    // After a FROM come those of its base's triggers.
    isBase = false
    writing.catch(() => undefined) // `written` tells
  }
  return {
    read(text) {
      const lines = (rest + text).split(/\r?\n/)
      rest = (lines.pop() ?? '').slice(0, longest)
      for (const one of lines) line(one)
    },
    written: () => writing,
  }
}

/** What was noted there, the first made first. */
export async function notedLayers(dir: string): Promise<string[]> {
  const text = await readFile(noteOf(dir), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text.split('\n').filter((id) => /^[0-9a-f]{12}$/.test(id))
}

/**
 * Removes of these what nothing needs: what has a name, a digest of a registry, a container or children stays. Error: `cleanup-failed`
 * where the daemon does not answer.
 */
export async function removeLayers(ids: readonly string[], run: DockerRun): Promise<void> {
  if (ids.length === 0) return
  const format = '{{.Id}} {{len .RepoTags}} {{len .RepoDigests}}'
  const found = await docker(['image', 'inspect', '--format', format, ...ids], run)
  if (found.code !== 0 && !/No such image/i.test(found.stderr))
    throw new BuildError('cleanup-failed', found.stderr.trim().slice(-600))
  const nameless = found.stdout.split('\n').flatMap((line) => /^(\S+) 0 0$/.exec(line)?.[1] ?? [])
  // One with children goes with the last of them. The container of a step that was stopped is gone only a moment later.
  for (let tries = 0; nameless.length > 0 && tries < 20; tries++) {
    const removed = await docker(['image', 'rm', ...nameless.toReversed()], run)
    if (!/is using its referenced|is being used by/i.test(removed.stderr)) return
    await delay(500, undefined, { signal: run.signal })
  }
}

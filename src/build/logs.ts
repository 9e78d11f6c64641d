import { setTimeout as delay } from 'node:timers/promises'
import type { Deps } from '../deps.ts'

/** The whole log of a build so far. */
export async function readLog(d: Pick<Deps, 'sql'>, buildId: string): Promise<string> {
  const rows = await d.sql<{ text: string }[]>`select text from build_log where build_id = ${buildId} order by seq`
  return rows.map((row) => row.text).join('')
}

const everyMs = 300

/** The log as it grows, from chunk `from` on; ends with the build, or when `signal` says so. `next` is where to go on after a break. */
export async function* followLog(
  d: Pick<Deps, 'sql'>,
  buildId: string,
  options: { signal: AbortSignal; from?: number },
): AsyncGenerator<{ text: string; next: number }> {
  let next = options.from ?? 0
  while (!options.signal.aborted) {
    // Asked before the rows are read: what was written before the end is then among them.
    const [build] = await d.sql<{ finishedAt: Date | null }[]>`select finished_at from build where id = ${buildId}`
    const rows = await d.sql<{ seq: number; text: string }[]>`
      select seq, text from build_log where build_id = ${buildId} and seq >= ${next} order by seq limit 100`
    for (const row of rows) {
      next = row.seq + 1
      yield { text: row.text, next }
    }
    if (rows.length === 100) continue
    if (!build || build.finishedAt !== null) return
    await delay(everyMs, undefined, { signal: options.signal }).catch((error: Error) => {
      if (error.name !== 'AbortError') throw error
    })
  }
}

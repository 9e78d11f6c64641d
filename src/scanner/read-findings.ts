import pLimit from 'p-limit'
import type { Deps } from '../deps.ts'
import { timed } from '../timed.ts'
import { type Findings, nothingFound } from './clair-findings.ts'

/** What was found in a layer; null where it could not be read within `ms` milliseconds. Never rejects. */
export type FindingsReader = (name: string, ms: number) => Promise<Findings | null>

/** The connections it may take: whatever becomes of it, our own part is answered by the others. */
const atOnce = 2
const never = new AbortController().signal

export function makeFindingsReader(d: Pick<Deps, 'sql' | 'log'>): FindingsReader {
  const limit = pLimit(atOnce)
  return async (name, ms) => {
    let late = false
    const read = limit(async () => {
      if (late) return nothingFound
      const [row] = await d.sql<Findings[]>`select features, hash from scan_finding where name = ${name}`
      return row ?? nothingFound
    })
    try {
      return await timed(read, ms, never, () => {
        late = true
        read.catch(() => undefined)
      })
    } catch (err) {
      d.log.info({ err }, 'what Clair found could not be read in time: Portus is asked to look again')
      return null
    }
  }
}

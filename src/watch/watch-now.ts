import pLimit from 'p-limit'
import type { Deps } from '../deps.ts'
import type { Difference } from '../ingest/sight-tag.ts'
import { type WatchNeeds, watchHost } from './watch.ts'

/** Hosts asked at once. */
const width = 4

/**
 * Asks for every watched tag (of one host, where given), due or not, and answers what differed; what a host's budget or its wish to be
 * left alone does not allow now stays due. With `dryRun` nothing is saved. What could not be asked stands in the rows.
 */
export async function watchNow(
  d: WatchNeeds,
  { host: only = null, dryRun = false }: { host?: string | null; dryRun?: boolean } = {},
): Promise<Difference[]> {
  if (!dryRun)
    await d.sql`
      update watch set next_at = least(next_at, ${d.clock()}::timestamptz) where ${only}::text is null or host = ${only}`
  const hosts = await d.sql<{ host: string }[]>`
    select distinct host from watch where ${only}::text is null or host = ${only} order by 1`
  const limit = pLimit(width)
  const found = await Promise.all(
    hosts.map(({ host }) => limit(() => watchHost(d, host, { all: true, dryRun, wait: true }))),
  )
  return found.flatMap((part) => (part === 'busy' ? [] : part)).sort((a, b) => (a.ref < b.ref ? -1 : 1))
}

export async function isWatched(d: Pick<Deps, 'sql'>, host: string): Promise<boolean> {
  return (await d.sql`select from watch where host = ${host} limit 1`).length > 0
}

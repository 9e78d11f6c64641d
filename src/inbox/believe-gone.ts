import type { Comparing } from './compare-repository.ts'

/** So few may go at once without further ado. */
const few = 10

/** Milliseconds after which most of a registry's tags are believed to be gone. */
const doubt = 60_000

/**
 * Passes where what seems gone may be asked for once more and then be believed. Where it is more than half of the registry's tags, that
 * is rather a registry whose storage is not there: it is told, and believed only by a pass a minute later that finds the same.
 */
export async function believeGone(
  { d, registryId, dryRun }: Pick<Comparing, 'd' | 'registryId' | 'dryRun'>,
  count: number,
): Promise<void> {
  if (dryRun) return
  const [row] = await d.sql<{ alive: bigint; goneSince: Date | null }[]>`
    select gone_since, (
      select count(*) from tag join repository on repository.id = tag.repository_id
      where repository.registry_id = registry.id and tag.head_digest is not null) as alive
    from registry where id = ${registryId}`
  const { alive, goneSince } = row!
  const now = d.clock()
  if (count <= few || count * 2 <= Number(alive)) {
    await d.sql`update registry set gone_since = null where id = ${registryId} and gone_since is not null`
    return
  }
  if (goneSince && now.getTime() - goneSince.getTime() >= doubt) return
  await d.sql`update registry set gone_since = coalesce(gone_since, ${now}) where id = ${registryId}`
  throw new MostGoneError(count, Number(alive))
}

class MostGoneError extends Error {
  readonly code = 'most-gone'
  readonly retryable = true
  constructor(count: number, alive: number) {
    super(
      `${count} of ${alive} tags are gone at once; they count as gone when a comparison says so again after a minute`,
    )
  }
}

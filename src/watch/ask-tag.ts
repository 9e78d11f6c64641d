import type { Deps } from '../deps.ts'
import { knownHeads } from '../ingest/known-heads.ts'
import { learnDeclared } from '../ingest/learn-declared.ts'
import { rememberAbsent } from '../ingest/remember-absent.ts'
import { type Difference, sightTag, type TagName } from '../ingest/sight-tag.ts'
import { namespaceOf } from '../oci/reference.ts'
import { tagShape } from '../policy/tag-shape.ts'
import type { RegistryClient } from '../registry/registries.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'registries' | 'clock'>

const listingMs = 24 * 3600 * 1000
/** Tag names of a repository that are kept. */
const mostNames = 50_000

/**
 * Asks for one watched tag: a HEAD; content only where it is new. What differs is saved as reconcile saves it, in the same words:
 * a move is a push that was seen, a deletion takes two answers. A RegistryError changes nothing of what is known.
 */
export async function askTag(
  d: Needs,
  client: RegistryClient,
  name: TagName,
  { sourceId, dryRun }: { sourceId: string; dryRun: boolean },
): Promise<Difference | null> {
  const known = (await knownHeads(d.sql, name.registryId, name.repository, [name.tag])).get(name.tag) ?? null
  const difference = await sightTag(d, client, name, known, { sourceId, dryRun, listing: 'not-asked' })
  if (dryRun) return difference
  if (known === null && difference === null) await rememberAbsent(d, name)
  await learnDeclared(d, client, name)
  const there = difference ? difference.to !== null : known?.digest != null
  if (there && tagShape(name.tag) !== null) await listNames(d, client, name)
  return difference
}

/** The names of the repository's tags, for who tells of newer versions; once a day. Key: the repository. */
async function listNames(d: Needs, client: RegistryClient, { registryId, repository }: TagName): Promise<void> {
  const now = d.clock()
  const [listed] = await d.sql<{ listedAt: Date }[]>`
    select listed_at from tag_listing join repository on repository.id = repository_id
    where registry_id = ${registryId} and name = ${repository}`
  if (listed && listed.listedAt.getTime() > now.getTime() - listingMs) return
  const names: string[] = []
  for await (const name of client.listTags(repository)) {
    names.push(name)
    if (names.length === mostNames) break
  }
  await d.sql`
    with made as (
      insert into repository (registry_id, name, namespace) values (${registryId}, ${repository}, ${namespaceOf(repository)})
      on conflict (registry_id, name) do update set name = excluded.name returning id
    )
    insert into tag_listing (repository_id, names, listed_at) select id, ${names}::text[], ${now}::timestamptz from made
    on conflict (repository_id) do update set names = excluded.names, listed_at = excluded.listed_at`
}

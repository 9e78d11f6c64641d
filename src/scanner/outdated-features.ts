import { keyOfRef } from '../access/key-of-ref.ts'
import { withheldFromViewerOf } from '../access/withheld-from.ts'
import type { Fragment, Sql, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { type Feature, featuresOf, type Outdated } from './finding-of.ts'
import { scannedSql } from './scanned-image.ts'

/** Of so many tags of one image that matter it is read what they show: more of them show the same, as a rule. */
export const mostTags = 500

type Fact = Outdated & { base: string }
/** `place`: the repository that was told of. `alone`: all tags of the image are in its namespace, as far as is known. */
type Row = Fact & { place: string; alone: boolean }

/** SQL: a row for each base that has moved under the image with this top layer, however many tags it has. */
export const movedSql = (sql: Sql | Tx, name: string): Fragment => sql`
  with ${scannedSql(sql, name)}, early as (
    select namespace from here limit ${mostTags}
  ), counting as (
    select id, platform from here where counts limit ${mostTags}
  ), moved as (
    select distinct on (tag.id, tag.platform, c.base) c.base, c.role, c.from_digest, c.to_digest, c.via, c.confidence
    from counting tag cross join lateral (select * from cause where tag_id = tag.id and counted offset 0) c
    where tag.platform is null or cardinality(c.platforms) = 0 or tag.platform = any(c.platforms)
    order by tag.id, tag.platform, c.base, c.role
  ), place as (
    select min(place) as place, (select count(*) from early) < ${mostTags}
      and not exists (select from early where early.namespace <> min(told.namespace)) as alone
    from told
  )
  select place, alone, base, role, from_digest as "from", to_digest as "to", via, confidence
  from place cross join (select distinct * from moved) moved order by base, role, "from", "to", via`

/**
 * The bases that have moved under the tags of the image with this top layer, as packages with a vulnerability each. Portus shows all of it at
 * each of these tags: of what a viewer of any of their namespaces may not read, the name is withheld. Where there may be more tags than were
 * read, of all that is private.
 */
export async function outdatedFeatures(
  { sql, config }: { sql: Sql | Tx; config: Deps['config'] },
  name: string,
): Promise<Feature[]> {
  const facts = await sql<Row[]>`${movedSql(sql, name)}`
  if (facts.length === 0) return []
  const { place, alone } = facts[0]!
  // "" for several: no namespace is read by viewers of all of them because it is their own
  return featuresOf(config.publicUrl, await told({ sql, config }, alone ? keyOfRef({ config }, place) : '', facts))
}

/** With null for each name that is not told. */
async function told(d: Parameters<typeof outdatedFeatures>[0], viewed: string, facts: Fact[]): Promise<Outdated[]> {
  const named = facts.map(({ base, via }) => ({ base, via }))
  const shown = await withheldFromViewerOf(d, viewed, named)
  const same = (said: string, shown: string) => (said === shown ? said : null)
  return facts.map((fact, i) => {
    const { base, via } = shown[i]!
    return { ...fact, base: same(fact.base, base), via: fact.via === null ? null : same(fact.via, via!) }
  })
}

import type { Fragment } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { Principal } from './principal.ts'
import { readableKeys, readableRow, readsEverything } from './readable-by.ts'

/** Who may read no more repositories than this has their tags read from these, and from nowhere else. */
const few = 500

/** `from`: the table of tags, or the part of it that comes into question; `where`: what else must hold of `t`, `r` and `g`. */
export type TagsReadBy = { from: () => Fragment; where: () => Fragment }

/**
 * The tags that a principal may read. Lists are read in the order of their pages, until a page is full: where next to nothing of an
 * estate may be read, that would be nearly all of it. So those who may read few repositories begin with these (`offset 0`: the planner
 * must not change its mind); those who may read many find a page soon (`is true`: the planner takes half of all for theirs, and walks by
 * name; a semi-join it would make of all tags there are).
 */
export async function tagsReadBy(d: Pick<Deps, 'sql' | 'config'>, principal: Principal): Promise<TagsReadBy> {
  if (readsEverything(principal)) return { from: () => d.sql`tag`, where: () => d.sql`true` }
  const ids = await repositoriesReadBy(d, principal)
  if (ids.length > few) return { from: () => d.sql`tag`, where: () => d.sql`(${readableRow(d, principal)}) is true` }
  return {
    from: () => d.sql`(select * from tag where repository_id = any(${ids}::int[]) offset 0)`,
    where: () => d.sql`true`,
  }
}

/** By the index on (registry, namespace), namespace by namespace; one more than `few` is enough to know that they are many. */
async function repositoriesReadBy(
  { sql, config }: Pick<Deps, 'sql' | 'config'>,
  principal: Principal,
): Promise<number[]> {
  const only = config.registries.length === 1 ? (config.registries[0]?.name ?? null) : null
  const rows = await sql<{ id: number }[]>`
    with readable (key) as materialized (${readableKeys(sql, principal)}), named as (
      select case when position('/' in key) = 0 then ${only}::text else split_part(key, '/', 1) end as host,
        case when position('/' in key) = 0 then key else substr(key, position('/' in key) + 1) end as namespace
      from readable
    )
    select found.id from named join registry g on g.name = named.host and not g.outside
    cross join lateral (
      select r.id from repository r where r.registry_id = g.id and r.namespace = named.namespace limit ${few + 1}) found
    limit ${few + 1}`
  return rows.map(({ id }) => id)
}

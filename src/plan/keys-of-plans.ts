import { keyOfRefSql } from '../access/key-of-ref.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'

/**
 * Namespaces of a fan-out, by key. `read`: of all that it concerns, and of its base where that is ours; `build`: those that it builds in, or
 * all of them where it builds nothing: who changes it must be allowed to build in each.
 */
export type PlanKeys = { read: string[]; build: string[] }

/** Of these plans, by id, in one statement; one that is not there has no entry. */
export async function keysOfPlans(
  d: { sql: Deps['sql'] | Tx; config: Pick<Deps['config'], 'registries'> },
  ids: readonly string[],
): Promise<Map<string, PlanKeys>> {
  const hosts = d.config.registries.map(({ name }) => name)
  const rows = await d.sql<{ id: string; key: string; toBuild: boolean }[]>`
    select plan_id as id, ${keyOfRefSql(d.sql, d, d.sql`ref`)} as key, bool_or(level is not null) as to_build from plan_node
    where plan_id = any(${[...ids]}::uuid[]) group by 1, 2
    union all
    select id, ${keyOfRefSql(d.sql, d, d.sql`base`)}, false from plan
    where id = any(${[...ids]}::uuid[]) and split_part(base, '/', 1) = any(${hosts}::text[])`
  return new Map(
    [...Map.groupBy(rows, ({ id }) => id)].map(([id, own]) => {
      const keys = (some: typeof own) => [...new Set(some.map(({ key }) => key))]
      const toBuild = own.filter((row) => row.toBuild)
      return [id, { read: keys(own), build: keys(toBuild.length === 0 ? own : toBuild) }]
    }),
  )
}

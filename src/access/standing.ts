import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { unplaced } from '../people/namespace-key.ts'
import type { Standing } from './access.ts'
import { strangeHost } from './key-of-ref.ts'
import type { Principal } from './principal.ts'

/** Of a namespace that nobody has told anything of: private, and without members. */
export const unknownStanding: Standing = { role: null, visibility: null }

/**
 * How a principal stands to each of these namespaces: one statement, by primary keys. A registry that is not configured and is no
 * source of events is outside: what is there is no secret of anybody here. One that was configured once stays closed, also where it is
 * watched now.
 */
export async function standingsOf(
  d: { sql: Deps['sql'] | Tx; config: Pick<Deps['config'], 'registries'> },
  { name }: Pick<Principal, 'name'>,
  keys: readonly string[],
): Promise<Map<string, Standing>> {
  if (keys.length === 0) return new Map()
  const hosts = keys.map((key) => strangeHost(d, key))
  const rows = await d.sql<(Standing & { key: string })[]>`
    select asked.key, m.role, case when asked.host is null then n.visibility::text
      when not exists (select from registry g where g.name = asked.host and (g.gone or not g.outside))
        and asked.host not like ${`${unplaced}%`} then 'protected' end as visibility
    from unnest(${[...keys]}::text[], ${hosts}::text[]) as asked (key, host)
    left join namespace n on n.key = asked.key
    left join member m on m.namespace_key = asked.key and m.user_name = ${name} and asked.host is null`
  return new Map(rows.map(({ key, ...standing }) => [key, standing]))
}

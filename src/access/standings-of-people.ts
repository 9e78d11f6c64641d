import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import type { Standing } from './access.ts'
import { strangeHost } from './key-of-ref.ts'
import { nobody, type Principal, personCalled } from './principal.ts'
import { standingsOf, unknownStanding } from './standing.ts'

/** A person without a token's limits, and how they stand to a namespace. */
export type PersonStanding = { principal: Principal; standing: (key: string) => Standing }

/** How these people stand to these namespaces, by name; who is not known has no entry. Two statements, and none where nobody is asked about. */
export async function standingsOfPeople(
  d: { sql: Deps['sql'] | Tx; config: Pick<Deps['config'], 'registries'> },
  names: readonly string[],
  keys: readonly string[],
): Promise<Map<string, PersonStanding>> {
  if (names.length === 0) return new Map()
  const open = await standingsOf(d, nobody, [...new Set(keys)])
  const own = [...open.keys()].filter((key) => strangeHost(d, key) === null)
  const rows = await d.sql<{ name: string; admin: boolean; namespace: string | null; role: Standing['role'] }[]>`
    select p.name, p.admin, m.namespace_key as namespace, m.role
    from person p left join member m on m.user_name = p.name and m.namespace_key = any(${own})
    where p.name = any(${[...new Set(names)]})`
  return new Map(
    [...Map.groupBy(rows, ({ name }) => name)].map(([name, all]) => {
      const roles = new Map(all.map(({ namespace, role }) => [namespace, role]))
      const standing = (key: string): Standing => ({
        ...(open.get(key) ?? unknownStanding),
        role: roles.get(key) ?? null,
      })
      return [name, { principal: personCalled(name, all[0]!.admin), standing }]
    }),
  )
}

import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'

/** Whom a mail about a namespace goes to. */
export type Recipient = { userName: string; email: string; displayName: string | null }

/**
 * Owners and contributors of a namespace who are enabled, no bot, and have an address; by name. Of several users with one address
 * (upper and lower case are one) the first by name: nobody gets the same mail twice. The same rule where notices are raised: src/notify/raise-notices.ts.
 */
export async function recipientsOf(d: Pick<Deps, 'sql'>, namespaceKey: string): Promise<Recipient[]> {
  return (await recipientsByNamespace(d, [namespaceKey])).get(namespaceKey) ?? []
}

/** The recipients of each of these namespaces, in one statement; those without any have no entry. */
export async function recipientsByNamespace(
  d: { sql: Deps['sql'] | Tx },
  namespaceKeys: readonly string[],
): Promise<Map<string, Recipient[]>> {
  const rows = await d.sql<(Recipient & { namespace: string })[]>`
    select namespace, user_name, email, display_name from (
      select distinct on (m.namespace_key, lower(p.email)) m.namespace_key as namespace, p.name as user_name, p.email, p.display_name
      from member m join person p on p.name = m.user_name
      where m.namespace_key = any(${[...namespaceKeys]}) and (m.told or m.role in ('owner', 'contributor'))
        and p.enabled and not p.bot and p.email <> ''
      order by m.namespace_key, lower(p.email), p.name) as one
    order by namespace, user_name`
  const grouped = Map.groupBy(rows, (row) => row.namespace)
  return new Map([...grouped].map(([key, own]) => [key, own.map(({ namespace: _, ...recipient }) => recipient)]))
}

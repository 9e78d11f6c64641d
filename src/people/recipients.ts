import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { heardBy, withHearers } from './heard-by.ts'

/** Whom a mail about a namespace goes to. */
export type Recipient = { userName: string; email: string; displayName: string | null }

/** A repository, and the key of its namespace. `repository`: "host/name". */
export type Place = { namespace: string; repository: string }

/**
 * Who hears of these repositories (heard-by.ts), by namespace, in one statement; namespaces without anybody have no entry. By name; of
 * several users with one address (upper and lower case are one) the first by name: nobody gets the same mail twice.
 */
export async function recipientsByNamespace(
  d: { sql: Deps['sql'] | Tx },
  places: readonly Place[],
): Promise<Map<string, Recipient[]>> {
  const asked = d.sql`
    select * from unnest(${places.map(({ namespace }) => namespace)}::text[], ${places.map(({ repository }) => repository)}::text[])
      as place (namespace, repository)`
  const rows = await d.sql<(Recipient & { namespace: string })[]>`
    with ${heardBy(d.sql, asked)}
    select namespace, user_name, email, display_name from (
      select distinct on (namespace, lower(hearer_email)) namespace, hearer as user_name, hearer_email as email, hearer_name as display_name
      from ${withHearers(d.sql, d.sql`(${asked})`)} as place
      order by namespace, lower(hearer_email), hearer) as one
    order by namespace, user_name`
  const grouped = Map.groupBy(rows, (row) => row.namespace)
  return new Map([...grouped].map(([key, own]) => [key, own.map(({ namespace: _, ...recipient }) => recipient)]))
}

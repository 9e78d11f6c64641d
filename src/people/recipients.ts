import type { Deps } from '../deps.ts'

/** Whom a mail about a namespace goes to. */
export type Recipient = { userName: string; email: string; displayName: string | null }

/**
 * Owners and contributors of a namespace who are enabled, no bot, and have an address; by name. Of several users with one address
 * (upper and lower case are one) the first by name: nobody gets the same mail twice. The same rule where notices are raised: src/notify/raise-notices.ts.
 */
export function recipientsOf(d: Pick<Deps, 'sql'>, namespaceKey: string): Promise<Recipient[]> {
  return d.sql<Recipient[]>`
    select user_name, email, display_name from (
      select distinct on (lower(p.email)) p.name as user_name, p.email, p.display_name
      from member m join person p on p.name = m.user_name
      where m.namespace_key = ${namespaceKey} and m.role in ('owner', 'contributor')
        and p.enabled and not p.bot and p.email <> ''
      order by lower(p.email), p.name) as one
    order by user_name`
}

import type { Sql, Tx } from '../db/postgres.ts'

/**
 * Who has these addresses (in small letters), by name: whoever is known, since a mailbox is read by whom it belongs to, whether they are told
 * of this, want mails, or may sign in. Whom no source says any more has no address (src/people/merge-people.ts).
 */
export async function usersAt(sql: Sql | Tx, addresses: readonly string[]): Promise<Map<string, string[]>> {
  const rows = await sql<{ address: string; users: string[] }[]>`
    select lower(email) as address, array_agg(name order by name) as users from person
    where lower(email) = any(${[...addresses]}::text[]) group by 1`
  return new Map(rows.map(({ address, users }) => [address, users]))
}

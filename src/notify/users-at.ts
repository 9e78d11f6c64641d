import type { Sql, Tx } from '../db/postgres.ts'

/** By name: who bears it (`person.bearer`), as links in mails have it. */
export type Bearers = ReadonlyMap<string, string | null>

/**
 * Who has these addresses (in small letters), in the order of their names: whoever is known, since a mailbox is read by whom it belongs to,
 * whether they are told of this, want mails, or may sign in. Whom no source says any more has no address (src/people/merge-people.ts).
 */
export async function bearersAt(sql: Sql | Tx, addresses: readonly string[]): Promise<Map<string, Bearers>> {
  const rows = await sql<{ address: string; name: string; bearer: string | null }[]>`
    select lower(email) as address, name, bearer from person where lower(email) = any(${[...addresses]}::text[]) order by name`
  const byAddress = Map.groupBy(rows, ({ address }) => address)
  return new Map([...byAddress].map(([address, some]) => [address, new Map(some.map((p) => [p.name, p.bearer]))]))
}

/** The same by name alone. */
export async function usersAt(sql: Sql | Tx, addresses: readonly string[]): Promise<Map<string, string[]>> {
  const all = await bearersAt(sql, addresses)
  return new Map([...all].map(([address, bearers]) => [address, [...bearers.keys()]]))
}

/** Of people by name. */
export async function bearersOf(sql: Sql | Tx, names: readonly string[]): Promise<Bearers> {
  const rows = await sql<{ name: string; bearer: string | null }[]>`
    select name, bearer from person where name = any(${[...names]}::text[])`
  return new Map(rows.map(({ name, bearer }) => [name, bearer]))
}

import type { Sql, Tx } from '../db/postgres.ts'

/** Every name that a declaration gives, once each: one look-up in the index a name, however many declare it. */
export async function declaredNames(sql: Sql | Tx): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    with recursive said as (
      (select name from declaration where name is not null order by name limit 1)
      union all
      select (select name from declaration where declaration.name > said.name order by name limit 1) from said
      where said.name is not null
    )
    select name from said where name is not null`
  return rows.map((row) => row.name)
}

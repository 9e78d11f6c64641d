import type { Sql } from '../db/postgres.ts'

/** The row of a configured registry, made where it is new. */
export async function registryId(sql: Sql, name: string): Promise<number> {
  await sql`insert into registry (name) values (${name}) on conflict (name) do nothing`
  const [row] = await sql<{ id: number }[]>`select id from registry where name = ${name}`
  return row!.id
}

import { randomUUID } from 'node:crypto'
import type { Sql } from '../../src/db/postgres.ts'

/** A mail that waits, of a person of that name, as gather leaves it; its id. */
export async function addMail(
  sql: Sql,
  mail: { id?: string; to?: string; user?: string; createdAt?: Date; about?: string[] } = {},
): Promise<string> {
  const { id = randomUUID(), to = 'ada@example.org', user = 'ada', about = [] } = mail
  const createdAt = mail.createdAt ?? new Date('2026-11-21T02:59:00Z')
  await sql`
    insert into mail (id, message_id, user_name, "to", subject, text, html, state, created_at, about)
    values (${id}, ${`<${id}@example.org>`}, ${user}, ${to}, 'subject', 'text', '<p>html</p>', 'pending', ${createdAt}, ${about})`
  return id
}

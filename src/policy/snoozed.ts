import type { Sql, Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'

/** Conditions for statements in which `t` is a tag and `c` a cause of it. */

/** Nothing is to be mailed or built for `t` until its snooze ends. */
export const isTagSnoozed = (sql: Sql | Tx, now: Date) =>
  sql`(t.ref in (select ref from snooze where kind = 'tag' and expires_at > ${now}::timestamptz))`

/** Nothing is to be mailed or built because of the base that `c` comes from or through. */
export const isCauseSnoozed = (sql: Sql | Tx, now: Date) => {
  const bases = sql`select ref from snooze where kind = 'base' and expires_at > ${now}::timestamptz`
  return sql`(c.base in (${bases}) or (c.via is not null and c.via in (${bases})))`
}

/** Some counted cause of `t` is not snoozed. */
export const hasLoudCause = (sql: Sql | Tx, now: Date) =>
  sql`exists (select from cause c where c.tag_id = t.id and c.counted and not ${isCauseSnoozed(sql, now)})`

/** Why a tag is quiet: its own snooze, else, where all its counted causes are of snoozed bases, the one of these that ends first. */
export type Snoozed = { reason: string; expiresAt: Date; by: string }

/** By ref; those that are not snoozed have no entry. */
export async function snoozedTags(d: Pick<Deps, 'sql' | 'clock'>, refs: string[]): Promise<Map<string, Snoozed>> {
  if (refs.length === 0) return new Map()
  const now = d.clock()
  const rows = await d.sql<(Snoozed & { ref: string })[]>`
    select t.ref, s.reason, s.expires_at, s.author as by from tag t cross join lateral (
      select kind, reason, expires_at, author from snooze where kind = 'tag' and ref = t.ref and expires_at > ${now}
      union all
      select s.kind, s.reason, s.expires_at, s.author
      from cause c join snooze s on s.kind = 'base' and s.expires_at > ${now} and s.ref in (c.base, c.via)
      where c.tag_id = t.id and c.counted and not ${hasLoudCause(d.sql, now)}
      order by kind, expires_at limit 1
    ) s where t.ref = any(${refs})`
  return new Map(rows.map(({ ref, ...snoozed }) => [ref, snoozed]))
}

import type { Fragment, Sql, Tx } from '../db/postgres.ts'

/**
 * In SQL, rows: follow-ups in these mails (ids) that are not to be told any more: mail_id, and why in words. Who was to hear wants none of that
 * kind now; or the tag of what failed or is outdated still is not outdated.
 */
export const endedFollowUps = (sql: Sql | Tx, these: Fragment) => sql`(
  select n.mail_id, case when said.wanted then n.ref || ' is not outdated any more' else n.user_name || ' wants no mails of the kind "' || n.kind || '"' end as why
  from notice n left join notify_person wish on wish.user_name = n.user_name cross join lateral (
    select case n.kind when 'failed' then coalesce(wish.failed, true) when 'still' then coalesce(wish.still, true) else coalesce(wish.rebuilt, false) end as wanted,
      n.kind = 'rebuilt' or exists (
        select from tag t join cause c on c.tag_id = t.id and c.counted where t.ref = n.ref and t.head_digest is not null) as holds
  ) as said
  where n.mail_id = ${these} and n.kind <> 'outdated' and not (said.wanted and said.holds))`

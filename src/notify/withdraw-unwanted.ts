import type { Sql } from '../db/postgres.ts'
import { isOff } from './every.ts'

/**
 * Takes back what waits for people who want none of it now; should they want it again, what is outdated still is raised anew. What people
 * want is gone through once, whatever waits: neither list depends on a notice.
 */
export const withdrawUnwanted = (sql: Sql) => sql`
  delete from notice n where n.mail_id is null and (
    (n.user_name in (select user_name from notify_person where every = 'off' union select user_name from notify_namespace where every = 'off')
      and ${isOff(sql, sql`n.user_name`, sql`n.namespace`)})
    or (n.user_name, n.kind) in (
      select user_name, follow_up.kind from notify_person cross join lateral (
        values ('rebuilt'::notice_kind, rebuilt), ('failed', failed), ('still', still)) as follow_up (kind, wanted)
      where not wanted))`

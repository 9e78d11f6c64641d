import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { heardBy, hears, repositoryOfRef } from '../people/heard-by.ts'
import { isOff } from './every.ts'

/** A mail that is about to be sent. */
type Waiting = { id: string; userName: string; to: string }

/**
 * The SQL behind `with`: `barred`, those of these mails that may not go where they are addressed: somebody whose notices are in it hears of
 * them no longer, at that address, or wants no mails of it; of a mail without notices, its person hears of none of what it is about.
 */
export const barredMails = (sql: Tx, ids: readonly string[]) => {
  const asked = sql`
    select n.namespace, ${repositoryOfRef(sql, sql`n.ref`)} as repository from notice n where n.mail_id = any(${[...ids]}::uuid[])
    union all
    select split_part(place, ' ', 1), split_part(place, ' ', 2) from mail, unnest(about) as place where mail.id = any(${[...ids]}::uuid[])`
  return sql`${heardBy(sql, asked)}, concerned as materialized (
      select distinct n.mail_id, n.user_name, n.namespace, ${repositoryOfRef(sql, sql`n.ref`)} as repository
      from notice n where n.mail_id = any(${[...ids]}::uuid[])
    ), barred as (
      select c.mail_id from concerned c join mail m on m.id = c.mail_id
      where ${isOff(sql, sql`c.user_name`, sql`c.namespace`)} or not exists (
        select from heard where heard.user_name = c.user_name and lower(heard.email) = lower(m."to")
          and ${hears(sql, sql`c.namespace`, sql`c.repository`)})
      union all
      select m.id from mail m where m.id = any(${[...ids]}::uuid[]) and not exists (select from concerned c where c.mail_id = m.id)
        and not exists (
          select from person p where p.name = m.user_name and p.enabled and not p.bot and lower(p.email) = lower(m."to")
            and (m.about = '{}' or exists (
              select from unnest(m.about) as place join heard on heard.user_name = p.name
                and ${hears(sql, sql`split_part(place, ' ', 1)`, sql`split_part(place, ' ', 2)`)}
                and not ${isOff(sql, sql`p.name`, sql`split_part(place, ' ', 1)`)})))
    )`
}

/** Why it may not, in words: of the first by name of whom that is so. */
export async function whyNot(tx: Tx, { id, userName, to }: Waiting): Promise<string> {
  const [row] = await tx<{ name: string; what: string }[]>`
    with concerned as (
      select distinct user_name, namespace from notice where mail_id = ${id}
      union select ${userName}, split_part(about[1], ' ', 1) from mail where id = ${id} and not exists (select from notice where mail_id = ${id})
    )
    select name, what from (
      select c.user_name as name, case when p.name is null or not p.enabled then 'is disabled' when p.bot then 'is a bot'
          when lower(p.email) is distinct from lower(${to}) then 'has another address'
          when ${isOff(tx, tx`c.user_name`, tx`c.namespace`)} then 'wants no mail of ' || c.namespace end as what
      from concerned c left join person p on p.name = c.user_name
    ) as said order by what is null, name, what limit 1`
  return `not sent: ${row?.name ?? userName} ${row?.what ?? 'hears of some of it no longer'}`
}

/** The mail is over, with its reason; its notices wait again, and are gathered anew for those who are to hear of them still. */
export async function takeBack(d: Pick<Deps, 'jobs'>, tx: Tx, { id }: Pick<Waiting, 'id'>, why: string): Promise<void> {
  await tx`update mail set state = 'failed', error = ${why}, next_try_at = null where id = ${id}`
  const { count } = await tx`update notice set mail_id = null where mail_id = ${id}`
  if (count > 0) await d.jobs.enqueue(tx, 'notify', {}, { key: 'notify', queue: 'notify' })
}

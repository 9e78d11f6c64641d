import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { heardBy, hears, repositoryOfRef } from '../people/heard-by.ts'
import { isOff } from './every.ts'

/** A mail that is about to be sent. */
type Waiting = { id: string; userName: string; to: string }

/**
 * Why a mail is not to be sent to that address any more: somebody whose notices are in it hears of them no longer, is disabled, has
 * another address, or wants no mail of it. Null: all is as when it was written. Of a mail without notices the person is asked about alone,
 * and whether they hear of one of the repositories it is about.
 */
export async function whyNotNow(tx: Tx, { id, userName, to }: Waiting): Promise<string | null> {
  const asked = tx`
    select n.namespace, ${repositoryOfRef(tx, tx`n.ref`)} as repository from notice n where n.mail_id = ${id}
    union all select split_part(place, ' ', 1), split_part(place, ' ', 2) from mail, unnest(about) as place where mail.id = ${id}`
  const [row] = await tx<{ name: string; what: string }[]>`
    with ${heardBy(tx, asked)}, concerned as (
      select n.user_name, n.namespace, ${repositoryOfRef(tx, tx`n.ref`)} as repository from notice n where n.mail_id = ${id}
    ), doubtful as (
      select c.user_name, c.namespace from concerned c
      where not exists (select from heard where heard.user_name = c.user_name and lower(heard.email) = lower(${to})
          and ${hears(tx, tx`c.namespace`, tx`c.repository`)})
        or ${isOff(tx, tx`c.user_name`, tx`c.namespace`)}
      union all
      select m.user_name, coalesce(split_part(m.about[1], ' ', 1), '') from mail m where m.id = ${id}
        and not exists (select from concerned) and not exists (
          select from person p where p.name = m.user_name and p.enabled and not p.bot and lower(p.email) = lower(${to})
            and (m.about = '{}' or exists (
              select from unnest(m.about) as place join heard on heard.user_name = p.name
                and ${hears(tx, tx`split_part(place, ' ', 1)`, tx`split_part(place, ' ', 2)`)}
                and not ${isOff(tx, tx`p.name`, tx`split_part(place, ' ', 1)`)})))
    )
    select d.user_name as name, case when p.name is null or not p.enabled then 'is disabled' when p.bot then 'is a bot'
        when lower(p.email) is distinct from lower(${to}) then 'has another address'
        when ${isOff(tx, tx`d.user_name`, tx`d.namespace`)} then 'wants no mail of ' || d.namespace
        else 'hears of ' || d.namespace || ' no longer' end as what
    from doubtful d left join person p on p.name = d.user_name order by d.user_name, d.namespace limit 1`
  return row ? `not sent: ${row.name || userName} ${row.what}` : null
}

/** The mail is over, with its reason; its notices wait again, and are gathered anew for those who are to hear of them still. */
export async function takeBack(d: Pick<Deps, 'jobs'>, tx: Tx, { id }: Pick<Waiting, 'id'>, why: string): Promise<void> {
  await tx`update mail set state = 'failed', error = ${why}, next_try_at = null where id = ${id}`
  const { count } = await tx`update notice set mail_id = null where mail_id = ${id}`
  if (count > 0) await d.jobs.enqueue(tx, 'notify', {}, { key: 'notify', queue: 'notify' })
}

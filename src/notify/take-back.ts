import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { heardBy, repositoryOfRef, withHearers } from '../people/heard-by.ts'
import { endedFollowUps } from './ended-follow-ups.ts'
import { isOff } from './every.ts'
import { goesOn, isPastStop } from './stops.ts'

/** A mail that is about to be sent. */
type Waiting = { id: string; userName: string; to: string; isNarrowed: boolean }

/**
 * The SQL behind `with`: `barred`, those of these mails that may not go where they are addressed: somebody whose notices are in it hears of
 * them no longer, at that address, or wants no mails of it; of a mail without notices, one of its users does not hear of all that it is about, or
 * the stop of a plan that it tells of is over; or a follow-up in it is not to be told any more.
 * `narrowed`: those in which a name stands that one of them, or who else has the address, may not read any more, by the rules of
 * src/access/access.ts.
 */
export const barredMails = (sql: Tx, ids: readonly string[]) => {
  const these = sql`any(${[...ids]}::uuid[])`
  return sql`noticed as materialized (
      select distinct n.mail_id, lower(m."to") as address, n.user_name, n.namespace, ${repositoryOfRef(sql, sql`n.ref`)} as repository
      from notice n join mail m on m.id = n.mail_id where n.mail_id = ${these} and m.id = ${these}
    ), bare as materialized (
      select m.id as mail_id, lower(m."to") as address, reader.user_name, m.about from mail m cross join lateral unnest(m.also || m.user_name) as reader (user_name)
      where m.id = ${these} and m.id not in (select mail_id from noticed)
    ), places as materialized (
      select * from noticed union all
      select mail_id, address, user_name, split_part(place, ' ', 1), split_part(place, ' ', 2) from bare cross join lateral unnest(about) as place
    ), ${heardBy(sql, sql`select namespace, repository from places`)}, welcome as materialized (
      select mail_id, address, user_name, namespace, repository from ${withHearers(sql, sql`places`)} as place
      where hearer = user_name and lower(hearer_email) = address and not ${isOff(sql, sql`place.user_name`, sql`place.namespace`)}
    ), narrowed as (
      select reader.mail_id from (
        select n.mail_id, n.user_name from noticed n union select m.id, m.user_name from mail m where m.id = ${these}
        union select n.mail_id, p.name from (select mail_id, address from noticed union select mail_id, address from bare) n
          join person p on lower(p.email) = n.address
      ) as reader join mail m on m.id = reader.mail_id join person p on p.name = reader.user_name
      cross join lateral unnest(m.named) as shown (key)
      where m.id = ${these} and not p.admin
        and not exists (select from namespace n where n.key = shown.key and n.visibility in ('public', 'protected'))
        and not exists (select from member r where r.namespace_key = shown.key and r.user_name = p.name)
    ), barred as (
      select mail_id from (select * from places except select * from welcome) as unwelcome
      union all select mail_id from narrowed
      union all select mail_id from ${endedFollowUps(sql, these)} as ended
      union all
      select mail_id from bare where not exists (
        select from person p where p.name = bare.user_name and p.enabled and not p.bot and lower(p.email) = bare.address)
      union all select m.id from mail m join plan p on p.id = m.plan_id where m.id = ${these} and ${isPastStop(sql)}
    )`
}

/** What the reason of a mail that was taken back begins with. Names of tags, namespaces and people may follow. */
export const takenBack = 'not sent: '

/** Why it may not, in words: of the first by name of whom that is so. */
export async function whyNot(tx: Tx, { id, userName, to, isNarrowed }: Waiting): Promise<string> {
  const [past] = await tx`select from mail m join plan p on p.id = m.plan_id where m.id = ${id} and ${isPastStop(tx)}`
  if (past) return `${takenBack}${goesOn}`
  const [ended] = await tx<{ why: string }[]>`
    select why from ${endedFollowUps(tx, tx`${id}::uuid`)} as ended order by why limit 1`
  if (ended) return `${takenBack}${ended.why}`
  const [row] = await tx<{ name: string; what: string }[]>`
    with concerned as (
      select distinct user_name, namespace from notice where mail_id = ${id}
      union select u, split_part(place, ' ', 1) from mail cross join lateral unnest(also || user_name) as u left join lateral unnest(about) as place on true
        where id = ${id} and not exists (select from notice where mail_id = ${id})
    )
    select name, what from (
      select c.user_name as name, case when p.name is null or not p.enabled then 'is disabled' when p.bot then 'is a bot'
          when lower(p.email) is distinct from lower(${to}) then 'has another address'
          when ${isOff(tx, tx`c.user_name`, tx`c.namespace`)} then 'wants no mail of ' || c.namespace end as what
      from concerned c left join person p on p.name = c.user_name
    ) as said order by what is null, name, what limit 1`
  const other = isNarrowed ? 'may not read all names in it any more' : 'hears of some of it no longer'
  return `${takenBack}${row?.name ?? userName} ${row?.what ?? other}`
}

/** The mail is over, with its reason; its notices wait again, and are gathered anew for those who are to hear of them still, as is one without (tell-stopped-anew.ts). */
export async function takeBack(d: Pick<Deps, 'jobs'>, tx: Tx, { id }: Pick<Waiting, 'id'>, why: string): Promise<void> {
  await tx`update mail set state = 'failed', error = ${why}, next_try_at = null where id = ${id}`
  await letGo(d, tx, { id })
}

/**
 * What is in a mail that is over waits again, for another. `refused`: why nobody wanted the mail: like what cannot be written (write-mail.ts),
 * it waits for an hour.
 */
export async function letGo(
  d: Pick<Deps, 'jobs'>,
  tx: Tx,
  { id }: Pick<Waiting, 'id'>,
  refused?: { why: string; now: Date },
): Promise<void> {
  await tx`
    update notice set mail_id = null, error = ${refused?.why ?? null}, tried_at = ${refused?.now ?? null} where mail_id = ${id}`
  await d.jobs.enqueue(tx, 'notify', {}, { key: 'notify', queue: 'notify' })
}

/**
 * With a mail whose address is given up, all others that wait for it, so that what they told comes in one: but for `ids`, and for what another
 * job has in hand.
 */
export async function takeBackOthers(
  d: Pick<Deps, 'jobs'>,
  tx: Tx,
  { to, ids }: { to: string; ids: readonly string[] },
  why: string,
): Promise<void> {
  const others = await tx<{ id: string }[]>`
    select id from mail where state = 'pending' and lower("to") = lower(${to}) and id <> all(${[...ids]}::uuid[]) for update skip locked`
  for (const other of others) await takeBack(d, tx, other, why)
}

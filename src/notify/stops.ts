import type { Sql, Tx } from '../db/postgres.ts'

/** Parts of statements about mails that tell of a plan that was stopped. Which stop that is, its number says: no times are compared, since clocks jump. */

/** Of a mail `m` of a plan `p`: the stop that it tells of is over. */
export const isPastStop = (sql: Sql | Tx) => sql`(p.state <> 'stopped' or p.stops is distinct from m.plan_stop)`

/** What is said of such a mail. */
export const goesOn = 'the plan is not stopped any more'

/** The users whom a mail `m` tells. */
export const toldBy = (sql: Sql | Tx) => sql`(m.also || m.user_name)`

/** A mail `m` of a plan is not to be sent again: that stop is over, or each of its users is told of it by another mail. */
export const isTold = (sql: Sql | Tx) => sql`(m.plan_id is not null and (
  exists (select from plan p where p.id = m.plan_id and ${isPastStop(sql)}) or not exists (
    select unnest(${toldBy(sql)}) except
    select unnest(other.also || other.user_name) from mail other
    where other.plan_id = m.plan_id and other.plan_stop = m.plan_stop and other.id <> m.id and other.state <> 'failed')))`

/** Failed mails of stops that are over say so, once. By an index of failed mails of plans alone, however many others there are. */
export const noteOver = (sql: Sql | Tx) => sql`
  update mail m set error = m.error || ${`; not written again: ${goesOn}`} from plan p
  where m.plan_id = p.id and m.plan_id is not null and m.state = 'failed' and ${isPastStop(sql)} and m.error not like ${`%${goesOn}`}`

/** Plans at a stop of which a mail failed: id, base, to_digest, stops. */
export const toTellAnew = (sql: Sql | Tx) => sql`
  select p.id, p.base, p.to_digest, p.stops from plan p where p.state = 'stopped' and exists (
    select from mail m where m.plan_id = p.id and m.plan_stop = p.stops and m.state = 'failed') order by p.id`

/** Any number, the same in every process: nobody is told twice. */
const anewLock = 7_233_027

/** While it is held, no mail of a plan that was stopped is written or sent anew. */
export const lockAnew = (tx: Tx) => tx`select pg_advisory_xact_lock(${anewLock})`

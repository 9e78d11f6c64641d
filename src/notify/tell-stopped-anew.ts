import type { Deps } from '../deps.ts'
import { isFaulty } from './address-faults.ts'
import { barredMails } from './take-back.ts'
import { planThread, type Stopped, tellStopped } from './tell-stopped.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'mailer' | 'log'>

/** Any number, the same in every process: nobody is told twice. */
const anewLock = 7_233_027

/**
 * Where a mail of a plan that is stopped still was taken back or given up: writes it anew for whoever hears of it today, but for whom such a mail
 * waits or has reached, or whose address is not to be tried now. What might not go where it is addressed is not written, so that nothing
 * is written again and again. Where the plan has gone on, the mail says so.
 */
export async function tellStoppedAnew(d: Needs): Promise<void> {
  const ofPlan = d.sql`starts_with(m."references"[1], ${planThread} || p.id || '@')`
  await d.sql`
    update mail m set error = m.error || '; not written again: the plan is not stopped any more' from plan p
    where m.state = 'failed' and ${ofPlan} and (p.state <> 'stopped' or m.created_at < p.ended_at) and m.error not like '%; not written again: %'`
  const stopped = await d.sql<Stopped[]>`
    select p.id, p.base, p.to_digest from plan p where p.state = 'stopped' and exists (
      select from mail m where m.state = 'failed' and ${ofPlan} and m.created_at >= p.ended_at) order by p.id`
  for (const plan of stopped)
    await d.sql.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(${anewLock})`
      const [still] = await tx`select 1 from plan where id = ${plan.id} and state = 'stopped' for share`
      if (!still) return
      const told = await tx<{ address: string }[]>`
        select lower(m."to") as address from mail m join plan p on p.id = ${plan.id}
        where m.state <> 'failed' and ${ofPlan} and m.created_at >= p.ended_at
        union select f.address from address_fault f where ${isFaulty(tx, tx`f.address`, d.clock())}`
      const ids = await tellStopped(d, tx, plan, new Set(told.map(({ address }) => address)))
      if (ids.length === 0) return
      const barred = tx`with ${barredMails(tx, ids)} select mail_id from barred`
      const unwanted = (await tx<{ mailId: string }[]>`${barred}`).map(({ mailId }) => mailId)
      await tx`delete from mail where id = any(${unwanted}::uuid[])`
      if (ids.length > unwanted.length)
        d.log.info({ plan: plan.id, mails: ids.length - unwanted.length }, 'told again that a plan was stopped')
    })
}

import type { Deps } from '../deps.ts'
import { isFaulty } from './address-faults.ts'
import { lockAnew, noteOver, toldBy, toTellAnew } from './stops.ts'
import { barredMails } from './take-back.ts'
import { type Stopped, tellStopped } from './tell-stopped.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'mailer' | 'log' | 'vault'>

/**
 * Where a mail of a stop of a plan was taken back or given up, and the plan is at that stop still: writes it anew for whoever hears of it today,
 * but for whom such a mail waits or was sent, or whose address is not to be tried now. What might not go where it is addressed is not written,
 * so that nothing is written again and again. Where the plan has gone on, the mail says so. No times are compared: clocks jump.
 */
export async function tellStoppedAnew(d: Needs): Promise<void> {
  await noteOver(d.sql)
  const stopped = await d.sql<(Stopped & { stops: number })[]>`${toTellAnew(d.sql)}`
  for (const plan of stopped)
    await d.sql.begin(async (tx) => {
      await lockAnew(tx)
      const [still] =
        await tx`select 1 from plan where id = ${plan.id} and state = 'stopped' and stops = ${plan.stops} for share`
      if (!still) return
      const told = await tx<{ name: string }[]>`
        select distinct unnest(${toldBy(tx)}) as name from mail m
        where m.plan_id = ${plan.id} and m.plan_stop = ${plan.stops} and m.state <> 'failed'`
      const faults = await tx<{ address: string }[]>`
        select f.address from address_fault f where ${isFaulty(tx, tx`f.address`, d.clock())}`
      const users = new Set(told.map(({ name }) => name))
      const addresses = new Set(faults.map(({ address }) => address))
      const ids = await tellStopped(d, tx, plan, { users, addresses, off: true })
      if (ids.length === 0) return
      const barred = tx`with ${barredMails(tx, ids)} select mail_id from barred`
      const unwanted = (await tx<{ mailId: string }[]>`${barred}`).map(({ mailId }) => mailId)
      await tx`delete from mail where id = any(${unwanted}::uuid[])`
      if (ids.length > unwanted.length)
        d.log.info({ plan: plan.id, mails: ids.length - unwanted.length }, 'told again that a plan was stopped')
    })
}

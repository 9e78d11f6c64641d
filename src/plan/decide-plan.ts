/** What a person decides on a plan. Null: there is none of that id; over: it has ended otherwise. */
import type { Deps } from '../deps.ts'
import { type Because, isToBuild, lockPlans, withdrawBuilds } from './store-plans.ts'
import { stretchNow } from './stretch.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'log'>
type Answer = 'done' | 'over' | null

/** Lets a plan begin, or go on after it has grown or was stopped: failures count anew from now. One that is open stays as it is. */
export const approvePlan = (d: Needs, id: string, by: string): Promise<Answer> =>
  d.sql.begin(async (tx) => {
    const [plan] = await tx<{ state: string }[]>`select state from plan where id = ${id} for update`
    if (!plan) return null
    if (plan.state === 'open') return 'done'
    if (plan.state !== 'approval' && plan.state !== 'stopped') return 'over'
    await tx`
      update plan set state = 'open', because = null, ended_at = null, approved_by = ${by}, approved_at = ${d.clock()},
        approved_nodes = (select count(*) from plan_node where plan_id = plan.id and ${isToBuild(tx, 'plan_node')})
      where id = ${id}`
    await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan' })
    return 'done'
  })

/** Nothing of its root starts any more; what is queued is withdrawn, what runs goes on. */
export const cancelPlan = (d: Needs, id: string, by: string): Promise<Answer> =>
  d.sql.begin(async (tx) => {
    // Whoever plans just now may be about to queue builds of it.
    await lockPlans(tx)
    const [plan] = await tx<{ state: string }[]>`select state from plan where id = ${id} for update`
    if (!plan) return null
    if (plan.state === 'cancelled') return 'done'
    if (plan.state === 'done') return 'over'
    const because: Because = { code: 'cancelled', message: `cancelled by ${by}` }
    await tx`
      update plan set state = 'cancelled', because = ${JSON.stringify(because)}::text::jsonb, ended_at = ${d.clock()},
        since = ${stretchNow(tx)} where id = ${id}`
    await withdrawBuilds(d, tx, { planId: id }, { code: 'no-longer-wanted', message: 'its plan was cancelled' })
    await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan' })
    return 'done'
  })

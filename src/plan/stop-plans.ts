import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { tellStopped } from '../notify/tell-stopped.ts'
import { shouldStop, triedFirst } from './follow-plans.ts'
import { type Because, isToBuild, withdrawBuilds } from './store-plans.ts'
import { stretchNow } from './stretch.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'log' | 'mailer' | 'vault'>

/**
 * Stops each open plan of which more than half of the first ten tags failed since it was made, or approved: its queued builds are
 * withdrawn and its people told. True where one was. What may pass by itself (a registry, a git server, a host away) says nothing of
 * the new base, and does not count.
 */
export async function stopPlans(d: Needs): Promise<boolean> {
  const failing = await d.sql<{ id: string; ends: ('succeeded' | 'failed')[]; toBuild: number }[]>`
    select first.plan_id as id, array_agg(first.state::text order by first.finished_at, first.ref) as ends,
      (select count(*)::int from plan_node node where node.plan_id = first.plan_id and ${isToBuild(d.sql, 'node')}) as to_build
    from plan cross join lateral (
      select distinct on (build.ref) build.plan_id, build.ref, build.state, build.finished_at from build
      where build.plan_id = plan.id and build.automatic and build.state in ('succeeded', 'failed')
        and not coalesce(build.state = 'failed' and (build.error->>'retryable')::boolean, false)
        and build.finished_at > coalesce(plan.approved_at, '-infinity')
      order by build.ref, build.finished_at) first
    where plan.state = 'open' and exists (select from build where plan_id = plan.id and state = 'failed')
    group by 1`
  const toStop = failing.filter(({ ends, toBuild }) => shouldStop(ends, toBuild))
  for (const { id } of toStop) await d.sql.begin((tx) => stop(d, tx, id))
  return toStop.length > 0
}

async function stop(d: Needs, tx: Tx, id: string): Promise<void> {
  const because: Because = {
    code: 'too-many-failures',
    message: `more than half of the first ${triedFirst} builds on it failed; approve the plan to go on`,
  }
  const [plan] = await tx<{ id: string; base: string | null; toDigest: string | null }[]>`
    update plan set state = 'stopped', because = ${JSON.stringify(because)}::text::jsonb, ended_at = ${d.clock()},
      since = ${stretchNow(tx)}, stops = stops + 1
    where id = ${id} and state = 'open' returning id, base, to_digest`
  if (!plan) return
  await withdrawBuilds(d, tx, { planId: id }, { code: 'no-longer-wanted', message: because.message })
  await tellStopped(d, tx, plan)
  d.log.warn({ plan: id, base: plan.base }, 'a plan was stopped: too many of its first builds failed')
}

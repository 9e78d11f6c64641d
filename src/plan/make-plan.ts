import { requestBuild } from '../build/request.ts'
import type { Deps } from '../deps.ts'
import { assemblePlan } from './assemble-plan.ts'
import { loadPlan } from './load-plan.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'log'>

/** Any number, the same in every process. */
const planLock = 7_233_004

/**
 * Queues the builds that are due. Decides nothing while something waits to be judged: the refresh that judges it plans again.
 * Queueing and the jobs are one transaction; plans come one after another.
 */
export async function plan(d: Needs): Promise<void> {
  await d.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${planLock})`
    const [dirty] = await tx`select 1 from dirty limit 1`
    if (dirty) return
    const refs = await tx<{ ref: string }[]>`
      select ref from recipe where auto
        and (exists (select from tag join cause on cause.tag_id = tag.id where tag.ref = recipe.ref and cause.counted)
          or exists (select from build where build.ref = recipe.ref and build.state = 'queued'))
      order by ref`
    const now = d.clock()
    const tags = await loadPlan(
      d,
      tx,
      refs.map((row) => row.ref),
    )
    const decided = assemblePlan(tags, { now, settle: d.config.settle, observe: d.config.observe })
    for (const { ref, root, reason } of decided.queue) await requestBuild(d, { ref, root, reason }, tx)
    if (decided.cancel.length > 0)
      await tx`
        update build set state = 'cancelled', finished_at = ${now},
          error = '{"code": "no-longer-wanted", "message": "its base has moved on, or moved back"}'
        where id = any(${decided.cancel}::uuid[]) and state = 'queued'`
    if (decided.lookAgainAt)
      await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan', runAt: decided.lookAgainAt })
    if (decided.queue.length > 0) d.log.info({ builds: decided.queue.map((wanted) => wanted.ref) }, 'builds queued')
  })
}

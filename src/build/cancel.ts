import type { Deps } from '../deps.ts'

/** cancelled: no worker has it. asked: it is running and will end within seconds. over: it had ended. */
export type Cancelled = 'cancelled' | 'asked' | 'over' | 'absent'

export async function cancelBuild(d: Pick<Deps, 'sql' | 'jobs' | 'clock'>, buildId: string): Promise<Cancelled> {
  return d.sql.begin(async (tx) => {
    const [build] = await tx<{ state: string; own: boolean; waits: boolean; remote: boolean }[]>`
      select state, job is null as own, claim_token is null as waits, builder is not distinct from 'remote' as remote
      from build where id = ${buildId} for update`
    if (!build) return 'absent'
    // One that was left for later (postponeClaim) has been cleaned up after, and nobody looks at it before then; but at a build service it
    // may go on, so that a worker takes it up at once to end it there.
    if (build.state === 'running' && (!build.waits || build.remote)) {
      await tx`
        update build set cancel_asked = true,
          lease_until = case when claim_token is null then clock_timestamp() else lease_until end where id = ${buildId}`
      return 'asked'
    }
    if (build.state !== 'queued' && build.state !== 'running') return 'over'
    const when = build.state === 'queued' ? 'before it began' : 'while it waited for another try'
    const error = JSON.stringify({ code: 'cancelled', message: `cancelled ${when}`, retryable: false })
    await tx`
      update build set state = 'cancelled', finished_at = ${d.clock()}, cancel_asked = true, error = ${error}::text::jsonb,
        job = job - 'credentials', lease_until = null
      where id = ${buildId}`
    if (build.own) await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan' })
    return 'cancelled'
  })
}

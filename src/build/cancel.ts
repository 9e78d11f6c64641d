import type { Deps } from '../deps.ts'

/** cancelled: it had not begun. asked: it is running and will end within seconds. over: it had ended. */
export type Cancelled = 'cancelled' | 'asked' | 'over' | 'absent'

export async function cancelBuild(d: Pick<Deps, 'sql' | 'jobs' | 'clock'>, buildId: string): Promise<Cancelled> {
  return d.sql.begin(async (tx) => {
    const [build] = await tx<{ state: string; own: boolean }[]>`
      select state, job is null as own from build where id = ${buildId} for update`
    if (!build) return 'absent'
    if (build.state === 'running') {
      await tx`update build set cancel_asked = true where id = ${buildId}`
      return 'asked'
    }
    if (build.state !== 'queued') return 'over'
    const error = JSON.stringify({ code: 'cancelled', message: 'cancelled before it began', retryable: false })
    await tx`
      update build set state = 'cancelled', finished_at = ${d.clock()}, cancel_asked = true, error = ${error}::text::jsonb,
        job = job - 'credentials'
      where id = ${buildId}`
    if (build.own) await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan' })
    return 'cancelled'
  })
}

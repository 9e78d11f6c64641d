import type { Sql, Tx } from '../db/postgres.ts'
import type { Digest } from '../oci/digest.ts'

/** What each task is given: ids, never rows. */
export type Payloads = {
  ingest: { eventId: string }
  look: { ref: string }
  /** fresh: all of it; else an interrupted pass is taken up where it was */
  reconcile: { registry: string; fresh?: boolean }
  watch: { host: string }
  refresh: Record<string, never>
  curate: { scope: string }
  /** believe: that most of its people are gone */
  people: { source: string; believe?: boolean }
  notify: Record<string, never>
  /** says only "look": all that is due in this part of the outbox */
  mail: { lane: number }
  channels: Record<string, never>
  /** silent: the receiver did not answer the last time, or was slow */
  deliver: { deliveryId: string; silent?: boolean }
  plan: Record<string, never>
  /** says only "look": the worker takes whichever build is next (src/build/next-build.ts) */
  build: Record<string, never>
  /** the same for builds that need no builder: rebases */
  'build-light': Record<string, never>
  recipe: { ref: string }
  'move-tags': { buildId: string; left: { tag: string; seen?: Digest | null }[]; tries: number }
  portus: Record<string, never>
  clair: Record<string, never>
}
export type TaskName = keyof Payloads

/** What a handler is told of its try. `attempt` counts from 1. */
export type Attempt = { attempt: number; maxAttempts: number; signal: AbortSignal }

/** One handler a task. A throw is retried with exponential back-off, by the queue. */
export type Tasks = { [T in TaskName]: (payload: Payloads[T], attempt: Attempt) => Promise<void> }

/**
 * key: a job not yet started with the same key is replaced (its payload and time), so that many wishes are one job.
 * queue: jobs of one queue run one after another. runAt: not before.
 */
export type JobOptions = { key?: string; queue?: string; runAt?: Date; maxAttempts?: number; priority?: number }

/** Enqueues inside the caller's transaction: the job exists if and only if the transaction commits. */
export type Jobs = {
  enqueue<T extends TaskName>(tx: Tx, task: T, payload: Payloads[T], options?: JobOptions): Promise<void>
  /** Nothing where a job of the task may be taken up at once: for callers to whom one is as good as another. */
  enqueueUnlessWaiting<T extends TaskName>(tx: Tx, task: T, payload: Payloads[T]): Promise<void>
  enqueueMany<T extends TaskName>(tx: Tx, task: T, payloads: Payloads[T][], options?: JobOptions): Promise<void>
  /** Removes the task's jobs that nobody runs and that are not tried again: a wish of the same key took their place while they ran. */
  removeSpent(tx: Tx | Sql, task: TaskName): Promise<void>
}

const defaultAttempts = 25

export const makeJobs = (): Jobs => ({
  async enqueue(tx, task, payload, options = {}) {
    const add = () => tx<{ id: bigint | null }[]>`
      select id from graphile_worker.add_job(
        ${task}, ${JSON.stringify(payload)}::text::json, queue_name := ${options.queue ?? null}, run_at := ${options.runAt ?? null},
        max_attempts := ${options.maxAttempts ?? defaultAttempts}, job_key := ${options.key ?? null},
        priority := ${options.priority ?? null})`
    // add_job drops the wish where a job of this key begins between its two statements (it answers with nothing). Asked again, it
    // sees that job running and makes a new one.
    let id: bigint | null = null
    while (id === null) id = (await add())[0]?.id ?? null
  },
  async enqueueUnlessWaiting(tx, task, payload) {
    await tx`
      select count(*) from (select 1 where not exists (
        select from graphile_worker._private_jobs job join graphile_worker._private_tasks task on task.id = job.task_id
        where task.identifier = ${task} and job.is_available and job.run_at <= now())) as none,
        lateral graphile_worker.add_job(${task}, ${JSON.stringify(payload)}::text::json, max_attempts := ${defaultAttempts})`
  },
  async enqueueMany(tx, task, payloads, options = {}) {
    if (payloads.length === 0) return
    // one call for all of them: with one for each a burst was acknowledged half as fast (npm run bench:acks)
    await tx`
      select count(*) from graphile_worker.add_jobs((
        select array_agg((${task}::text, payload::json, ${options.queue ?? null}::text, ${options.runAt ?? null}::timestamptz,
          ${options.maxAttempts ?? defaultAttempts}::smallint, null, ${options.priority ?? null}::smallint, null)::graphile_worker.job_spec)
        from unnest(${payloads.map((payload) => JSON.stringify(payload))}::text[]) as payload))`
  },
  async removeSpent(tx, task) {
    await tx`
      delete from graphile_worker._private_jobs job using graphile_worker._private_tasks task
      where task.id = job.task_id and task.identifier = ${task} and job.attempts >= job.max_attempts and job.locked_at is null`
  },
})

/** How many jobs wait, by task; for /metrics. */
export const waitingJobs = (sql: Sql) => sql<{ task: TaskName; count: bigint }[]>`
  select t.identifier as task, count(*) from graphile_worker._private_jobs j
  join graphile_worker._private_tasks t on t.id = j.task_id group by t.identifier`

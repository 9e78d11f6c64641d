import type { Logger } from 'pino'
import { connect, type Sql } from '../db/postgres.ts'

/** The class of our advisory locks on worker ids; any number, the same in every process. */
const lockClass = 7_233_003

/** Seconds a job must have been locked before its worker can be called dead: a new worker takes its lock just after it is made. */
const grace = 3

export type Liveness = { add(workerId: string): void; close(): Promise<void> }

/**
 * Tells live workers from dead ones. Each worker id is held as a session advisory lock on one connection, which PostgreSQL lets
 * go of when the process dies, however it dies. Whoever finds a job locked by an id that nobody holds frees it.
 */
export function keepAlive(url: string, log: Logger): Liveness {
  const ids = new Set<string>()
  let closed = false
  const hold = (sql: Sql, id: string) =>
    sql`select pg_advisory_lock(${lockClass}, hashtext(${id}))`.catch((error: unknown) => {
      if (!closed) log.warn({ err: error, worker: id }, 'liveness: lock not taken')
    })
  // one connection, never recycled; a new one takes all locks again
  const session: Sql = connect(url, {
    max: 1,
    onclose: () => {
      if (closed) return
      setTimeout(() => !closed && [...ids].map((id) => hold(session, id)), 500).unref()
    },
  })
  return {
    add(id) {
      ids.add(id)
      void hold(session, id)
    },
    async close() {
      closed = true
      await session.end({ timeout: 2 })
    },
  }
}

/** Frees the jobs of workers whose process is gone. Returns their ids. */
export async function freeDeadJobs(sql: Sql): Promise<string[]> {
  const locked = await sql<{ lockedBy: string }[]>`
    select distinct locked_by from (
      select locked_by, locked_at from graphile_worker._private_jobs where locked_by is not null
      union all
      select locked_by, locked_at from graphile_worker._private_job_queues where locked_by is not null
    ) as held where locked_at < now() - make_interval(secs => ${grace})`
  const dead: string[] = []
  for (const { lockedBy } of locked) if (await isDead(sql, lockedBy)) dead.push(lockedBy)
  if (dead.length > 0) await sql`select graphile_worker.force_unlock_workers(${dead}::text[])`
  return dead
}

const isDead = async (sql: Sql, id: string): Promise<boolean> =>
  (
    await sql.begin(
      (tx) => tx<{ free: boolean }[]>`select pg_try_advisory_xact_lock(${lockClass}, hashtext(${id})) as free`,
    )
  )[0]!.free

import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { connect, type Sql } from '../db/postgres.ts'

/** The class of our advisory locks on pool ids; any number, the same in every process. */
const lockClass = 7_233_003

/** Milliseconds between two tries to take the locks again while the database is away. */
const retryMs = 250

/** `held`: resolves once the ids added so far are held, or have been given up for a lost connection that is being mended. */
export type Liveness = {
  add(poolId: string): void
  remove(poolId: string): void
  held(): Promise<void>
  close(): Promise<void>
}

/**
 * Tells live pools of workers from dead ones. graphile-worker locks a job under the id of the pool that runs it. Each such id is
 * held as a session advisory lock on one connection, which PostgreSQL lets go of when the process dies, however it dies.
 */
export function keepAlive(url: string, log: Logger): Liveness {
  const ids = new Set<string>()
  let closed = false
  let retaking = false
  let holding: Promise<void> = Promise.resolve()
  const hold = (id: string) => session`select pg_advisory_lock(${lockClass}, hashtext(${id}))`
  const retake = async () => {
    if (closed || retaking) return
    retaking = true
    for (let held = false; !held && !closed; ) {
      await sleep(retryMs, undefined, { ref: false })
      held = await Promise.all([...ids].map(hold)).then(
        () => true,
        () => false,
      )
    }
    retaking = false
    if (!closed) log.info({ pools: [...ids] }, 'the database is back: liveness told again')
  }
  // one connection, never recycled; the locks are gone with it
  const session: Sql = connect(url, { max: 1, onclose: () => void retake() })
  return {
    add(id) {
      ids.add(id)
      holding = Promise.all([holding, hold(id).then(() => undefined, retake)]).then(() => undefined)
    },
    remove(id) {
      ids.delete(id)
      session`select pg_advisory_unlock(${lockClass}, hashtext(${id}))`.catch((error: unknown) =>
        log.debug({ err: error, pool: id }, 'the lock went with its connection'),
      )
    },
    held: () => holding,
    async close() {
      closed = true
      await session.end({ timeout: 2 })
    },
  }
}

/**
 * Makes a sweep that frees the jobs of pools whose process is gone, and returns their ids. A pool counts as gone once nobody has
 * held its id for `graceMs` on end, as far as one database that kept answering could tell: after an outage the living have that
 * long to take their locks again.
 */
export function makeSweep(sql: Sql, graceMs = 5_000): () => Promise<string[]> {
  const missingSince = new Map<string, number>()
  return async () => {
    try {
      const missing = await unheldIds(sql)
      for (const id of missingSince.keys()) if (!missing.includes(id)) missingSince.delete(id)
      for (const id of missing) if (!missingSince.has(id)) missingSince.set(id, performance.now())
      const dead = missing.filter((id) => performance.now() - missingSince.get(id)! >= graceMs)
      if (dead.length > 0) await sql`select graphile_worker.force_unlock_workers(${dead}::text[])`
      return dead
    } catch (error) {
      missingSince.clear()
      throw error
    }
  }
}

/** The ids that jobs or job queues are locked under and that no session holds. */
async function unheldIds(sql: Sql): Promise<string[]> {
  const locked = await sql<{ lockedBy: string }[]>`
    select locked_by from graphile_worker._private_jobs where locked_by is not null
    union
    select locked_by from graphile_worker._private_job_queues where locked_by is not null`
  const unheld: string[] = []
  for (const { lockedBy } of locked) if (await isUnheld(sql, lockedBy)) unheld.push(lockedBy)
  return unheld
}

const isUnheld = async (sql: Sql, id: string): Promise<boolean> =>
  (
    await sql.begin(
      (tx) => tx<{ free: boolean }[]>`select pg_try_advisory_xact_lock(${lockClass}, hashtext(${id})) as free`,
    )
  )[0]!.free

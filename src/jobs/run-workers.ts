/**
 * in: the tasks and what this process does of them. out: running workers, and a way to end them.
 * guarantees: a job whose process died is taken up again within seconds; builds have workers of their own, a fixed number, and so have those made elsewhere.
 */
import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Logger as QueueLogger, type Runner, run, type TaskList, type WorkerEvents } from 'graphile-worker'
import type { Logger } from 'pino'
import { makePool } from '../db/pool.ts'
import type { Sql } from '../db/postgres.ts'
import type { TaskName, Tasks } from './jobs.ts'
import { keepAlive, type Liveness, makeSweep } from './liveness.ts'

export type Roles = { worker: boolean; builder: boolean }

/** `sweep` frees the jobs of dead workers; the caller calls it every few seconds. */
export type Workers = { sweep(): Promise<void>; stop(): Promise<void> }

/** `graceMs`: see makeSweep. */
type Needs = {
  url: string
  sql: Sql
  log: Logger
  tasks: Tasks
  roles: Roles
  buildWorkers: number
  /** builds of Dockerfiles are made by a build service: any worker follows them, in places of their own, as it may be silent for long */
  elsewhere?: boolean
  graceMs?: number
}

type Connections = ReturnType<typeof makePool>

const workersAtOnce = 6
const buildTasks: TaskName[] = ['build', 'build-light']
/** What waits for receivers that nobody here chose keeps nothing else waiting. */
const outward: TaskName[] = ['deliver']
const outwardAtOnce = 10
const restartMs = 2000

export async function runWorkers({
  url,
  sql,
  log,
  tasks,
  roles,
  buildWorkers,
  elsewhere,
  graceMs,
}: Needs): Promise<Workers> {
  const ids: string[] = []
  const alive = keepAlive(url, log)
  const liveness: Liveness = {
    ...alive,
    add(id) {
      ids.push(id)
      alive.add(id)
    },
  }
  const sweep = makeSweep(sql, graceMs)
  const names = (Object.keys(tasks) as TaskName[]).filter((name) => ![...buildTasks, ...outward].includes(name))
  const builds = buildPools(roles, elsewhere === true).map((taken) => ({ names: taken, concurrency: buildWorkers }))
  const own = [
    { names, concurrency: workersAtOnce },
    { names: outward, concurrency: outwardAtOnce },
  ]
  const broken = (error: Error) => log.debug({ err: error }, 'a connection of the queue broke')
  // the pools are ours: the library does not wait for the end of one that it made
  const pools = [...(roles.worker ? own : []), ...builds].map((pool) => ({
    ...pool,
    connections: makePool(url, pool.concurrency + 2, broken),
  }))
  const running = await Promise.all(
    pools.map((pool) =>
      keepRunning(log, () => startPool(pool.connections, log, liveness, taskList(tasks, pool.names), pool.concurrency)),
    ),
  )
  await liveness.held()
  return {
    async sweep() {
      const dead = await sweep()
      if (dead.length > 0) log.info({ pools: dead }, 'took over the jobs of dead workers')
    },
    async stop() {
      await Promise.all(running.map((stop) => stop()))
      await Promise.all(pools.map((pool) => pool.connections.end()))
      // A job that was fetched, or ended, just as its pool stopped stays locked: the queue does not wait for that write.
      await sql`select graphile_worker.force_unlock_workers(${ids}::text[])`.catch((error: unknown) =>
        log.debug({ err: error }, 'what these workers had locked is left to a sweep'),
      )
      await liveness.close()
    },
  }
}

/** A builder takes every build; where there is none, what needs none. What waits for a service keeps nothing else waiting. */
function buildPools({ worker, builder }: Roles, elsewhere: boolean): TaskName[][] {
  if (elsewhere) return worker || builder ? buildTasks.map((task) => [task]) : []
  if (builder) return [buildTasks]
  return worker ? [['build-light']] : []
}

function startPool(
  pgPool: Connections,
  log: Logger,
  liveness: Liveness,
  tasks: TaskList,
  concurrency: number,
): Promise<Runner> {
  const events: WorkerEvents = new EventEmitter()
  // jobs are locked under the pool's id, whichever of its workers runs them
  events.on('pool:create', ({ workerPool }) => liveness.add(workerPool.id))
  events.on('pool:release', ({ workerPool }) => liveness.remove(workerPool.id))
  events.on('job:error', ({ error, job }) =>
    log.warn({ err: error, task: job.task_identifier, attempt: job.attempts }, 'job failed, will be tried again'),
  )
  events.on('job:failed', ({ error, job }) =>
    log.error({ err: error, task: job.task_identifier, job: job.id }, 'job failed for good'),
  )
  return run({
    pgPool,
    concurrency,
    pollInterval: 1000,
    noHandleSignals: true,
    parsedCronItems: [],
    taskList: tasks,
    events,
    logger: queueLogger(log),
  })
}

/** The queue gives up where the database stays away; then it is started again. Returns how to end it. */
async function keepRunning(log: Logger, start: () => Promise<Runner>): Promise<() => Promise<void>> {
  let stopping = false
  let runner = await start()
  const watch = async () => {
    while (!stopping) {
      await runner.promise.catch((error: unknown) => log.warn({ err: error }, 'the workers stopped'))
      while (!stopping) {
        await sleep(restartMs)
        const next = stopping
          ? null
          : await start().catch((error: unknown) => log.warn({ err: error }, 'the workers do not start yet'))
        if (!next) continue
        runner = next
        break
      }
    }
  }
  const watching = watch()
  return async () => {
    stopping = true
    await runner.stop().catch((error: unknown) => log.debug({ err: error }, 'the workers had stopped already'))
    await watching
  }
}

function taskList(tasks: Tasks, names: TaskName[]): TaskList {
  return Object.fromEntries(
    names.map((name) => [
      name,
      (payload, helpers) => {
        const handler = tasks[name] as (payload: unknown, attempt: object) => Promise<void>
        const { attempts, max_attempts: maxAttempts } = helpers.job
        return handler(payload, { attempt: attempts, maxAttempts, signal: helpers.abortSignal })
      },
    ]),
  )
}

/** The queue's own messages, at our levels; it is talkative at info. */
const queueLogger = (log: Logger): QueueLogger =>
  new QueueLogger(() => (level, message) => {
    const at = level === 'error' ? 'warn' : level === 'warning' ? 'warn' : 'debug'
    log[at]({ queue: true }, message)
  })

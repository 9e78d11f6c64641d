/**
 * in: the tasks and what this process does of them. out: running workers, and a way to end them.
 * guarantees: a job whose process died is taken up again within seconds; builds have workers of their own, a fixed number.
 */
import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Logger as QueueLogger, type Runner, run, type TaskList, type WorkerEvents } from 'graphile-worker'
import type { Logger } from 'pino'
import type { Sql } from '../db/postgres.ts'
import type { TaskName, Tasks } from './jobs.ts'
import { freeDeadJobs, keepAlive, type Liveness } from './liveness.ts'

export type Roles = { worker: boolean; builder: boolean }

/** `sweep` frees the jobs of dead workers; the caller calls it every few seconds. */
export type Workers = { sweep(): Promise<void>; stop(): Promise<void> }

type Needs = { url: string; sql: Sql; log: Logger; tasks: Tasks; roles: Roles; buildWorkers: number }

const workersAtOnce = 6
const restartMs = 2000

export async function runWorkers({ url, sql, log, tasks, roles, buildWorkers }: Needs): Promise<Workers> {
  const liveness = keepAlive(url, log)
  const names = Object.keys(tasks) as TaskName[]
  const pools = [
    ...(roles.worker ? [{ names: names.filter((name) => name !== 'build'), concurrency: workersAtOnce }] : []),
    ...(roles.builder ? [{ names: ['build' as const], concurrency: buildWorkers }] : []),
  ]
  const running = await Promise.all(
    pools.map((pool) =>
      keepRunning(log, () => startPool(url, log, liveness, taskList(tasks, pool.names), pool.concurrency)),
    ),
  )
  return {
    async sweep() {
      const dead = await freeDeadJobs(sql)
      if (dead.length > 0) log.info({ workers: dead }, 'took over the jobs of dead workers')
    },
    async stop() {
      await Promise.all(running.map((stop) => stop()))
      await liveness.close()
    },
  }
}

function startPool(
  url: string,
  log: Logger,
  liveness: Liveness,
  tasks: TaskList,
  concurrency: number,
): Promise<Runner> {
  const events: WorkerEvents = new EventEmitter()
  events.on('worker:create', ({ worker }) => liveness.add(worker.workerId))
  events.on('job:error', ({ error, job }) =>
    log.warn({ err: error, task: job.task_identifier, attempt: job.attempts }, 'job failed, will be tried again'),
  )
  events.on('job:failed', ({ error, job }) =>
    log.error({ err: error, task: job.task_identifier, job: job.id }, 'job failed for good'),
  )
  return run({
    connectionString: url,
    concurrency,
    maxPoolSize: concurrency + 2,
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

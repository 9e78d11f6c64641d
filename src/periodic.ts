/**
 * What a process does by itself, time and again.
 * in: its roles and what it works with. out: timers that run, and how to end them.
 * guarantees: no task runs twice at once in one process; a failure is told, and the next turn tries again.
 */
import type { Logger } from 'pino'
import { sweepSessions } from './access/sessions.ts'
import { keeperFor } from './build/machines/keeper-for.ts'
import { reapDocker } from './build/reap-docker.ts'
import { sweepBuilds } from './build/wake-builders.ts'
import { removeAbandoned } from './build/work-dir.ts'
import type { Deps } from './deps.ts'
import { enqueueReconcile } from './inbox/enqueue-reconcile.ts'
import type { Roles, Workers } from './jobs/run-workers.ts'
import { enqueueOutbox } from './notify/enqueue-mail.ts'
import { forgetMails } from './notify/forget-mails.ts'
import { enqueueSync } from './people/people-sources.ts'
import { queueFetch } from './scanner/clair.ts'
import { forgetScans } from './scanner/keep-layer.ts'
import { queuePortus } from './scanner/who-asks.ts'
import { makeSchedules } from './triggers/schedules.ts'
import { sweepWatches } from './watch/sweep.ts'

const sweepMs = 2000
const machinesMs = 1000
/** directories of builds and readings whose process was killed */
const abandonedMs = 60_000
const schedulesMs = 10_000
/** what Portus has not asked its scanner about for long */
const scansMs = 3_600_000
/** what Portus may show otherwise than it is, and what a real Clair is still to be asked */
const looksMs = 60_000
/** what no event told: a pause's end, a lost job */
const planMs = 120_000
/** reminders, mails that are made at an hour, what a clock that jumped or a lost job left */
const outboxMs = 300_000
const sessionsMs = 3_600_000
/** what old mails said */
const mailsMs = 3_600_000

/** `ms`: how often; `first`: when for the first time, else after `ms`. */
type Task = { work: () => Promise<void>; ms: number; first?: 'now' }

/** Starts all that these roles do by themselves. Answers how to end it. */
export async function startPeriodic(
  d: Deps,
  roles: Roles,
  workers: Pick<Workers, 'sweep'>,
): Promise<() => Promise<void>> {
  const ending = new AbortController()
  const keeper = roles.builder ? await keeperFor(d) : null
  const tasks: Task[] = [
    { work: workers.sweep, ms: sweepMs },
    ...buildTasks(d, roles, ending.signal),
    ...(roles.worker ? await workerTasks(d) : []),
    ...(keeper ? [{ work: keeper.turn, ms: machinesMs }] : []),
  ]
  const ends = tasks.map((task) => every(task, d.log))
  return async () => {
    ending.abort()
    for (const end of ends) end()
    await keeper?.close()
  }
}

function buildTasks(d: Deps, { worker, builder }: Roles, signal: AbortSignal): Task[] {
  const tidy = async () => {
    const removed = await removeAbandoned()
    if (removed.length > 0) d.log.info({ removed }, 'removed what killed processes left')
  }
  const reap = async () => {
    const builds = await reapDocker(d, signal)
    if (builds.length > 0) d.log.info({ builds }, 'removed what ended builds left on the docker daemon')
  }
  const isElsewhere = d.config.builder === 'remote' && (worker || builder)
  return [
    ...(worker || builder ? [{ work: tidy, ms: abandonedMs, first: 'now' as const }] : []),
    ...(builder ? [{ work: reap, ms: abandonedMs, first: 'now' as const }] : []),
    ...(builder || isElsewhere ? [{ work: () => sweepBuilds(d, 'any'), ms: sweepMs }] : []),
    ...(isElsewhere || (worker && !builder) ? [{ work: () => sweepBuilds(d, 'light'), ms: sweepMs }] : []),
  ]
}

async function workerTasks(d: Deps): Promise<Task[]> {
  const { config } = d
  const planAnew = () => d.jobs.enqueue(d.sql, 'plan', {}, { key: 'plan', queue: 'plan' })
  const compare = () => enqueueReconcile(d, laterBy(config.reconcileInterval))
  await planAnew()
  return [
    ...(config.reconcileInterval > 0 ? [{ work: compare, ms: config.reconcileInterval * 1000 }] : []),
    ...(config.peopleInterval > 0 ? [{ work: () => enqueueSync(d), ms: config.peopleInterval * 1000 }] : []),
    { work: makeSchedules(d).turn, ms: schedulesMs },
    { work: planAnew, ms: planMs },
    { work: () => enqueueOutbox(d), ms: outboxMs },
    { work: () => sweepWatches(d), ms: config.watchInterval * 1000 },
    ...(config.scanner
      ? [
          { work: () => forgetScans(d), ms: scansMs },
          { work: () => queuePortus(d), ms: looksMs },
        ]
      : []),
    ...(config.clairUrl === null ? [] : [{ work: () => queueFetch(d), ms: looksMs }]),
    { work: () => sweepSessions(d), ms: sessionsMs, first: 'now' },
    { work: async () => void (await forgetMails(d)), ms: mailsMs },
  ]
}

/** Up to a tenth of an interval from now, so that several installations do not ask one registry at the same moment. */
const laterBy = (seconds: number): Date => new Date(Date.now() + Math.random() * seconds * 100)

/** Never twice at once; a failure is told and the next turn tries again. Returns how to end it. */
export function every({ work, ms, first }: Task, log: Logger): () => void {
  let busy = false
  const turn = async () => {
    if (busy) return
    busy = true
    await work().catch((error: unknown) => log.warn({ err: error }, 'a periodic task failed'))
    busy = false
  }
  if (first === 'now') void turn()
  // a timer holds 31 bits; a longer one would run all the time
  const timer = setInterval(turn, Math.min(ms, 2 ** 31 - 1))
  return () => clearInterval(timer)
}

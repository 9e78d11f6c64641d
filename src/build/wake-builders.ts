import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { noteOverLeases } from './claim.ts'
import { isBuildDue, type Takes } from './next-build.ts'
import type { Recipe } from './recipe.ts'

/** The task whose job makes a worker look for such a build. */
const taskOf = { any: 'build', light: 'build-light' } as const

/**
 * Has a worker look for builds that this transaction queues: called at least once in it for each sort of recipe. A job says only "look",
 * so one too many does nothing; the worker who finds a build has the next one look.
 */
export function wakeBuilders(d: Pick<Deps, 'jobs'>, tx: Tx, { strategy }: Pick<Recipe, 'strategy'>): Promise<void> {
  return d.jobs.enqueue(tx, taskOf[strategy === 'rebase' ? 'light' : 'any'], {})
}

/** Has another worker look, unless one is about to. */
export const wakeAnother = (d: Pick<Deps, 'jobs' | 'sql'>, takes: Takes): Promise<void> =>
  d.jobs.enqueueUnlessWaiting(d.sql, taskOf[takes], {})

/**
 * Called every few seconds in each process that runs builds: makes up for whatever made a build due without a job: a lease or a pause
 * that is over, a window that opened, a job that went with its worker.
 */
export async function sweepBuilds(d: Pick<Deps, 'jobs' | 'sql' | 'clock' | 'config'>, takes: Takes): Promise<void> {
  await noteOverLeases(d)
  if (await isBuildDue(d, takes)) await wakeAnother(d, takes)
}

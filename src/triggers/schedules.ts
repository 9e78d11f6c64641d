/**
 * in: recipes whose schedule is due (recipe.due_at). out: queued builds, and the time each is due next.
 * guarantees: times that were missed are one build; what is paused, out of its windows, observed, or of a registry that is configured no more stays due until it may start; two
 * processes that look at once queue it once.
 */
import { keyOfRef } from '../access/key-of-ref.ts'
import { nextTime } from '../build/cron.ts'
import { Recipe } from '../build/recipe.ts'
import { lockRef, requestBuild } from '../build/request.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { mayStart } from '../pause/may-start.ts'
import { loadPauses } from '../pause/pauses.ts'
import { isGone } from '../people/gone.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'log'>

/** `turn` is to be called every few seconds. */
export function makeSchedules(d: Needs): { turn(): Promise<void> } {
  let lastTurn: Date | null = null
  return {
    async turn() {
      const now = d.clock()
      // Times that were made while the clock was ahead would be waited for.
      if (lastTurn === null || now < lastTurn) await drawNearer(d, now)
      lastTurn = now
      if (d.config.observe) return
      const pauses = await loadPauses(d.sql)
      const due = await d.sql<
        { ref: string }[]
      >`select ref from recipe where due_at <= ${now} and not ${isGone(d.sql, d.sql`ref`)} order by due_at, ref`
      const byNamespace = Map.groupBy(due, ({ ref }) => keyOfRef(d, ref))
      for (const [namespace, recipes] of byNamespace) {
        if (!mayStart(namespace, now, { pauses, builds: d.config.builds }).start) continue
        for (const { ref } of recipes) await d.sql.begin((tx) => queueDue(d, tx, ref, now))
      }
    },
  }
}

/** Asked for by nobody who waits, and yet not the planner's to withdraw. */
async function queueDue(d: Needs, tx: Tx, ref: string, now: Date): Promise<void> {
  await lockRef(tx, ref)
  const schedule = await scheduleOf(tx, ref, now)
  if (schedule === null) return
  await tx`update recipe set due_at = ${nextTime(schedule, now)} where ref = ${ref}`
  const request = { ref, reason: { kind: 'schedule' as const }, root: null, note: `schedule ${schedule}` }
  const requested = await requestBuild(d, { ...request, priority: 1 }, tx)
  if (requested !== 'no-recipe' && requested.created)
    d.log.info({ ref, schedule, build: requested.build.id }, 'scheduled')
}

/** Null: another process was first, or its recipe changed or went. */
async function scheduleOf(tx: Tx, ref: string, now: Date): Promise<string | null> {
  const [row] = await tx<{ spec: string }[]>`
    select spec::text as spec from recipe where ref = ${ref} and due_at <= ${now} for update`
  const recipe = row && Recipe.safeParse(JSON.parse(row.spec))
  return recipe?.success ? (recipe.data.schedule ?? null) : null
}

/**
 * A recipe that is due later than the time after next of its schedule was given that time by a clock that was wrong. (Due at the time
 * after next is what a clock that went back a little leaves behind: the run between has been made.)
 */
async function drawNearer(d: Pick<Deps, 'sql'>, now: Date): Promise<void> {
  const rows = await d.sql<{ ref: string; schedule: string; dueAt: Date }[]>`
    select ref, spec->>'schedule' as schedule, due_at from recipe where due_at > ${now} and spec->>'schedule' is not null`
  for (const { ref, schedule, dueAt } of rows) {
    const next = nextTime(schedule, now)
    const afterNext = next && nextTime(schedule, next)
    if (next && afterNext && dueAt > afterNext)
      await d.sql`update recipe set due_at = ${next} where ref = ${ref} and due_at = ${dueAt} and spec->>'schedule' = ${schedule}`
  }
}

/**
 * in: verdicts, recipes and builds as they are stored.
 * out: `build` rows queued (and queued ones withdrawn), each with its job; a later `plan` job where time alone changes something.
 * guarantees: one plan at a time; each tag is decided on under its lock, from one snapshot, so that a build asked for meanwhile is
 * seen; a tag that waits to be judged is left alone, and the refresh that judges it plans again; running it twice changes nothing.
 */
import { lockRef, requestBuild } from '../build/request.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { assemblePlan, type Plan } from './assemble-plan.ts'
import { loadPlan } from './load-plan.ts'
import { noLongerWanted } from './past-builds.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'log'>

/** Any number, the same in every process: plans are made one after another. */
const planLock = 7_233_004
/** Tags whose locks are held at a time. */
const refsAtOnce = 100

export async function plan(d: Needs): Promise<void> {
  await d.sql.begin(async (lock) => {
    await lock`select pg_advisory_xact_lock(${planLock})`
    const { chosen, lookAgainAt } = await survey(d)
    for (let i = 0; i < chosen.length; i += refsAtOnce) await act(d, chosen.slice(i, i + refsAtOnce))
    // Its own key: under refresh's key it would put off a job that is to run at once.
    if (lookAgainAt) await d.jobs.enqueue(d.sql, 'plan', {}, { key: 'plan:later', queue: 'plan', runAt: lookAgainAt })
  })
}

/** The tags that something is to be done about, by a first look without locks. */
async function survey(d: Needs): Promise<{ chosen: string[]; lookAgainAt: Date | null }> {
  const { input, queuedOf } = await inSnapshot(d, async (tx) => {
    const rows = await tx<{ ref: string }[]>`
      select recipe.ref from recipe join tag on tag.ref = recipe.ref
      where recipe.auto and tag.ignored is null and exists (select from cause where cause.tag_id = tag.id and cause.counted)
      union select ref from build where state = 'queued' and reason->>'kind' = 'base-moved'`
    const loaded = await loadPlan(
      d,
      tx,
      rows.map((row) => row.ref),
    )
    const ids = loaded.tags.flatMap(({ ref, builds }) => builds.map((build) => [build.id, ref] as const))
    return { input: loaded, queuedOf: new Map(ids) }
  })
  const { queue, withdraw, lookAgainAt } = decide(d, input)
  const chosen = [...queue.map((build) => build.ref), ...withdraw.map((id) => queuedOf.get(id)!)]
  return { chosen: [...new Set(chosen)].sort(), lookAgainAt }
}

/** Decides on these once more, now that nobody else can, and does it. */
async function act(d: Needs, refs: string[]): Promise<void> {
  await d.sql.begin(async (tx) => {
    for (const ref of refs) await lockRef(tx, ref)
    const { queue, withdraw } = decide(d, await inSnapshot(d, (own) => loadPlan(d, own, refs)))
    const wanted = queue.filter((build) => refs.includes(build.ref))
    for (const build of wanted) await requestBuild(d, { ...build, automatic: true }, tx)
    await withdrawBuilds(d, tx, withdraw)
    if (wanted.length > 0) d.log.info({ builds: wanted.map(({ ref, root }) => ({ ref, root })) }, 'builds queued')
  })
}

const decide = ({ clock, config }: Needs, input: Parameters<typeof assemblePlan>[0]): Plan =>
  assemblePlan(input, { now: clock(), settle: config.settle, observe: config.observe })

const inSnapshot = <T>(d: Needs, work: (tx: Tx) => Promise<T>): Promise<T> =>
  d.sql.begin('isolation level repeatable read read only', work) as Promise<T>

/** Only what has not begun; its job finds it over. */
async function withdrawBuilds(d: Needs, tx: Tx, ids: string[]): Promise<void> {
  if (ids.length === 0) return
  const error = {
    code: noLongerWanted,
    message: 'what it was to be built for is no more, or something else has to be built first',
  }
  const gone = await tx<{ ref: string }[]>`
    update build set state = 'cancelled', finished_at = ${d.clock()}, error = ${JSON.stringify(error)}::text::jsonb
    where id = any(${ids}::uuid[]) and state = 'queued' returning ref`
  if (gone.length > 0) d.log.info({ builds: gone.map(({ ref }) => ref) }, 'queued builds withdrawn')
}

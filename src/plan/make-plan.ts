/**
 * in: verdicts, recipes and builds as they are stored.
 * out: plans made and ended (keep-plans.ts), `build` rows queued and withdrawn; a later `plan` job where time alone changes something.
 * guarantees: one plan at a time; each tag is decided on under its lock, from one snapshot, so that a build asked for meanwhile is
 * seen; a tag that waits to be judged is left alone, and the refresh that judges it plans again; running it twice changes nothing.
 */
import { lockRefs, requestBuilds } from '../build/request.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { assemblePlan, type Plan, type PlanInput } from './assemble-plan.ts'
import { keepPlans } from './keep-plans.ts'
import { loadPlan, plansOf } from './load-plan.ts'
import { changedRecipes } from './load-recipe-changes.ts'
import { noLongerWanted } from './past-builds.ts'
import { stopPlans } from './stop-plans.ts'
import { lockPlans, withdrawBuilds } from './store-plans.ts'

type Needs = Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config' | 'log' | 'mailer' | 'vault'>

/** Tags whose locks are held at a time. */
const refsAtOnce = 500

export async function plan(d: Needs): Promise<void> {
  await d.sql.begin(async (lock) => {
    await lockPlans(lock)
    await stopPlans(d)
    let found = await survey(d)
    if (await keepPlans(d, found.input, found.decided))
      found = choose(d, { ...found.input, plans: await plansOf(d, d.sql, found.input) })
    const { chosen, lookAgainAt } = found
    for (let i = 0; i < chosen.length; i += refsAtOnce) await act(d, chosen.slice(i, i + refsAtOnce))
    // Its own key: under refresh's key it would put off a job that is to run at once.
    if (lookAgainAt) await d.jobs.enqueue(d.sql, 'plan', {}, { key: 'plan:later', queue: 'plan', runAt: lookAgainAt })
  })
}

type Survey = { input: PlanInput; decided: Plan; chosen: string[]; lookAgainAt: Date | null }

/** The tags that something is to be done about, by a first look without locks. */
async function survey(d: Needs): Promise<Survey> {
  const input = await inSnapshot(d, async (tx) => {
    const rows = await tx<{ ref: string }[]>`
      select recipe.ref from recipe join tag on tag.ref = recipe.ref
      where recipe.auto and tag.ignored is null and exists (select from cause where cause.tag_id = tag.id and cause.counted)
      union select ref from build where state in ('queued', 'running') and job is null
      union select ref from (${changedRecipes(tx)}) changed`
    return loadPlan(
      d,
      tx,
      rows.map((row) => row.ref),
    )
  })
  return choose(d, input)
}

function choose(d: Needs, input: PlanInput): Survey {
  const refOf = new Map(input.tags.flatMap(({ ref, builds }) => builds.map((build) => [build.id, ref] as const)))
  const decided = decide(d, input)
  const { queue, withdraw, lookAgainAt } = decided
  const chosen = [...queue.map((build) => build.ref), ...withdraw.map((id) => refOf.get(id)!)]
  return { input, decided, chosen: [...new Set(chosen)].sort(), lookAgainAt }
}

/** Decides on these once more, now that nobody else can, and does it. What has no plan yet waits for the next look. */
async function act(d: Needs, refs: string[]): Promise<void> {
  await d.sql.begin(async (tx) => {
    await lockRefs(tx, refs)
    const { queue, withdraw } = decide(d, await inSnapshot(d, (own) => loadPlan(d, own, refs)))
    const asked = new Set(refs)
    const due = queue.filter((build) => asked.has(build.ref))
    const wanted = due.filter(({ reason }) => reason.plan !== null)
    await requestBuilds(
      d,
      tx,
      wanted.map((build) => ({ ...build, automatic: true, planId: build.reason.plan })),
    )
    await withdrawBuilds(d, tx, { ids: withdraw }, nobodyWants)
    if (wanted.length < due.length) await d.jobs.enqueue(tx, 'plan', {}, { key: 'plan', queue: 'plan' })
    if (wanted.length > 0) d.log.info({ builds: wanted.map(({ ref, root }) => ({ ref, root })) }, 'builds queued')
  })
}

const nobodyWants = {
  code: noLongerWanted,
  message: 'what it was to be built for is no more, or something else has to be built first',
}

const decide = ({ clock, config }: Needs, input: Parameters<typeof assemblePlan>[0]): Plan =>
  assemblePlan(input, { now: clock(), settle: config.settle, observe: config.observe })

const inSnapshot = <T>(d: Needs, work: (tx: Tx) => Promise<T>): Promise<T> =>
  d.sql.begin('isolation level repeatable read read only', work) as Promise<T>

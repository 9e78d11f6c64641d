import { keyOfRef } from '../access/key-of-ref.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { isGone } from '../people/gone.ts'
import { currentKeys } from './current-key.ts'
import { Recipe } from './recipe.ts'
import { storable, storableJson } from './storable.ts'
import { wakeBuilders } from './wake-builders.ts'

/** Why a build is made. `from` and `to` are head digests of `base`; `plan` the fan-out it belongs to. */
export type BuildReason = {
  kind: 'base-moved' | 'manual' | 'git-push' | 'schedule' | 'retry'
  base?: string | null
  from?: string | null
  to?: string | null
  plan?: string | null
}

export type BuildRequest = {
  ref: string
  reason: BuildReason
  /** the outside change it goes back to ("base@digest", "recipes@time", "git@push"); null for one that a person asks for */
  root: string | null
  note?: string | null
  /** the planner made it, and may withdraw it; default: somebody asked for it */
  automatic?: boolean
  /** 0 = somebody waits for it; default: 1 for an automatic one, else 0 */
  priority?: 0 | 1
  planId?: string | null
}

/** `created` false: a build of this tag was queued already; it now has the newest reason and inputs. */
export type RequestedBuild = { created: boolean; build: { id: string; ref: string; key: string } }

/** Held to the end of the transaction by whoever decides on builds of these tags: plan, and requestBuild itself. Give them in order. */
export const lockRefs = async (tx: Tx, refs: readonly string[]): Promise<void> => {
  await tx`
    select count(*) from (
      select pg_advisory_xact_lock(hashtextextended('build ' || ref, 0))
      from (select ref from unnest(${[...refs]}::text[]) with ordinality as asked (ref, place) order by place) in_order
      offset 0) locked`
}

type Needs = Pick<Deps, 'jobs' | 'clock' | 'config'>

/**
 * Queues a build of a tag, or finds the one that is queued: never more than one is. Runs in `tx` where given, so that the caller's
 * own rows and the build come to be together.
 */
export async function requestBuild(
  d: Needs & Pick<Deps, 'sql'>,
  request: BuildRequest,
  tx?: Tx,
): Promise<RequestedBuild | 'no-recipe'> {
  const requested = tx
    ? await requestBuilds(d, tx, [request])
    : await d.sql.begin((own) => requestBuilds(d, own, [request]))
  return requested.get(request.ref) ?? 'no-recipe'
}

/** As lockRefs, of one tag. */
export const lockRef = (tx: Tx, ref: string): Promise<void> => lockRefs(tx, [ref])

/**
 * Queues builds of many tags, by a number of statements that does not depend on how many they are; one request a tag. What has no
 * recipe, or lies in a registry that is configured no more, has no entry in the answer. A person who asks for what is queued already makes it theirs: it is nobody's to withdraw, and goes first.
 */
export async function requestBuilds(
  d: Needs,
  tx: Tx,
  requests: readonly BuildRequest[],
): Promise<Map<string, RequestedBuild>> {
  const refs = requests.map(({ ref }) => ref).sort()
  await lockRefs(tx, refs)
  // As text: the driver renames JSON keys, and build arguments are keys.
  const stored = await tx<{ ref: string; spec: string }[]>`
    select ref, spec::text as spec from recipe where ref = any(${refs}) and not ${isGone(tx, tx`ref`)}`
  const specs = new Map(stored.map(({ ref, spec }) => [ref, spec]))
  const recipes = new Map(stored.map(({ ref, spec }) => [ref, Recipe.parse(JSON.parse(spec))]))
  const keys = await currentKeys(tx, recipes)
  const rows = requests
    .filter(({ ref }) => recipes.has(ref))
    .map((request) => rowOf(d, request, specs.get(request.ref)!, keys.get(request.ref)!))
  const queued = await adopt(tx, rows)
  const known = new Set(queued.map(({ ref }) => ref))
  const created = await insert(
    d,
    tx,
    rows.filter(({ ref }) => !known.has(ref)),
  )
  for (const strategy of ['dockerfile', 'rebase'] as const) {
    const [one] = created.filter(({ ref }) => recipes.get(ref)!.strategy === strategy)
    if (one) await wakeBuilders(d, tx, { strategy })
  }
  const answer = new Map<string, RequestedBuild>()
  for (const build of queued) answer.set(build.ref, { created: false, build })
  for (const build of created) answer.set(build.ref, { created: true, build })
  return answer
}

type Row = ReturnType<typeof rowOf>
type Queued = { id: string; ref: string; key: string }

const rowOf = (d: Needs, request: BuildRequest, recipe: string, key: string) => {
  const { ref, reason, root, note = null, automatic = false, planId = null } = request
  const namespace = keyOfRef(d, ref)
  const priority = request.priority ?? (automatic ? 1 : 0)
  return {
    ref,
    namespace,
    key,
    reason: storableJson(reason),
    root,
    note: note === null ? null : storable(note),
    recipe,
    automatic,
    priority,
    plan: planId,
  }
}

/** The rows as a relation. One JSON text: it is read once, and a list of lists is not what the driver can bind. */
const relation = (tx: Tx, rows: readonly Row[]) => tx`
  jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as wish (
    ref text, namespace text, key text, reason text, root text, note text, recipe text, automatic boolean, priority smallint, plan uuid)`

/** Of those that are queued: the newest inputs; why, where these changed what is built. */
const adopt = async (tx: Tx, rows: readonly Row[]): Promise<Queued[]> => tx<Queued[]>`
  update build set key = wish.key, recipe = wish.recipe::jsonb, note = coalesce(wish.note, build.note),
    reason = case when build.key = wish.key then build.reason else wish.reason::jsonb end,
    root = case when build.key = wish.key then build.root else wish.root end,
    plan_id = case when build.key = wish.key then build.plan_id else wish.plan end,
    automatic = build.automatic and wish.automatic, priority = least(build.priority, wish.priority)
  from ${relation(tx, rows)}
  where build.ref = wish.ref and build.state = 'queued' and build.job is null returning build.id, build.ref, build.key`

/** A wish of a person after a failure of the same inputs is another try. */
const insert = async ({ clock }: Needs, tx: Tx, rows: readonly Row[]): Promise<Queued[]> => tx<Queued[]>`
  insert into build (ref, namespace_key, key, reason, root, note, recipe, automatic, priority, plan_id, created_at)
  select wish.ref, wish.namespace, wish.key, case when not wish.automatic and wish.reason::jsonb ->> 'kind' = 'manual' and last.failed
      then jsonb_set(wish.reason::jsonb, '{kind}', '"retry"') else wish.reason::jsonb end,
    wish.root, wish.note, wish.recipe::jsonb, wish.automatic, wish.priority, wish.plan, ${clock()}::timestamptz
  from ${relation(tx, rows)} left join lateral (
    select state = 'failed' and key = wish.key as failed from build
    where build.ref = wish.ref and job is null order by created_at desc limit 1) last on true
  order by wish.priority, wish.ref returning id, ref, key`

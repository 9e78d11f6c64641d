import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { parseReference } from '../oci/reference.ts'
import { currentKey } from './current-key.ts'
import { namespaceKeyOf } from './namespace-key.ts'
import { Recipe } from './recipe.ts'
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
  /** the outside change it goes back to, "base@digest"; null for a manual one */
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

/** Held to the end of the transaction by whoever decides on a build of this tag: plan, and requestBuild itself. */
export const lockRef = async (tx: Tx, ref: string): Promise<void> => {
  await tx`select pg_advisory_xact_lock(hashtextextended(${`build ${ref}`}, 0))`
}

/**
 * Queues a build of a tag, or finds the one that is queued: never more than one is. Runs in `tx` where given, so that the caller's
 * own rows and the build come to be together.
 */
export async function requestBuild(
  d: Pick<Deps, 'sql' | 'jobs' | 'clock' | 'config'>,
  request: BuildRequest,
  tx?: Tx,
): Promise<RequestedBuild | 'no-recipe'> {
  if (tx) return requestIn(d, request, tx)
  return d.sql.begin((own) => requestIn(d, request, own))
}

async function requestIn(
  d: Pick<Deps, 'jobs' | 'clock' | 'config'>,
  request: BuildRequest,
  tx: Tx,
): Promise<RequestedBuild | 'no-recipe'> {
  const { ref, root } = request
  await lockRef(tx, ref)
  // As text: the driver renames JSON keys, and build arguments are keys.
  const [stored] = await tx<{ spec: string }[]>`select spec::text as spec from recipe where ref = ${ref}`
  if (!stored) return 'no-recipe'
  const recipe = Recipe.parse(JSON.parse(stored.spec))
  const key = await currentKey(tx, ref, recipe)
  const reason = JSON.stringify(request.reason)
  const note = request.note ?? null
  const { automatic = false } = request
  const namespace = namespaceKeyOf(d, parseReference(ref)!)
  const [queued] = await tx<{ id: string; key: string }[]>`
    update build set key = ${key}, reason = case when key = ${key} then reason else ${reason}::text::jsonb end,
      root = case when key = ${key} then root else ${root} end, recipe = ${stored.spec}::text::jsonb, note = coalesce(${note}, note)
    where ref = ${ref} and state = 'queued' returning id, key`
  if (queued) return { created: false, build: { ...queued, ref } }
  const [build] = await tx<{ id: string; key: string }[]>`
    insert into build (ref, namespace_key, key, reason, root, note, recipe, automatic, priority, plan_id, created_at)
    values (${ref}, ${namespace}, ${key}, ${reason}::text::jsonb, ${root}, ${note}, ${stored.spec}::text::jsonb, ${automatic},
      ${request.priority ?? (automatic ? 1 : 0)}, ${request.planId ?? null}, ${d.clock()})
    returning id, key`
  if (!build) throw new Error('an insert gave no row')
  await wakeBuilders(d, tx, recipe)
  return { created: true, build: { ...build, ref } }
}

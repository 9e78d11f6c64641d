import { currentKey } from '../build/current-key.ts'
import { Recipe } from '../build/recipe.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { parseReference, tagRef } from '../oci/reference.ts'
import type { PlanCause, PlanTag } from './assemble-plan.ts'

/** The tags asked for and, as they wait for one another, every outdated base their causes come through. */
export async function loadPlan(d: Pick<Deps, 'config'>, tx: Tx, refs: readonly string[]): Promise<PlanTag[]> {
  const all = await withVias(tx, refs)
  const [recipes, causes, busy, builds] = [
    await recipesOf(d, tx, all),
    await causesOf(tx, all),
    await busyBases(tx, all),
    await buildsOf(tx, all),
  ]
  return Promise.all(
    all.map(async (ref): Promise<PlanTag> => {
      const recipe = recipes.get(ref) ?? null
      const key = recipe ? await currentKey(tx, ref, recipe.recipe) : null
      const own = builds.filter((build) => build.ref === ref)
      const active = (state: string) => {
        const found = own.find((build) => build.state === state)
        return found ? { id: found.id, key: found.key, automatic: found.automatic } : null
      }
      const built = own.find((build) => build.state === 'succeeded') ?? null
      const since = built ? own.indexOf(built) : own.length
      return {
        ref,
        recipe: recipe && { auto: recipe.recipe.auto, runnable: recipe.runnable, base: recipe.base },
        causes: causes.get(ref) ?? [],
        busyBases: busy.get(ref) ?? [],
        key,
        queued: active('queued'),
        running: active('running'),
        built: built && { id: built.id, key: built.key, root: built.root },
        failures: own
          .slice(0, since)
          .filter(
            (b) => b.key === key && (b.state === 'failed' || b.state === 'cancelled') && b.code !== 'no-longer-wanted',
          )
          .map((b) => ({ id: b.id, code: b.code ?? 'cancelled', finishedAt: b.finishedAt! })),
      }
    }),
  )
}

async function withVias(tx: Tx, refs: readonly string[]): Promise<string[]> {
  const rows = await tx<{ ref: string }[]>`
    with recursive wanted as (
      select unnest(${[...refs]}::text[]) as ref
      union
      select cause.via from wanted join tag on tag.ref = wanted.ref join cause on cause.tag_id = tag.id
      where cause.counted and cause.via is not null
    ) select ref from wanted order by ref`
  return rows.map((row) => row.ref)
}

type LoadedRecipe = { recipe: Recipe; runnable: boolean; base: string | null }

/** Without one that this version cannot read: a build of it would say so. */
async function recipesOf(d: Pick<Deps, 'config'>, tx: Tx, refs: string[]): Promise<Map<string, LoadedRecipe>> {
  // as text: the driver renames JSON keys, and build arguments are keys
  const rows = await tx<
    { ref: string; spec: string }[]
  >`select ref, spec::text as spec from recipe where ref = any(${refs})`
  return new Map(
    rows.flatMap(({ ref, spec }) => {
      const parsed = Recipe.safeParse(JSON.parse(spec))
      if (!parsed.success) return []
      const runnable = parsed.data.strategy === 'rebase' || d.config.builder === 'docker'
      const base = parsed.data.base ? parseReference(parsed.data.base, parseReference(ref)?.host) : null
      return [
        [
          ref,
          { recipe: parsed.data, runnable, base: base?.tag ? tagRef(base.host, base.repository, base.tag) : null },
        ] as const,
      ]
    }),
  )
}

/** Counted causes. A head that a build of ours pushed goes back to what that build goes back to. */
async function causesOf(tx: Tx, refs: string[]): Promise<Map<string, PlanCause[]>> {
  const rows = await tx<(PlanCause & { ref: string; headAt: bigint | null; judgedAt: Date | null })[]>`
    select tag.ref, cause.base, cause.from_digest as "from", cause.to_digest as "to", cause.via, cause.confidence, cause.pinned,
      (select coalesce(build.root, build.id::text) from build where build.digest = cause.to_digest
       order by build.created_at desc limit 1) as to_root,
      base.head_at, base.judged_at
    from cause join tag on tag.id = cause.tag_id left join tag base on base.ref = cause.base
    where cause.counted and tag.ref = any(${refs}) order by tag.ref, cause.base, cause.role`
  const causes = new Map<string, PlanCause[]>()
  for (const { ref, headAt, judgedAt, ...cause } of rows) {
    const times = [headAt === null ? null : Number(headAt / 1_000_000n), judgedAt?.getTime() ?? null].filter(
      (t) => t !== null,
    )
    const baseSince = new Date(Math.min(...times, Number.MAX_SAFE_INTEGER))
    causes.set(ref, [...(causes.get(ref) ?? []), { ...cause, baseSince }])
  }
  return causes
}

/** Bases that count, of which a build waits or runs. */
async function busyBases(tx: Tx, refs: string[]): Promise<Map<string, string[]>> {
  const rows = await tx<{ ref: string; base: string }[]>`
    select distinct tag.ref, base->>'ref' as base
    from tag cross join jsonb_array_elements(tag.platforms) platform cross join jsonb_array_elements(platform->'bases') base
    left join recipe on recipe.ref = tag.ref
    where tag.ref = any(${refs}) and (base->>'role' = 'runtime' or (base->>'role' = 'build' and recipe.count_on = 'all'))
      and exists (select from build where build.ref = base->>'ref' and build.state in ('queued', 'running'))`
  const busy = new Map<string, string[]>()
  for (const { ref, base } of rows) busy.set(ref, [...(busy.get(ref) ?? []), base])
  return busy
}

type BuildRow = {
  ref: string
  id: string
  state: string
  key: string
  root: string | null
  automatic: boolean
  code: string | null
  finishedAt: Date | null
}

/** Newest first. */
const buildsOf = (tx: Tx, refs: string[]) => tx<BuildRow[]>`
  select ref, id, state, key, root, reason->>'kind' = 'base-moved' as automatic, error->>'code' as code, finished_at
  from build where ref = any(${refs}) order by created_at desc, id desc`

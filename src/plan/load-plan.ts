import { keyOfRef } from '../access/key-of-ref.ts'
import { canBuild } from '../build/builders/builders.ts'
import { currentKeys } from '../build/current-key.ts'
import { Recipe } from '../build/recipe.ts'
import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { parsePlatform } from '../oci/platform.ts'
import { parseReference, tagRef } from '../oci/reference.ts'
import { type MayStart, mayStart } from '../pause/may-start.ts'
import { loadPauses } from '../pause/pauses.ts'
import { isCauseSnoozed, isTagSnoozed } from '../policy/snoozed.ts'
import type { PlanCause, PlanInput, PlanRecipe, PlanTag, RootPlan } from './assemble-plan.ts'
import { buildsOf, ownPushes, standsOf } from './load-builds.ts'
import { furtherTags } from './load-further-tags.ts'
import { latestHeads } from './load-heads.ts'
import { recipeChanges } from './load-recipe-changes.ts'
import { unjudgedTags } from './load-unjudged.ts'
import { rootsOf } from './root-of.ts'
import { isWholeAgain, lackedAtMost, lacksOf, withoutRevision } from './settle.ts'
import { isToBuild } from './store-plans.ts'
import { isPast } from './stretch.ts'

/**
 * What is decided from, of these tags and all their bases at every depth. A number of statements that does not depend on how many
 * tags there are; give a transaction of one snapshot (`repeatable read`) where a decision is acted on.
 */
export async function loadPlan(d: Pick<Deps, 'config' | 'clock'>, tx: Tx, refs: readonly string[]): Promise<PlanInput> {
  const all = await withBases(tx, refs)
  const now = d.clock()
  const tags = await tagsOf(tx, all, now)
  const { causes, snoozed } = await causesOf(tx, all, now)
  const builds = await buildsOf(tx, all)
  const stands = await standsOf(tx, all)
  const recipes = recipesOf(d, tags)
  const outdated = all.filter((ref) => causes.has(ref))
  const changed = await recipeChanges(tx, autoRecipes(recipes, all))
  const keys = await currentKeys(tx, autoRecipes(recipes, [...new Set([...outdated, ...changed.keys()])]))
  const declared = await declaredNames(
    tx,
    outdated.filter((ref) => causes.get(ref)!.some(isAmbiguous)),
  )
  const unjudged = await unjudgedTags(tx)
  const moves = [...causes.values()].flat().filter((cause) => cause.via === null)
  const pushes = await ownPushes(tx, [...new Set(moves.map((cause) => cause.to))])
  const heads = await latestHeads(tx, newlyPushed(d, tags, stands))
  const startOf = await starts(d, tx)
  return {
    pushes,
    unjudged,
    plans: await plansOf(d, tx, {
      tags: all.map((ref) => ({ causes: causes.get(ref) ?? [], recipeChange: changed.get(ref) ?? null })),
      pushes,
    }),
    tags: tags.map(
      (tag): PlanTag => ({
        ref: tag.ref,
        headSince: earlier(tag.headAt, tag.judgedAt),
        outside: tag.outside,
        platforms: wantedPlatforms(tag, recipes.get(tag.ref)?.recipe),
        lacks: lacksOf(heads.get(tag.ref) ?? [], earlier(tag.headAt, tag.judgedAt)),
        causes: causes.get(tag.ref) ?? [],
        bases: tag.bases,
        doubtful: tag.doubtful,
        declared: declared.get(tag.ref) ?? [],
        recipe: recipes.get(tag.ref)?.rule ?? null,
        movesWith: tag.movesWith !== null && recipes.has(tag.movesWith) ? tag.movesWith : null,
        key: keys.get(tag.ref) ?? null,
        builds: builds.get(tag.ref) ?? [],
        stand: stands.get(tag.ref) ?? null,
        held: tag.heldBy !== null || snoozed.has(tag.ref),
        heldBy: tag.heldBy ?? (snoozed.has(tag.ref) ? 'snooze' : undefined),
        judged: unjudged !== 'too-many' && !unjudged.has(tag.ref),
        recipeChange: changed.get(tag.ref) ?? null,
        complete: isWholeAgain((heads.get(tag.ref) ?? []).map(({ platforms }) => platforms)),
        ...(recipes.get(tag.ref)?.rule.auto ? startOf(tag.ref) : { start: { start: true } }),
      }),
    ),
  }
}

/** Tags that somebody else pushed not long ago: they may still settle, or lack what they had. */
function newlyPushed(
  { config, clock }: Pick<Deps, 'config' | 'clock'>,
  tags: readonly TagRow[],
  stands: ReadonlyMap<string, PlanTag['stand']>,
): string[] {
  const after = clock().getTime() - Math.max(config.settle, lackedAtMost) * 1000
  const isNew = ({ headAt, judgedAt }: TagRow) => (earlier(headAt, judgedAt)?.getTime() ?? after) > after
  return tags.flatMap((tag) => (stands.get(tag.ref) !== 'at' && isNew(tag) ? [tag.ref] : []))
}

/** What a build of the tag is for: by its recipe, else what it is there for now. */
function wantedPlatforms({ platforms }: TagRow, recipe: Recipe | undefined): string[] {
  const named = recipe?.platforms.flatMap((platform) => parsePlatform(platform) ?? []) ?? []
  return (named.length > 0 ? named : platforms).map(withoutRevision)
}

/** Whether builds may start by themselves in the namespace of a tag. */
async function starts(d: Pick<Deps, 'config' | 'clock'>, tx: Tx): Promise<(ref: string) => Starts> {
  const pauses = await loadPauses(tx)
  const now = d.clock()
  const known = new Map<string, Starts>()
  return (ref) => {
    const namespace = keyOfRef(d, ref)
    const pauseOf = (wanted: string) => pauses.find(({ scope }) => scope === wanted)
    const starts = known.get(namespace) ?? {
      start: mayStart(namespace, now, { pauses, builds: d.config.builds }),
      pause: pauseOf(namespace) ?? pauseOf('*'),
    }
    known.set(namespace, starts)
    return starts
  }
}

type Starts = { start: MayStart } & Pick<PlanTag, 'pause'>

/** The fan-outs that were made of what these causes go back to, by root. One that is over and would have to be approved (again) waits for that. None of what was of an earlier stretch of its base. */
export async function plansOf(
  { config }: Pick<Deps, 'config'>,
  tx: Tx,
  { tags, pushes }: Pick<PlanInput, 'pushes'> & { tags: readonly Pick<PlanTag, 'causes' | 'recipeChange'>[] },
): Promise<Map<string, RootPlan>> {
  const roots = [...new Set(tags.flatMap((tag) => rootsOf(tag, pushes)))]
  if (roots.length === 0) return new Map()
  const rows = await tx<(RootPlan & { root: string })[]>`
    select id, root, because->>'message' as because, case when state = 'done' and coalesce(approved_nodes, 0) + ${config.builds.approveOver} < (
      select count(*) from plan_node where plan_id = plan.id and ${isToBuild(tx, 'plan_node')}) then 'approval' else state end as state
    from plan where root = any(${roots}) and not ${isPast(tx)}`
  return new Map(rows.map(({ root, ...plan }) => [root, plan]))
}

const isAmbiguous = (cause: PlanCause): boolean => cause.confidence === 'ambiguous'

/** A registry whose clock is ahead of ours must not make a base settle for ever. Registry time is in ns. */
function earlier(headAt: bigint | null, judgedAt: Date | null): Date | null {
  if (headAt === null) return null
  return new Date(Math.min(Number(headAt / 1_000_000n), judgedAt?.getTime() ?? Number.POSITIVE_INFINITY))
}

/** Union, not union all: a cycle of bases ends. The tags that these move along with, too. */
const withBases = async (tx: Tx, refs: readonly string[]): Promise<string[]> =>
  (
    await tx<{ ref: string }[]>`
    with recursive further as materialized (${furtherTags(tx)}), up as (
      select unnest(${[...refs]}::text[]) as ref
      union
      select named.ref from up join tag on tag.ref = up.ref left join further on further.ref = up.ref cross join lateral (
        select further.moves_with as ref union all
        select tag_base.base as ref from tag_base where tag_base.tag_id = tag.id
        union all select cause.base from cause where cause.tag_id = tag.id and cause.counted
        union all select cause.via from cause where cause.tag_id = tag.id and cause.counted
      ) named where named.ref is not null
    ) select ref from up order by ref`
  ).map((row) => row.ref)

type TagRow = {
  ref: string
  headAt: bigint | null
  judgedAt: Date | null
  platforms: string[]
  outside: boolean
  bases: string[]
  doubtful: string[]
  spec: string | null
  movesWith: string | null
  heldBy: 'policy' | 'snooze' | null
}

/** The recipe as text: the driver renames JSON keys, and build arguments are keys. None of a registry that is configured no more: nobody builds there. */
const tagsOf = (tx: Tx, refs: string[], now: Date) => tx<TagRow[]>`
  select asked.ref, t.head_at, t.judged_at, case when not coalesce(registry.gone, false) then recipe.spec::text end as spec, further.moves_with,
    case when t.ignored is not null then 'policy' when ${isTagSnoozed(tx, now)} then 'snooze' end as held_by,
    coalesce(named.bases, '{}') as bases, coalesce(named.doubtful, '{}') as doubtful, coalesce(registry.outside, false) as outside,
    array(select platform->>'platform' from jsonb_array_elements(t.platforms) platform) as platforms
  from unnest(${refs}::text[]) as asked (ref) left join tag t on t.ref = asked.ref left join recipe on recipe.ref = asked.ref
  left join (${furtherTags(tx)}) further on further.ref = asked.ref
  left join repository on repository.id = t.repository_id left join registry on registry.id = repository.registry_id
  left join lateral (
    select array_agg(distinct base->>'ref') as bases,
      array_agg(distinct base->>'ref') filter (where base->>'confidence' = 'ambiguous') as doubtful
    from jsonb_array_elements(t.platforms) platform cross join jsonb_array_elements(platform->'bases') base
    where base->>'ref' is not null and not coalesce((base->>'pinned')::boolean, false)
      and (base->>'role' = 'runtime' or (base->>'role' = 'build' and recipe.count_on = 'all'))) named on true
  order by asked.ref`

/** Counted causes by tag. Those of snoozed bases only where there are no others: `snoozed` are the tags that have no others. */
async function causesOf(
  tx: Tx,
  refs: string[],
  now: Date,
): Promise<{ causes: Map<string, PlanCause[]>; snoozed: Set<string> }> {
  const rows = await tx<(PlanCause & { ref: string; quiet: boolean })[]>`
    select t.ref, c.base, c.from_digest as "from", c.to_digest as "to", c.via, c.confidence, c.pinned, c.since, c.platforms,
      ${isCauseSnoozed(tx, now)} as quiet
    from cause c join tag t on t.id = c.tag_id
    where c.counted and t.ref = any(${refs}) order by t.ref, c.base, c.role`
  const causes = new Map<string, PlanCause[]>()
  const snoozed = new Set<string>()
  for (const [ref, all] of Map.groupBy(rows, (row) => row.ref)) {
    const loud = all.filter((row) => !row.quiet)
    if (loud.length === 0) snoozed.add(ref)
    causes.set(
      ref,
      (loud.length === 0 ? all : loud).map(({ ref: _ref, quiet: _quiet, ...cause }) => cause),
    )
  }
  return { causes, snoozed }
}

type LoadedRecipe = { recipe: Recipe; rule: PlanRecipe }

/** Without those that this version cannot read: they are built by nobody. */
function recipesOf({ config }: Pick<Deps, 'config'>, tags: readonly TagRow[]): Map<string, LoadedRecipe> {
  return new Map(
    tags.flatMap(({ ref, spec }) => {
      const recipe = spec === null ? undefined : Recipe.safeParse(JSON.parse(spec)).data
      if (!recipe) return []
      const base = recipe.base ? parseReference(recipe.base, parseReference(ref)?.host) : null
      const name = base?.tag ? tagRef(base.host, base.repository, base.tag) : null
      const runnable = canBuild(config.builder, recipe.strategy)
      return [[ref, { recipe, rule: { auto: recipe.auto, runnable, base: name } }]]
    }),
  )
}

const autoRecipes = (recipes: Map<string, LoadedRecipe>, refs: string[]): Map<string, Recipe> =>
  new Map(
    refs.flatMap((ref) => {
      const found = recipes.get(ref)
      return found?.rule.auto && found.rule.runnable ? [[ref, found.recipe]] : []
    }),
  )

/** Names that anything but layers gives to the bases of what these tags point at. */
async function declaredNames(tx: Tx, refs: string[]): Promise<Map<string, string[]>> {
  if (refs.length === 0) return new Map()
  const rows = await tx<{ ref: string; names: string[] }[]>`
    select tag.ref, array_agg(distinct declaration.name) as names
    from tag cross join lateral (
      select tag.head_digest as digest
      union select manifest_digest from index_entry where index_digest = tag.head_digest
    ) content join declaration on declaration.subject = content.digest
    where tag.ref = any(${refs}) and declaration.name is not null and declaration.evidence <> 'layers'
    group by tag.ref`
  return new Map(rows.map(({ ref, names }) => [ref, names]))
}

import type { Tx } from '../db/postgres.ts'
import type { Deps } from '../deps.ts'
import { assemblePlan, type PlanInput } from './assemble-plan.ts'
import { furtherOf } from './load-further-tags.ts'
import { loadPlan } from './load-plan.ts'
import type { PreviewEdge, PreviewInput, PreviewTag } from './play.ts'
import { previewEdges, type StoredVerdict } from './preview-edges.ts'

/** Tags that are looked at; of more dependents only the nearest. */
const most = 2000
/** The same where a plan is made of what has happened. */
const mostOfPlan = 20_000
/** Dependents are counted up to so many. */
const countedAtMost = 100_000

export type LoadedPreview = { input: PreviewInput; dependents: number; truncated: boolean }

/**
 * What a preview of a push of `ref` is made from. A number of statements that does not depend on how many tags there are, in a
 * transaction of one snapshot.
 */
export async function loadPreview(d: Needs, tx: Tx, ref: string): Promise<LoadedPreview> {
  const found = await dependentsOf(tx, [ref], most + 1)
  const truncated = found.length > most
  const dependents = truncated ? (await dependentsOf(tx, [ref], countedAtMost)).length : found.length
  const refs = found.slice(0, most)
  const { plan, edges, tags } = await loadTags(d, tx, refs, [ref])
  const input: PreviewInput = {
    ...{ ref, tags, bases: (edges.get(ref) ?? []).filter((edge) => edge.counted).map((edge) => edge.base) },
    pending: pendingIn(plan, d, new Set(refs)),
    snoozedBases: await snoozedBases(tx, d.clock()),
    observe: d.config.observe,
  }
  const helpers = tags.filter(({ helper }) => helper).length
  return { input, dependents: dependents - helpers, truncated }
}

/**
 * What plans are made from: these have moved, and all that is based on them is as it is now. Where DRYDOCK_OBSERVE keeps everything from
 * starting, what would be. `known`: what was loaded just before, of which nothing is read again. `all`: nothing, where there are more
 * than are looked at; `nearest`: then the nearest.
 */
export async function loadForward(
  d: Needs,
  tx: Tx,
  bases: readonly string[],
  which: 'all' | 'nearest',
  known?: PlanInput,
): Promise<LoadedPreview | null> {
  const found = await dependentsOf(tx, bases, mostOfPlan + 1, 'built')
  if (which === 'all' && found.length > mostOfPlan) return null
  const refs = [...bases, ...found.slice(0, mostOfPlan)]
  const { plan, tags } = await loadTags(d, tx, refs, [], known)
  const input: PreviewInput = {
    ...{ ref: null, tags, bases: [], pushes: plan.pushes, now: d.clock(), observe: false },
    pending: pendingIn(plan, d, new Set(refs)),
    snoozedBases: await snoozedBases(tx, d.clock()),
  }
  return { input, dependents: found.length, truncated: found.length > mostOfPlan }
}

type Needs = Pick<Deps, 'config' | 'clock'>

/** These tags with their edges, and the edges of `more`. */
async function loadTags(
  d: Needs,
  tx: Tx,
  refs: string[],
  more: string[],
  known?: PlanInput,
): Promise<{ plan: PlanInput; edges: Map<string, PreviewEdge[]>; tags: PreviewTag[] }> {
  const plan = await completed(d, tx, [...refs, ...more], known)
  const rows = await verdictsOf(tx, [...refs, ...more], d.clock())
  const moved = new Map(
    plan.tags.map((tag) => [tag.ref, new Set(tag.causes.filter((c) => c.via === null).map((c) => c.base))]),
  )
  const verdicts = rows.map((row): StoredVerdict => ({ ...row, moved: moved.get(row.ref) ?? new Set() }))
  const namesAt = await namesAtDigests(tx, verdicts)
  const edges = new Map(verdicts.map((verdict) => [verdict.ref, previewEdges(verdict, namesAt)]))
  const doubted = refs.filter((name) => edges.get(name)?.some((edge) => edge.rivals.length > 0))
  const declared = await declaredNames(tx, doubted)
  const seconds = await buildSeconds(tx, refs)
  const holds = new Map(rows.map(({ ref, hold, helper }) => [ref, { hold, helper }]))
  const inside = new Set(refs)
  const tags = plan.tags.flatMap((tag): PreviewTag[] => {
    if (!inside.has(tag.ref)) return []
    const names = declared.get(tag.ref) ?? tag.declared
    const { hold = null, helper = false } = holds.get(tag.ref) ?? {}
    const [own, time] = [edges.get(tag.ref) ?? [], seconds.get(tag.ref) ?? null]
    return [{ ...tag, declared: names, edges: own, hold, helper, seconds: time }]
  })
  return { plan, edges, tags }
}

/** What is `known` of these already is not read again. */
async function completed(d: Needs, tx: Tx, refs: string[], known?: PlanInput): Promise<PlanInput> {
  const have = new Map(known?.tags.map((tag) => [tag.ref, tag]))
  const fresh = await loadPlan(
    d,
    tx,
    refs.filter((ref) => !have.has(ref)),
  )
  const more = fresh.tags.filter((tag) => !have.has(tag.ref))
  return { tags: [...have.values(), ...more], pushes: new Map([...(known?.pushes ?? []), ...fresh.pushes]) }
}

/** With what moves along with them when they are built: with `refs`, too, unless these are but pushed. Nearest first. Union, not union all: a cycle ends. None of `refs` itself. */
async function dependentsOf(
  tx: Tx,
  refs: readonly string[],
  limit: number,
  which: 'pushed' | 'built' = 'pushed',
): Promise<string[]> {
  const rows = await tx<{ ref: string }[]>`
    with recursive down (ref) as (
      select unnest(${[...refs]}::text[])
      union
      select next.ref from down cross join lateral (
        select tag.ref from tag_base join tag on tag.id = tag_base.tag_id and tag.head_digest is not null where tag_base.base = down.ref
        union all select ref from (${furtherOf(tx, tx`down.ref`)}) along where ${which === 'built'} or down.ref <> all(${[...refs]})
      ) next
    ) select ref from down limit ${limit + refs.length}`
  const asked = new Set(refs)
  return rows.map((row) => row.ref).filter((name) => !asked.has(name))
}

type VerdictRow = Omit<StoredVerdict, 'moved'> & { hold: PreviewTag['hold']; helper: boolean }

const verdictsOf = (tx: Tx, refs: string[], now: Date) => tx<VerdictRow[]>`
  select tag.ref, tag.platforms, tag.because, coalesce(recipe.count_on = 'all', false) as counts_build,
    case when tag.ignored is not null then 'ignored'
      when exists (select from snooze where kind = 'tag' and snooze.ref = tag.ref and expires_at > ${now}) then 'snoozed' end as hold,
    coalesce(tag.ignored->>'rule' in ('previous', 'candidate'), false) as helper
  from tag left join recipe on recipe.ref = tag.ref where tag.ref = any(${refs})`

/** Names at the digests that inferred bases are at: copies and retags, found after the verdict too. */
async function namesAtDigests(tx: Tx, verdicts: readonly StoredVerdict[]): Promise<Map<string, string[]>> {
  const inferred = verdicts
    .flatMap((v) => v.platforms)
    .flatMap((p) => p.bases)
    .filter((b) => b.confidence !== 'declared')
  const digests = [...new Set(inferred.flatMap((base) => base.digest ?? []))]
  if (digests.length === 0) return new Map()
  const rows = await tx<{ digest: string; names: string[] }[]>`
    select head_digest as digest, array_agg(ref order by ref) as names from tag where head_digest = any(${digests}) group by 1`
  return new Map(rows.map(({ digest, names }) => [digest, names]))
}

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

/** The median of each tag's last five builds that succeeded; no build takes less than a second. */
async function buildSeconds(tx: Tx, refs: string[]): Promise<Map<string, number>> {
  const rows = await tx<{ ref: string; seconds: number }[]>`
    select ref, percentile_cont(0.5) within group (order by extract(epoch from finished_at - started_at))::float8 as seconds
    from (
      select ref, started_at, finished_at, row_number() over (partition by ref order by created_at desc) as place
      from build where ref = any(${refs}) and state = 'succeeded' and started_at is not null and job is null
    ) done where place <= 5 group by ref`
  return new Map(rows.map(({ ref, seconds }) => [ref, Math.max(1, Math.round(seconds))]))
}

/** Of what is not looked at here: tags that change by themselves, whatever is pushed. */
function pendingIn(
  plan: PlanInput,
  { clock, config }: Pick<Deps, 'config' | 'clock'>,
  inside: ReadonlySet<string>,
): Set<string> {
  if (plan.tags.every(({ ref }) => inside.has(ref))) return new Set()
  const { settle, observe } = config
  const { states } = assemblePlan(plan, { now: clock(), settle, observe })
  const pending = new Set(
    [...states].filter(([, { state }]) => /^(queued|running|settling)$/.test(state)).map(([ref]) => ref),
  )
  for (let grown = true; grown; ) {
    grown = false
    for (const [ref, { state, waitsFor }] of states) {
      if (state !== 'waiting' || pending.has(ref) || !waitsFor.every((base) => pending.has(base))) continue
      pending.add(ref)
      grown = true
    }
  }
  return new Set([...pending].filter((ref) => !inside.has(ref)))
}

async function snoozedBases(tx: Tx, now: Date): Promise<Set<string>> {
  const rows = await tx<{ ref: string }[]>`select ref from snooze where kind = 'base' and expires_at > ${now}`
  return new Set(rows.map((row) => row.ref))
}

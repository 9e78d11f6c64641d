/**
 * in: tags with all that is known of their bases, recipes and builds, and how the rest of the estate stands.
 * out: what is built, round by round, until nothing is due: of what somebody pushes now, or of how things stand.
 * guarantees: pure; the planner itself decides (assemble-plan.ts), on what the verdicts would be then. Nothing is assumed to fail,
 * and what is pushed to be a release that nobody had before; settling, back-off, pauses and approval take no time.
 */
import type { BaseRole } from '../lineage/world.ts'
import { assemblePlan, type OwnPush, type PlanTag, type RebuildState } from './assemble-plan.ts'
import { baseOrder } from './base-order.ts'
import { pastBuilds } from './past-builds.ts'
import { causesNow, digestOf, type RestCause } from './preview-causes.ts'

/** A base of a tag, over its platforms. `counted`: it makes the tag outdated when it moves. */
export type PreviewEdge = {
  base: string
  role: BaseRole
  confidence: 'declared' | 'inferred' | 'ambiguous'
  pinned: boolean
  counted: boolean
  /** other names that are, as far as is known, still at the content the tag has of this base; none where it is declared */
  rivals: string[]
  /** what the tag has of it is not known: it cannot be judged whether that is outdated */
  unknown: boolean
}

/** `hold`: why nothing is built for it by itself, or told. `seconds`: how long a build of it takes, null: never seen. */
export type PreviewTag = PlanTag & {
  edges: PreviewEdge[]
  hold: 'ignored' | 'snoozed' | null
  /** it only helps with another tag: what that was before, or its candidate; it is not told of. Default: it does not */
  helper?: boolean
  seconds: number | null
}

export type PreviewInput = {
  /** what somebody pushes; null: see `now` */
  ref: string | null
  tags: readonly PreviewTag[]
  /** bases of `ref` itself, for cycles through it */
  bases: readonly string[]
  /** tags outside `tags` that are about to change anyway */
  pending: ReadonlySet<string>
  /** nothing is built or mailed because of these */
  snoozedBases: ReadonlySet<string>
  observe: boolean
  /** null: somebody pushes `ref`; else nobody pushes anything (`ref` is null), and this is the time: what comes of how things stand */
  now?: Date | null
  /** what our builds pushed until now, by digest */
  pushes?: ReadonlyMap<string, OwnPush>
}

/**
 * The estate as it would be after so many rounds. `moves`: in which round a tag moved last (the one that is pushed: 0); `built`: in
 * which round each was first built, for which causes and which of their roots; `used`: by tag, the rounds from which its build took its bases.
 */
export type Stage = {
  input: PreviewInput
  /** as they are then: what moved along with a tag is what that tag is */
  tags: Map<string, PreviewTag>
  groups: string[][]
  moves: Map<string, number>
  built: Map<string, { level: number; causes: RestCause[]; root: string }>
  used: Map<string, ReadonlyMap<string, number | undefined>>
  pushes: Map<string, OwnPush>
}

/** Levels beyond these are not followed. */
const mostLevels = 100

/** How it ended: `causes` and `states` when nothing more is due. `cut`: there are more levels, and no states. */
export type Played = {
  stage: Stage
  tags: ReadonlyMap<string, PreviewTag>
  causes: ReadonlyMap<string, RestCause[]>
  states: ReadonlyMap<string, RebuildState> | null
  cycles: string[][]
  cut: boolean
}

export function play(input: PreviewInput): Played {
  const tags = new Map(input.tags.map((tag) => [tag.ref, tag]))
  const groups = baseOrder([input.ref ?? [], ...tags.keys()].flat(), (ref) => basesOf(input, tags, ref))
  const stage: Stage = {
    ...{ input, tags, groups, built: new Map(), used: new Map(), pushes: new Map(input.pushes) },
    moves: input.ref === null ? new Map() : new Map([[input.ref, 0]]),
  }
  let causes = causesNow(stage, tags)
  let states: ReturnType<typeof playRound> = null
  let level = 0
  do {
    states = playRound(stage, causes, ++level)
    if (states === null) causes = causesNow(stage, tags)
  } while (states === null && level < mostLevels)
  const cycles = groups.filter((group) => group.length > 1).map((group) => [...group].sort())
  return { stage, tags, causes, states, cycles, cut: states === null }
}

const basesOf = (input: PreviewInput, tags: ReadonlyMap<string, PreviewTag>, ref: string): string[] => {
  const own = tags
    .get(ref)
    ?.edges.filter((edge) => edge.counted)
    .map((edge) => edge.base)
    .concat(tags.get(ref)?.movesWith ?? [])
  return (own ?? input.bases).filter((base) => base !== ref && (base === input.ref || tags.has(base)))
}

/** Decides on what is not done with, and on cycles as a whole, and builds all that is due. The states, where nothing is due. */
function playRound(
  stage: Stage,
  causes: ReadonlyMap<string, RestCause[]>,
  level: number,
): ReturnType<typeof assemblePlan>['states'] | null {
  const { tags } = stage
  const isStale = (ref: string) => !stage.built.has(ref) || (causes.get(ref)?.length ?? 0) > 0
  const isLeft = (ref: string) => isStale(ref) || isStale(tags.get(ref)?.movesWith ?? ref)
  const left = stage.groups.flatMap((group) => (group.length > 1 ? group : group.filter(isLeft)))
  const asked = left.flatMap((ref) => {
    const tag = tags.get(ref)
    return tag ? [tagThen(tag, causes.get(ref) ?? [], stage, level)] : []
  })
  const policy = { now: stage.input.now ?? new Date(0), settle: 0, observe: stage.input.observe }
  const { queue, states } = assemblePlan({ tags: asked, pushes: stage.pushes }, policy)
  if (queue.length === 0) return states
  for (const { ref, root, reason } of queue) {
    const chain = [ref, ...(stage.pushes.get(reason.to ?? '')?.chain ?? [])]
    stage.pushes.set(digestOf(ref, level), { root, chain })
    const bases = tags
      .get(ref)!
      .edges.filter((edge) => !edge.pinned)
      .map(({ base }) => base)
    stage.used.set(ref, new Map(bases.map((base) => [base, stage.moves.get(base)] as const)))
    if (!stage.built.has(ref)) stage.built.set(ref, { level, causes: causes.get(ref)!, root })
  }
  for (const { ref } of queue) stage.moves.set(ref, level)
  const led = new Set(queue.map(({ ref }) => ref))
  for (const tag of stage.input.tags)
    if (tag.movesWith && led.has(tag.movesWith)) moveAlong(stage, tag, tags.get(tag.movesWith)!, level)
  return null
}

/** What the tag points at now is what was built of `leader` in this round. Without a recipe build stages do not count. */
function moveAlong(
  { tags, moves, built, used, pushes }: Stage,
  tag: PreviewTag,
  leader: PreviewTag,
  level: number,
): void {
  const edges = leader.edges.map((edge) => ({ ...edge, counted: edge.role === 'runtime' }))
  tags.set(tag.ref, { ...tag, edges })
  moves.set(tag.ref, level)
  used.set(tag.ref, used.get(leader.ref)!)
  pushes.set(digestOf(tag.ref, level), pushes.get(digestOf(leader.ref, level))!)
  if (!built.has(tag.ref)) built.set(tag.ref, { ...built.get(leader.ref)!, level })
}

/** The same inputs were built, or tried, and will not be again. */
function isOver(tag: PreviewTag, now: Date | null): boolean {
  if (now === null) return false
  const past = pastBuilds(tag, now)
  return (past.say === 'failed' && past.again === null) || past.say === 'stopped'
}

/** The tag as the planner would find it: nothing running, and inputs that were never built. Causes of snoozed bases count where there are no others. */
function tagThen(
  tag: PreviewTag,
  all: readonly RestCause[],
  { input, built, moves, pushes, used }: Stage,
  level: number,
): PlanTag {
  const loud = all.filter(({ base, via }) => !input.snoozedBases.has(base) && !(via && input.snoozedBases.has(via)))
  const done = tag.builds.filter((build) => build.finishedAt !== null)
  const last = built.has(tag.ref) ? moves.get(tag.ref)! : null
  const same = last === null && !tag.edges.some((edge) => moves.has(edge.base)) && isOver(tag, input.now ?? null)
  const own =
    last === null
      ? null
      : {
          ...{
            id: digestOf(tag.ref, last),
            state: 'succeeded' as const,
            key: String(last),
            automatic: true,
            code: null,
          },
          ...{
            root: pushes.get(digestOf(tag.ref, last))!.root,
            reason: { base: null, to: null },
            finishedAt: new Date(0),
          },
          digest: digestOf(tag.ref, last),
          bases: [...used.get(tag.ref)!].map(([name, from]) => ({ name, digest: digestOf(name, from ?? -1) })),
        }
  return {
    ...tag,
    causes: (loud.length > 0 ? loud : all).map(({ old: _, ...cause }) => cause),
    held: tag.hold !== null || (all.length > 0 && loud.length === 0),
    key: same ? tag.key : String(level),
    recipeChange: last === null ? (tag.recipeChange ?? null) : null,
    start: { start: true },
    lacks: [],
    builds: own ? [own, ...done] : done,
    stand: own ? 'at' : tag.stand,
    judged: true,
  }
}

import type { RebuildState } from './assemble-plan.ts'
import type { PreviewTag, Stage } from './play.ts'
import type { RestCause } from './preview-causes.ts'

/** What may become of a tag, in words for people. */
export const decisionWords = {
  rebuild: 'rebuilt, at its level',
  manual: 'its recipe says auto: false',
  'no-builder': 'nothing here can run its recipe',
  'no-recipe': 'it has no recipe',
  pinned: 'its FROM names a digest: rebuilding cannot help',
  ambiguous: 'not certain: other tags are still at what it was built on',
  waits: 'it waits for what stays outdated itself',
  paused: 'DRYDOCK_OBSERVE: nothing is started',
  ignored: 'a policy says that it does not matter',
  snoozed: 'it, or the base it would be built for, is snoozed',
  unknown: 'what it has of its base is not known, so that it cannot be judged',
  failed: 'builds of the same inputs failed for good, or were cancelled',
  'moves-along': 'the recipe of another tag moves it along: it has no build of its own',
  'not-counted': 'the base is in a build stage only, which does not count for it',
} as const
export type Decision = keyof typeof decisionWords
export const decisions = Object.keys(decisionWords) as [Decision, ...Decision[]]

/** Of these nobody is told: they do not become outdated, or are held. */
export const silentDecisions: ReadonlySet<Decision> = new Set(['ignored', 'snoozed', 'unknown', 'not-counted'])

/**
 * `level`: 1 is built first; null: not built. `because`: the bases it becomes outdated by or through. What moves along with a tag has that
 * tag's level, and waits for it.
 */
export type PreviewNode = {
  ref: string
  decision: Decision
  level: number | null
  because: string[]
  waitsFor: string[]
  cycle: boolean
  seconds: number | null
}

/** How things stand when nothing more is built: `causes` and `state` of this tag. */
type End = { causes: readonly RestCause[]; state: RebuildState | null; cycle: boolean }

/** What becomes of one tag; null: this push does not concern it, or it only helps with another. */
export function previewNode(tag: PreviewTag, { causes, state, cycle }: End, stage: Stage): PreviewNode | null {
  if (tag.helper) return null
  const common = { ref: tag.ref, cycle, seconds: tag.seconds, level: null, waitsFor: [] }
  const built = stage.built.get(tag.ref)
  if (built) {
    const { level } = built
    if (tag.movesWith)
      return { ...common, decision: 'moves-along', level, because: namesOf(built.causes), waitsFor: [tag.movesWith] }
    return {
      ...common,
      decision: 'rebuild',
      level,
      because: namesOf(built.causes),
      waitsFor: awaited(tag, level, stage),
    }
  }
  const fresh = causes.filter((cause) => !cause.old)
  if (fresh.length > 0) {
    const leader = stage.tags.get(tag.movesWith ?? '')
    const decision = tag.hold ?? leader?.hold ?? decisionOf(leader ?? tag, state, stage)
    const awaits = decision === 'waits' ? state?.waitsFor : decision === 'moves-along' ? state?.movesWith : null
    return { ...common, decision, because: namesOf(fresh), waitsFor: [awaits ?? []].flat() }
  }
  const moved = tag.edges.filter((edge) => edge.base !== tag.ref && stage.moves.has(edge.base))
  if (moved.length === 0) return null
  const decision = moved.some((edge) => edge.counted && edge.unknown) ? 'unknown' : 'not-counted'
  return { ...common, decision, because: [...new Set(moved.map((edge) => edge.base))].sort() }
}

const namesOf = (causes: readonly RestCause[]): string[] =>
  [...new Set(causes.map((cause) => cause.via ?? cause.base))].sort()

/** The bases that were to be built, or were about to change, before it. */
const awaited = (tag: PreviewTag, level: number, { built, input, tags }: Stage): string[] => {
  const bases = tag.edges
    .filter((edge) => edge.counted && !edge.pinned && edge.base !== tag.ref)
    .map((edge) => edge.base)
  const first = bases.filter((base) => (built.get(base)?.level ?? level) < level || input.pending.has(base))
  return [...new Set(first.map((base) => tags.get(base)?.movesWith ?? base))].filter((base) => base !== tag.ref).sort()
}

function decisionOf({ recipe }: PreviewTag, state: RebuildState | null, { input }: Stage): Decision {
  const unsure = input.now && state?.build ? 'failed' : 'ambiguous'
  switch (state?.state) {
    case 'none':
      return state.movesWith ? 'moves-along' : 'no-recipe'
    case 'pinned':
      return 'pinned'
    case 'paused':
      return input.observe ? 'paused' : 'snoozed'
    case 'manual':
      return recipe?.auto === false ? 'manual' : recipe?.runnable === false ? 'no-builder' : unsure
    case 'failed':
      return unsure
    default:
      return 'waits'
  }
}

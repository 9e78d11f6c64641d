import type { PlanCause, PlanTag } from '../../src/plan/assemble-plan.ts'

/** What is not plain about an estate. Without traits every tag but 0 has an automatic recipe, and every base is declared and used. */
export type Traits = {
  recipe?: (tag: number) => PlanTag['recipe']
  held?: (tag: number) => boolean
  /** ambiguous: another name, outside and never moving, is at that content too */
  edge?: (tag: number, base: number) => Pick<PlanCause, 'confidence' | 'pinned'>
  /** false: its builds take nothing from that base, whatever is said of it: they leave it outdated */
  uses?: (tag: number, base: number) => boolean
}

/** One number a tag and an edge picks what is not plain about it. */
export const traitsOf = (kinds: number[], links: number[]): Required<Pick<Traits, 'recipe' | 'held' | 'edge'>> => ({
  recipe: (tag) => {
    const kind = kinds[tag % kinds.length]!
    return kind === 0 ? null : { auto: kind !== 1, runnable: kind !== 2, base: null }
  },
  held: (tag) => kinds[tag % kinds.length] === 3,
  edge: (tag, base) => {
    const link = links[(tag * 7 + base) % links.length]!
    return { confidence: link === 0 ? 'ambiguous' : 'declared', pinned: link === 1 }
  },
})

/**
 * in: how things stand below a base that has moved, and the outside change in question.
 * out: the nodes of its plan: what is going to be built for it, in which order, and what is not, and why.
 * guarantees: pure; played by the planner's own decisions (play.ts), so that what is foreseen is what will be done if nothing fails.
 */
import { type PreviewInput, play } from './play.ts'
import { byLevel, secondsOf } from './preview.ts'
import type { RestCause } from './preview-causes.ts'
import { type Decision, previewNode } from './preview-node.ts'
import { rootOf } from './root-of.ts'

/** `level`: 1 is built first; null: not built, because of `because`. `seconds`: as builds before it took. */
export type ForeseenNode = {
  ref: string
  level: number | null
  because: Decision | null
  waitsFor: string[]
  seconds: number | null
}

export type Foreseen = { nodes: ForeseenNode[]; cycles: string[][]; seconds: number | null; cut: boolean }

export function foresee(input: PreviewInput, root: string): Foreseen {
  const { stage, causes, states, cycles, cut } = play(input)
  const isOf = (cause: RestCause) => rootOf(cause, stage.pushes) === root
  const concerned = input.tags.flatMap((tag) => {
    const left = causes.get(tag.ref) ?? []
    const all = [...left, ...(stage.built.get(tag.ref)?.causes ?? [])]
    if (!all.some(isOf) && !tag.causes.some((cause) => rootOf(cause, stage.pushes) === root)) return []
    const mine = left.map((cause) => ({ ...cause, old: cause.old && !isOf(cause) }))
    const end = { causes: mine, state: states?.get(tag.ref) ?? null, cycle: false }
    return previewNode(tag, end, stage) ?? []
  })
  const nodes = concerned.sort(byLevel)
  return {
    nodes: nodes.map(({ ref, level, decision, waitsFor, seconds }) => ({
      ...{ ref, level, waitsFor, seconds },
      because: level === null ? decision : null,
    })),
    cycles: cycles.filter((cycle) => nodes.some(({ ref, level }) => level !== null && cycle.includes(ref))),
    seconds: secondsOf(nodes),
    cut,
  }
}

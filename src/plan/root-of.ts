import type { OwnPush, PlanCause, PlanTag } from './assemble-plan.ts'

type Move = Pick<PlanCause, 'base' | 'to'>

/** The build of ours that brought a base to where it is. None where somebody put there what we had pushed elsewhere. */
export const ownPushOf = ({ base, to }: Move, pushes: ReadonlyMap<string, OwnPush>): OwnPush | undefined => {
  const push = pushes.get(to)
  return push?.refs === undefined || push.refs.includes(base) ? push : undefined
}

/** The outside change that a cause goes back to: "base@digest", or the root of our build that pushed that digest to it. */
export const rootOf = (move: Move, pushes: ReadonlyMap<string, OwnPush>): string =>
  ownPushOf(move, pushes)?.root ?? `${move.base}@${move.to}`

/** All outside changes that a tag is concerned by. What a FROM pins concerns nobody. */
export const rootsOf = (
  { causes, recipeChange = null }: Pick<PlanTag, 'causes' | 'recipeChange'>,
  pushes: ReadonlyMap<string, OwnPush>,
): string[] => [
  ...causes.filter((cause) => !cause.pinned).map((cause) => rootOf(cause, pushes)),
  ...(recipeChange === null ? [] : [recipeChange]),
]

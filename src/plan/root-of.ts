import type { OwnPush, PlanCause } from './assemble-plan.ts'

/** The outside change that a cause goes back to: "base@digest", or the root of our build that pushed that digest. */
export const rootOf = ({ base, to }: Pick<PlanCause, 'base' | 'to'>, pushes: ReadonlyMap<string, OwnPush>): string =>
  pushes.get(to)?.root ?? `${base}@${to}`

import type { OwnPush, PlanCause } from './assemble-plan.ts'

type Around = {
  /** seconds */
  settle: number
  pushes: ReadonlyMap<string, OwnPush>
  headSince: (base: string) => Date | null
}

/**
 * When all bases that moved have stayed put long enough; null = nothing to wait for. What our own builds push does not wait.
 * A base that moves on, or back, begins anew: its head came later, or there is no cause any more.
 */
export function settledAt(causes: readonly PlanCause[], { settle, pushes, headSince }: Around): Date | null {
  const ends = causes
    .filter((cause) => !pushes.has(cause.to))
    .flatMap((cause) => headSince(cause.base) ?? [])
    .map((since) => since.getTime() + settle * 1000)
  return ends.length === 0 ? null : new Date(Math.max(...ends))
}

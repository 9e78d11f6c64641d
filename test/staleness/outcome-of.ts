import type { Verdict } from '../../src/staleness/verdict.ts'
import type { Outcome } from './brute-judge.ts'

type Said = Pick<Verdict['causes'][number], 'role' | 'base' | 'via' | 'platforms'>

/** What a verdict, or the rows it was stored as, comes to in the brute-force judge's words. `short`: refs as that one knows them. */
export const outcomeOf = (
  verdict: { status: string; causes: readonly Said[] },
  short: (ref: string) => string,
): Outcome => ({
  status: verdict.status as Outcome['status'],
  causes: verdict.causes
    .map((c) => short(`${c.role} ${c.base}${c.via === null ? '' : ` via ${c.via}`} on ${[...c.platforms].sort()}`))
    .sort(),
})

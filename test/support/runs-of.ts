/**
 * How often a property is tried: as often as a CI run has time for, or NUM_RUNS times where that is set, for a long search.
 * A failure prints its seed and path; `FC_SEED` and `FC_PATH` play just that again.
 */
export function runsOf(usual: number): { numRuns: number; seed?: number; path?: string; endOnFailure?: boolean } {
  const { NUM_RUNS, FC_SEED, FC_PATH } = process.env
  return {
    numRuns: NUM_RUNS ? Number(NUM_RUNS) : usual,
    ...(FC_SEED ? { seed: Number(FC_SEED) } : {}),
    ...(FC_PATH ? { path: FC_PATH, endOnFailure: true } : {}),
  }
}

import { relative } from 'node:path'

/** What of a run of jest is counted here; scripts/jest-reporter.ts writes it; `success` is its exit code. */
export type JestResult = {
  success: boolean
  numPassedTests: number
  numFailedTests: number
  numRuntimeErrorTestSuites: number
  testResults: readonly {
    name: string
    assertionResults: readonly { ancestorTitles: readonly string[]; status: string }[]
  }[]
}
/** Tests that did not run, gathered by file and outermost `describe`. */
export type Skipped = { where: string; count: number }
export type Tally = { passed: number; failed: number }

/** Every test jest left out, by file (relative to `root`) and outermost title, which says what is missing. */
export function skipped(result: JestResult, root: string): Skipped[] {
  const counts = new Map<string, number>()
  for (const file of result.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === 'passed' || test.status === 'failed') continue
      const where = [relative(root, file.name), ...test.ancestorTitles.slice(0, 1)].join(' › ')
      counts.set(where, (counts.get(where) ?? 0) + 1)
    }
  }
  return [...counts].map(([where, count]) => ({ where, count }))
}

/**
 * Checks and tests together. A file that could not be run, and a jest that failed without naming a test (or left no
 * result), count as one failure each; with `strict` every skipped test is one too.
 */
export function tally(
  checks: readonly boolean[],
  result: JestResult | null,
  left: readonly Skipped[],
  strict: boolean,
): Tally {
  const passedChecks = checks.filter(Boolean).length
  const failedChecks = checks.length - passedChecks
  if (!result) return { passed: passedChecks, failed: failedChecks + 1 }
  const named = result.numFailedTests + result.numRuntimeErrorTestSuites
  const tests = named === 0 && !result.success ? 1 : named
  const missing = strict ? left.reduce((sum, { count }) => sum + count, 0) : 0
  return { passed: passedChecks + result.numPassedTests, failed: failedChecks + tests + missing }
}

/** The last line of `npm test` and `.ci/run`. */
export const closingLine = ({ passed, failed }: Tally): string => `${passed} passed, ${failed} failed`

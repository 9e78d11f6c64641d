import { writeFileSync } from 'node:fs'
import type { AggregatedResult } from '@jest/reporters'
import type { JestResult } from './summary.ts'

/**
 * Writes what scripts/summary.ts counts from, to the file named by DRYDOCK_JEST_RESULT. Jest's own `--json` writes the errors
 * too, and breaks off where one of them refers to itself. Success is jest's exit code, not known here yet.
 */
export default class ResultFile {
  onRunComplete(_contexts: unknown, results: AggregatedResult): void {
    const file = process.env.DRYDOCK_JEST_RESULT
    if (!file) throw new Error('DRYDOCK_JEST_RESULT names no file')
    const summary: Omit<JestResult, 'success'> = {
      numPassedTests: results.numPassedTests,
      numFailedTests: results.numFailedTests,
      numRuntimeErrorTestSuites: results.numRuntimeErrorTestSuites,
      testResults: results.testResults.map(({ testFilePath, testResults }) => ({
        name: testFilePath,
        assertionResults: testResults.map(({ ancestorTitles, status }) => ({ ancestorTitles, status })),
      })),
    }
    writeFileSync(file, JSON.stringify(summary))
  }
}

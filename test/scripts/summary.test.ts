import { describe, expect, test } from '@jest/globals'
import { closingLine, type JestResult, skipped, tally } from '../../scripts/summary.ts'

const result = (given: Partial<JestResult>): JestResult => ({
  success: true,
  numPassedTests: 10,
  numFailedTests: 0,
  numRuntimeErrorTestSuites: 0,
  testResults: [],
  ...given,
})
const left = [{ where: 'test/build/docker.test.ts › needs a Docker daemon', count: 3 }]

describe('what counts as passed and failed', () => {
  test.each<[string, boolean[], JestResult | null, boolean, string]>([
    ['all good', [true, true], result({}), false, '12 passed, 0 failed'],
    ['a check failed', [true, false], result({}), false, '11 passed, 1 failed'],
    ['a test failed', [true], result({ success: false, numFailedTests: 2 }), false, '11 passed, 2 failed'],
    [
      'a file could not run',
      [true],
      result({ success: false, numRuntimeErrorTestSuites: 1 }),
      false,
      '11 passed, 1 failed',
    ],
    ['jest failed without a name', [true], result({ success: false }), false, '11 passed, 1 failed'],
    ['jest left no result', [true], null, false, '1 passed, 1 failed'],
    ['skipped tests on a bare machine', [], result({}), false, '10 passed, 0 failed'],
    ['skipped tests in CI', [], result({}), true, '10 passed, 3 failed'],
  ])('%s', (_name, checks, jest, strict, line) => {
    expect(closingLine(tally(checks, jest, left, strict))).toBe(line)
  })
})

test('skipped tests are gathered by file and outermost title; passed and failed ones are none', () => {
  const of = (status: string, ...ancestorTitles: string[]) => ({ status, ancestorTitles })
  const files = [
    {
      name: '/repo/test/a.test.ts',
      assertionResults: [of('pending', 'needs git', 'x'), of('pending', 'needs git'), of('passed')],
    },
    { name: '/repo/test/b.test.ts', assertionResults: [of('failed'), of('todo')] },
  ]
  expect(skipped(result({ testResults: files }), '/repo')).toEqual([
    { where: 'test/a.test.ts › needs git', count: 2 },
    { where: 'test/b.test.ts', count: 1 },
  ])
})
